"""Stores for the standalone hub; each satisfies websubhub.standalone.ports."""
