"""Ports for what must be told beforehand where to listen.

Whoever can, listens on port 0 and is asked where that is. A program whose port stands in its arguments, and a hub that
comes back where it was, need a number before. It is held here by a socket that is bound and does not listen: nobody
else on this machine is given the port meanwhile, connections to it are refused, and a server that allows for the reuse
of addresses, as all do, can listen there, stop, and listen again.
"""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

HOST = "127.0.0.1"


@contextmanager
def held_ports(number: int) -> Iterator[list[int]]:
    """Hold some ports of loopback until the block ends."""
    with ExitStack() as stack:
        yield [stack.enter_context(_held()) for _ in range(number)]


@contextmanager
def held_port() -> Iterator[int]:
    """Hold a port of loopback until the block ends."""
    with _held() as port:
        yield port


@contextmanager
def _held() -> Iterator[int]:
    with socket.socket() as holding:
        holding.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holding.bind((HOST, 0))
        yield holding.getsockname()[1]
