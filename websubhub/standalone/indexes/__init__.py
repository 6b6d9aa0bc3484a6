"""Indexes in memory, for the adapters that keep what they know there."""
