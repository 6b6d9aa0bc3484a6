"""HTTP/1.1 and HTTP/2 on any event loop, with TLS or without: hypercorn, made strict and bounded."""
