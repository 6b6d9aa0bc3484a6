"""The HTTP server, which accepts a limited number of connections until it is told to stop."""
