"""Indexes in memory, shared by the adapters that keep their state there."""
