"""Measuring a running hub: its requests, its event loop, its process, and the last 24 hours."""
