"""Who holds how much of what is short, so that whoever holds the most gives way first."""

import ipaddress
from collections.abc import Iterator
from functools import lru_cache
from typing import Generic, TypeVar

T = TypeVar("T")

_NETWORK_BYTES = 8


@lru_cache(maxsize=1024)
def client_of(host: str) -> str:
    """Whom a request is counted to: an IPv4 address, or the /64 network of an IPv6 one.

    Args:
        host: The address of the other side; what is no address counts as it is.
    """
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv4Address):
        return host
    return str(address.ipv4_mapped or address.packed[:_NETWORK_BYTES].hex())


class Shares(Generic[T]):
    """Things by the client that holds them, each client's in the order in which they came."""

    def __init__(self) -> None:
        self._held: dict[str, dict[T, None]] = {}
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def add(self, client: str, thing: T) -> None:
        """Count a thing to a client."""
        self._held.setdefault(client, {})[thing] = None
        self._length += 1

    def discard(self, client: str, thing: T) -> None:
        """Count a thing no more; one that was not counted changes nothing."""
        held = self._held.get(client, {})
        if thing not in held:
            return
        del held[thing]
        self._length -= 1
        if not held:
            del self._held[client]

    def __iter__(self) -> Iterator[T]:
        for held in self._held.values():
            yield from held

    def by_holder(self) -> Iterator[tuple[T, ...]]:
        """The things of each client, the client with the most first."""
        for held in sorted(self._held.values(), key=len, reverse=True):
            yield tuple(held)

    def oldest_of_the_largest(self) -> T | None:
        """The oldest thing of the client that holds the most."""
        largest = max(self._held.values(), key=len, default=None)
        return next(iter(largest)) if largest else None
