"""Events: what happens in a hub, as lines of the log with fields, and the newest of them in memory."""
