"""The console: pages and REST for the people who approve. ``docs/console.md`` tells it to users."""
