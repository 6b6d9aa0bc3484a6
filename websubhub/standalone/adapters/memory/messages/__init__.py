"""The store of messages and their results in memory."""
