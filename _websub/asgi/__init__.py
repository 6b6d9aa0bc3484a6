"""The border to ASGI: requests in, responses out, and which application answers at a path."""
