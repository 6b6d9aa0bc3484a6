"""The delivery engine: one message to many subscriptions, at the speed of the wire."""
