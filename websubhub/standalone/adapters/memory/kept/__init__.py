"""Messages and failed attempts as they are kept in memory."""
