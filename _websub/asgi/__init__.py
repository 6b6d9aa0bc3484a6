"""The ASGI side: reading requests, writing responses, and choosing an application by path."""
