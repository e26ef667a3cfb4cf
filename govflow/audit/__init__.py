"""What is recorded, in which bytes, and how anyone checks it. Pure: no database, no clock, no randomness."""
