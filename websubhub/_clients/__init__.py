"""Clients of hubs and of topics: what a publisher and a hub send."""
