"""The database file, and the thread that reads and writes it."""
