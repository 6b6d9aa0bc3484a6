"""Messages and what became of them in SQLite: their counts, failed attempts, and how long both are kept."""
