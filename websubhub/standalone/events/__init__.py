"""Events: what happens in a hub, as log lines with fields. The newest are also kept in memory."""
