"""The connection to the servers, which comes back when it is lost."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any

import anyio

from websubhub.standalone.adapters.nats.wire.address import Address
from websubhub.standalone.adapters.nats.wire.client import (
    CLIENT_ERRORS,
    MaxPayloadError,
    Msg,
    Reply,
    ServersClient,
    reason_of,
)
from websubhub.standalone.adapters.nats.wire.credentials import credentials
from websubhub.standalone.adapters.nats.wire.errors import UnavailableError
from websubhub.standalone.adapters.nats.wire.servers.choosing import ServerChoice
from websubhub.standalone.adapters.nats.wire.servers.moving import Mover
from websubhub.standalone.adapters.nats.wire.servers.watching import Watch
from websubhub.standalone.broker.bell import Bell
from websubhub.standalone.events.kinds import Kind
from websubhub.standalone.ports import StoreClosedError, StoreError

log: logging.Logger = logging.getLogger("websubhub")

OLDEST_SERVER = (2, 12, 7)
"""The oldest version of the servers that works."""
_CONNECT_SECONDS = 2
_PENDING_BYTES = 8 * 1_048_576


class Connection:
    """A connection that comes back by itself when it is lost.

    Args:
        address: Where the servers are.

    Attributes:
        report: Records events.
        losses: How often the connection was lost.
        watch: Leaves a server that does not answer.
        mover: Leaves a server that is cut off from the others.
    """

    def __init__(self, address: Address) -> None:
        self._address = address
        self._client = ServersClient()
        self._open = False
        self._trouble = ""
        self._choice = ServerChoice()
        self._lost_at = 0.0
        self.watch: Watch = Watch(self._client)
        self.mover: Mover = Mover(self._client, address, self._choice, self.watch)
        self.losses: int = 0
        self.report: Callable[..., None] = _log

    async def open(self) -> None:
        """Connect to one of the servers.

        Raises:
            UnavailableError: None of them can be reached.
            StoreError: They are too old, or the credentials cannot be read.
        """
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            raise StoreError("A store at nats:// works on asyncio only, and this hub runs on trio.") from None
        try:
            with anyio.fail_after(_CONNECT_SECONDS * (len(self._address.servers) + 1)):
                await self._connect()
        except (*CLIENT_ERRORS, ValueError) as error:
            await self._client.close()
            reason = self._trouble or reason_of(error) or "no answer"
            self._client = ServersClient()  # for another try, which a closed one refuses
            self.watch = Watch(self._client)
            self.mover = Mover(self._client, self._address, self._choice, self.watch)
            raise UnavailableError(f"No NATS server answers at {self._address.places}: {reason}.") from None
        version = self._client.connected_server_version
        if (version.major, version.minor, version.patch) < OLDEST_SERVER:
            await self._client.close()
            oldest = ".".join(map(str, OLDEST_SERVER))
            raise StoreError(f"The NATS server is of version {version}, and must be of {oldest} or later.")
        self._choice.connected(self._netloc)
        self._open = True

    async def _connect(self) -> None:
        await self._client.connect(
            list(self._address.servers),
            name=f"websubhub {self._address.name}",
            error_cb=self._note,
            disconnected_cb=self._lost,
            reconnected_cb=self._found,
            allow_reconnect=True,
            max_reconnect_attempts=2,
            connect_timeout=_CONNECT_SECONDS,
            reconnect_time_wait=0.2,  # type: ignore[arg-type]  # it is only added to a time
            ping_interval=_CONNECT_SECONDS,  # until it is watched
            max_outstanding_pings=2,
            pending_size=_PENDING_BYTES,
            reconnect_to_server_handler=self._choice,
            **credentials(self._address),
        )
        self._client.options["max_reconnect_attempts"] = -1  # the first connection may fail, a lost one comes back

    async def close(self) -> None:
        """Close it. What was not answered fails."""
        self._open = False
        with anyio.move_on_after(_CONNECT_SECONDS, shield=True):
            await self._client.close()

    @property
    def is_connected(self) -> bool:
        """Whether a server is connected now."""
        return self._open and self._client.is_connected

    @property
    def server_info(self) -> Mapping[str, Any]:
        """The information that the server gives about itself."""
        info: Mapping[str, Any] = self._client._server_info  # noqa: SLF001 - there is no other way to ask
        return info

    @property
    def _netloc(self) -> str:
        url = self._client.connected_url
        return "" if url is None else str(url.netloc)

    async def _note(self, error: Exception) -> None:
        self._trouble = reason_of(error) or type(error).__name__
        log.debug("NATS: %s", self._trouble)

    async def _lost(self) -> None:
        if self._open:
            self.losses += 1
            self._lost_at = monotonic()
            reason = self.watch.why_left() or self._trouble or "it ended"
            self.report(Kind.STORE_LOST, reason=reason)

    async def _found(self) -> None:
        self._choice.connected(self._netloc)
        self.mover.doubts.forget()
        self.report(Kind.STORE_FOUND, seconds=round(monotonic() - self._lost_at, 1))

    async def request(
        self, subject: str, payload: bytes = b"", *, headers: dict[str, str] | None = None, seconds: float
    ) -> Reply:
        """Ask for an answer.

        Raises:
            UnavailableError: There was none in time.
            StoreClosedError: The connection was closed.
        """
        self.check()
        try:
            answer = await self._client.request(subject, payload, timeout=seconds, headers=headers)
        except MaxPayloadError:
            raise StoreError("The NATS servers take no message as large as this one (max_payload).") from None
        except CLIENT_ERRORS as error:
            self.check()
            raise UnavailableError(f"The NATS servers do not answer: {reason_of(error)}.") from None
        return Reply(dict(answer.headers or {}), answer.data)

    async def publish(self, subject: str, payload: bytes = b"", reply: str = "") -> None:
        """Tell whoever listens, if the servers can be reached."""
        self.check()
        try:
            await self._client.publish(subject, payload, reply=reply)
        except CLIENT_ERRORS as error:
            raise UnavailableError(f"The NATS servers cannot be told: {reason_of(error)}.") from None

    async def listen(self, subject: str, heard: Callable[[bytes, str], Awaitable[None]]) -> None:
        """Call a function with what others publish, and where they want an answer."""
        self.check()

        async def call(message: Msg) -> None:
            await heard(message.data, message.reply)

        await self._client.subscribe(subject, cb=call)

    @asynccontextmanager
    async def answers(self) -> AsyncIterator[tuple[str, Callable[[float], Awaitable[Reply | None]]]]:
        """Yield where to have many answers sent to, and a function that waits some seconds for the next."""
        self.check()
        inbox = self._client.new_inbox()
        replies, arrived = deque[Reply](), Bell()

        async def take(message: Msg) -> None:
            replies.append(Reply(message.headers or {}, message.data))
            arrived.ring()

        try:
            subscription = await self._client.subscribe(inbox, cb=take)
        except CLIENT_ERRORS as error:
            raise UnavailableError(f"The NATS servers cannot be asked: {reason_of(error)}.") from None

        async def following(seconds: float) -> Reply | None:
            until = monotonic() + seconds
            while not replies and (left := until - monotonic()) > 0:
                await arrived.wait(left)
            return replies.popleft() if replies else None

        try:
            yield inbox, following
        finally:
            if self._open:
                try:
                    await subscription.unsubscribe()
                except CLIENT_ERRORS:
                    log.debug("A subscription of NATS was not ended.")

    def check(self) -> None:
        """Make sure that it was not closed.

        Raises:
            StoreClosedError: It was.
        """
        if not self._open:
            raise StoreClosedError("The store is closed.")


def _log(kind: Kind, /, **fields: object) -> None:
    """Log an event that nobody records."""
    log.log(kind.shape.level, kind.shape.sentence.format_map(fields))
