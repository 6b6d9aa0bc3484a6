"""Stores for the standalone hub. Each implements ``websubhub.standalone.ports``."""
