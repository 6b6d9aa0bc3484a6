"""The protocol, HTTP and ASGI for hubs, publishers and subscribers. Private to this distribution."""
