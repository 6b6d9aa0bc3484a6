"""The protocol that hubs, publishers and subscribers share; private to this distribution."""
