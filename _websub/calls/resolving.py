"""Lookups of names that hold up neither the event loop nor the names that were found before."""

import socket
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import anyio
from anyio.lowlevel import current_token

from _websub.calls.lookups import Lane

_THREADS = 32
_FOR_KNOWN = 8
_REMEMBERED = 10_000


class Resolver:
    """Asks the system's resolver, in threads. Some threads are only for names that were found before.

    Args:
        threads: How many names are looked up at a time.
        known: How many of these threads are for names that were found before.
    """

    def __init__(self, threads: int = _THREADS, known: int = _FOR_KNOWN) -> None:
        self._lanes = {False: Lane(threads - known), True: Lane(known)}
        self._found: OrderedDict[str, None] = OrderedDict()

    async def addresses(self, host: str, port: int) -> list[str]:
        """Return the addresses of a name, in the order in which they should be tried.

        Raises:
            OSError, UnicodeError: The name has none, or too many names are being looked up.
        """
        done, outcome, tell = anyio.Event(), list[list[str] | Exception](), _teller()

        def look_up() -> None:
            try:
                rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
                outcome.append(list(dict.fromkeys(str(row[4][0]) for row in rows)))
            except Exception as error:  # noqa: BLE001 - a task waits for the outcome, whatever the resolver does
                outcome.append(error)
            with suppress(RuntimeError):  # the event loop has ended, so no task waits
                tell(done.set)

        if not self._lanes[host in self._found].put(host, look_up):
            raise OSError("Too many names are being looked up.")
        await done.wait()
        [found] = outcome
        if isinstance(found, (OSError, UnicodeError)):
            raise found
        if isinstance(found, Exception):
            raise OSError("The resolver failed.") from found
        self._remember(host)
        return found

    def _remember(self, host: str) -> None:
        self._found[host] = None
        self._found.move_to_end(host)
        if len(self._found) > _REMEMBERED:
            self._found.popitem(last=False)


def _teller() -> Callable[[Callable[[], None]], object]:
    """Return a function that calls another one on the running event loop, from a thread."""
    native: Any = current_token().native_token
    call: Callable[[Callable[[], None]], object] = getattr(native, "call_soon_threadsafe", None) or native.run_sync_soon
    return call
