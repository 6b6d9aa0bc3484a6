"""The HTTP server: connections accepted and bounded, hypercorn below them, until the process is told to stop."""
