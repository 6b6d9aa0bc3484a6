"""The HTTP server: connections accepted and bounded, until the process is told to stop."""
