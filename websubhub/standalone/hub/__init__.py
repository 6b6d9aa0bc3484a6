"""The service of the standalone hub: its hooks, and its rules for publishers and topics."""
