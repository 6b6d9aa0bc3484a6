"""What hubs, publishers and subscribers share: the protocol, HTTP and ASGI. Private to this distribution."""
