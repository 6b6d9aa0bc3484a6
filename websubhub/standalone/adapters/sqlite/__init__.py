"""The hub on embedded SQLite: one file, one process, one thread that reads and writes it."""
