"""The store of what became of messages in memory."""
