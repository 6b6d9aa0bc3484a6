"""The command line of the standalone hub."""
