"""The hub on embedded SQLite: one file, one process, and one thread that reads and writes the file."""
