"""The service of the standalone hub: its hooks, and the rules about publishers and topics."""
