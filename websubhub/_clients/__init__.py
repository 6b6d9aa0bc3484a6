"""The clients of publishers and hubs."""
