"""Connections: their sockets, TLS, requests and answers."""
