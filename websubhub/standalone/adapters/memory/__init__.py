"""The hub in memory, for tests and trials: everything is gone when the process ends."""
