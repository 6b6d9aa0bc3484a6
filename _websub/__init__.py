"""The protocol, HTTP and ASGI for hubs, publishers and subscribers. Private to this distribution."""

__version__ = "0.1.0"
