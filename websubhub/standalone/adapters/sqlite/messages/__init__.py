"""Messages and their results in SQLite: their counts, failed attempts, and how long both are kept."""
