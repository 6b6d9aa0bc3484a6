"""What became of messages in SQLite: their counts, failed attempts, and how long both are kept."""
