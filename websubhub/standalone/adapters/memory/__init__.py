"""The hub in memory, for tests and trials. Everything is lost when the process ends."""
