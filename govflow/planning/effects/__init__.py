"""What code does to the world, found by reading it: SQL, HTTP, files, programs, messages, cloud calls."""
