"""The background work of the standalone hub: delivering, verifying, fetching, and cleaning up."""
