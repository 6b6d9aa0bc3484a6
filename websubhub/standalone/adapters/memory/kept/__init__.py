"""The messages and failed attempts in memory."""
