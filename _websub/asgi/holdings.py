"""Scarce things, grouped by the client that holds them, so that the client with the most gives way first."""

import ipaddress
from collections.abc import Iterator
from functools import lru_cache
from typing import Generic, TypeVar

T = TypeVar("T")

_NETWORK_BYTES = 8


@lru_cache(maxsize=1024)
def client_of(host: str) -> str:
    """Return the client that a request counts for: an IPv4 address, or the /64 network of an IPv6 address.

    Args:
        host: The address of the peer. Text that is not an address is returned unchanged.
    """
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv4Address):
        return host
    return str(address.ipv4_mapped or address.packed[:_NETWORK_BYTES].hex())


class Holdings(Generic[T]):
    """Things grouped by the client that holds them, in the order in which they were added."""

    def __init__(self) -> None:
        self._held: dict[str, dict[T, None]] = {}
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def add(self, client: str, thing: T) -> None:
        """Add a thing that a client holds."""
        self._held.setdefault(client, {})[thing] = None
        self._length += 1

    def discard(self, client: str, thing: T) -> None:
        """Remove a thing, if it is there."""
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
        """Yield the things of each client, beginning with the client that holds the most."""
        for held in sorted(self._held.values(), key=len, reverse=True):
            yield tuple(held)

    def oldest_of_the_largest(self) -> T | None:
        """Return the oldest thing of the client that holds the most, or None."""
        largest = max(self._held.values(), key=len, default=None)
        return next(iter(largest)) if largest else None
