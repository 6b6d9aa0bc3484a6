"""Proxies between two programs that talk over TCP, through which a test can cut the network between them.

A cut is either silent, as when a cable is pulled: what was sent does not arrive, connections stay open, and new ones
hang; what the kernel would send again arrives once the cut is mended. Or it resets every connection, old and new, as a
firewall does that rejects.
"""

import asyncio
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar

from anyio.from_thread import BlockingPortal, start_blocking_portal

from tests.ports import HOST

_CHUNK_BYTES = 65_536
_RESET = struct.pack("ii", 1, 0)  # of SO_LINGER: what was not sent is dropped, and the peer gets a reset
_T = TypeVar("_T")


class Link:
    """A proxy of one port, which can be cut and mended from any thread.

    Args:
        portal: The event loop.
        target: The port.

    Attributes:
        port: Where it listens.
        carried: How many bytes it has carried.
    """

    def __init__(self, portal: BlockingPortal, target: int) -> None:
        self._portal = portal
        self._target = target
        self._there, self._back = _Gate(), _Gate()
        self._resets = False
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.carried = 0
        self.port = 0

    async def open(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, HOST, 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop listening, and end every connection."""
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def connections(self) -> int:
        """How many connections there are, the hanging ones too."""
        return self._call(lambda: len(self._tasks))

    def cut(self, *, there: bool = True, back: bool = True) -> None:
        """Let nothing through silently, to the target, from it, or both."""

        def cut() -> None:
            self._there.shut(shut=there)
            self._back.shut(shut=back)

        self._call(cut)

    def reset(self) -> None:
        """Reset every connection, and new ones too."""

        def reset() -> None:
            self._resets = True
            for writer in self._writers:
                _abort(writer)

        self._call(reset)

    def mend(self) -> None:
        """Let everything through again."""

        def mend() -> None:
            self._resets = False
            self._there.shut(shut=False)
            self._back.shut(shut=False)

        self._call(mend)

    def _call(self, function: Callable[[], _T]) -> _T:
        return self._portal.call(function)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        try:
            await self._carry(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass  # whichever side has failed, both are reset
        finally:
            _abort(writer)
            self._writers.discard(writer)
            self._tasks.discard(task)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Connect to the target as soon as a network would, and carry what both sides send."""
        if self._resets:
            return
        for gate in (self._there, self._back):
            await gate.opened()
        if reader.at_eof():
            return  # nobody waits for this connection any longer
        target_reader, target_writer = await asyncio.open_connection(HOST, self._target)
        self._writers.add(target_writer)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._pump(reader, target_writer, self._there))
                tasks.create_task(self._pump(target_reader, writer, self._back))
        except* OSError:
            pass
        finally:
            _abort(target_writer)
            self._writers.discard(target_writer)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, gate: "_Gate") -> None:
        """Carry what one side sends, and then its end."""
        try:
            while data := await reader.read(_CHUNK_BYTES):
                await gate.opened()
                writer.write(data)
                await writer.drain()
                self.carried += len(data)
        except OSError:
            await gate.opened()  # a reset is cut off like everything else, and so is an end
            raise
        await gate.opened()
        with suppress(OSError):
            writer.write_eof()


class _Gate:
    """What lets bytes through in one direction, or not."""

    def __init__(self) -> None:
        self._open = asyncio.Event()
        self._open.set()

    def shut(self, *, shut: bool) -> None:
        (self._open.clear if shut else self._open.set)()

    async def opened(self) -> None:
        if not self._open.is_set():
            await self._open.wait()


def _abort(writer: asyncio.StreamWriter) -> None:
    """End a connection with a reset."""
    sock: socket.socket | None = writer.get_extra_info("socket")
    if sock is not None and not writer.transport.is_closing():
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()


class Proxies:
    """Makes proxies.

    Args:
        portal: The event loop that they run in.
    """

    def __init__(self, portal: BlockingPortal) -> None:
        self._portal = portal
        self._links: list[Link] = []

    def link(self, target: int) -> Link:
        """Return a new proxy of a port."""
        link = Link(self._portal, target)
        self._portal.call(link.open)
        self._links.append(link)
        return link

    def close(self) -> None:
        """Close all of them."""
        for link in self._links:
            self._portal.call(link.close)


@contextmanager
def proxies() -> Iterator[Proxies]:
    """Run proxies in a thread of their own."""
    with start_blocking_portal("asyncio") as portal:
        made = Proxies(portal)
        try:
            yield made
        finally:
            made.close()
