"""The private set of sockets of an engine, which an event loop can wait for as if it were one socket."""

import select
import selectors
from typing import Protocol

READABLE = 1
WRITABLE = 4
BROKEN = 8
"""Reported for a connection that could not be made or has ended, whatever else was asked for."""

EVENTS_AT_ONCE = 256


class Poller(Protocol):
    """The part of ``select.epoll`` that the engine uses."""

    def register(self, fd: int, eventmask: int, /) -> None: ...
    def modify(self, fd: int, eventmask: int, /) -> None: ...
    def unregister(self, fd: int, /) -> None: ...
    def poll(self, timeout: float, maxevents: int, /) -> list[tuple[int, int]]: ...
    def fileno(self) -> int: ...
    def close(self) -> None: ...


class SelectorPoller:
    """A poller for other systems, with the best selector they have. It cannot tell what is broken, so all may be.

    Raises:
        NotImplementedError: The selector of this system has no file descriptor that an event loop could wait for.
    """

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        if not hasattr(self._selector, "fileno"):
            self._selector.close()
            raise NotImplementedError("Deliveries need epoll or kqueue, which this system does not have.")
        self._fileno: int = self._selector.fileno()

    def register(self, fd: int, eventmask: int, /) -> None:
        self._selector.register(fd, _to_selector(eventmask))

    def modify(self, fd: int, eventmask: int, /) -> None:
        self._selector.modify(fd, _to_selector(eventmask))

    def unregister(self, fd: int, /) -> None:
        self._selector.unregister(fd)

    def poll(self, timeout: float, maxevents: int, /) -> list[tuple[int, int]]:
        ready = self._selector.select(timeout)
        return [(key.fd, _from_selector(events)) for key, events in ready[:maxevents]]

    def fileno(self) -> int:
        return self._fileno

    def close(self) -> None:
        self._selector.close()


def open_poller() -> Poller:
    """Return an empty set of sockets."""
    if hasattr(select, "epoll"):
        return select.epoll()
    return SelectorPoller()


def _to_selector(mask: int) -> int:
    return (selectors.EVENT_READ if mask & READABLE else 0) | (selectors.EVENT_WRITE if mask & WRITABLE else 0)


def _from_selector(events: int) -> int:
    ready = (READABLE if events & selectors.EVENT_READ else 0) | (WRITABLE if events & selectors.EVENT_WRITE else 0)
    return ready | BROKEN
