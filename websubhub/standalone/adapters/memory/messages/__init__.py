"""What became of messages in memory: their counts, failed attempts, and how long both are kept."""
