"""The connection to the servers: the one door to nats-py."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from time import monotonic

import anyio
import nats.errors
from attrs import frozen
from nats.aio.client import Client
from nats.aio.msg import Msg

from websubhub.standalone.adapters.nats.wire.address import Address
from websubhub.standalone.adapters.nats.wire.choosing import ServerChoice
from websubhub.standalone.adapters.nats.wire.credentials import credentials
from websubhub.standalone.adapters.nats.wire.errors import UnavailableError
from websubhub.standalone.adapters.nats.wire.headers import read_headers
from websubhub.standalone.adapters.nats.wire.watching import Watch
from websubhub.standalone.broker.bell import Bell
from websubhub.standalone.events.kinds import Kind
from websubhub.standalone.ports import StoreClosedError, StoreError

log: logging.Logger = logging.getLogger("websubhub")

OLDEST_SERVER = (2, 12, 7)
"""The oldest version of the servers that works."""
_CONNECT_SECONDS = 2
_PENDING_BYTES = 8 * 1_048_576


@frozen
class Reply:
    """An answer to a request: headers and data."""

    headers: Mapping[str, str]
    data: bytes


class _Client(Client):
    """A client that sends nothing of its own before the connection is encrypted, if it is to be.

    It reads headers in a tenth of the time: they are most of the work for a million small messages.
    """

    _parse_header_lines = staticmethod(read_headers)

    def _connect_command(self) -> bytes:
        if self.options.get("tls") is not None and not self._server_info.get("tls_required"):
            raise nats.errors.Error("nats: the server does not offer TLS")
        command: bytes = super()._connect_command()
        return command


class Connection:
    """A connection that comes back by itself when it is lost.

    Args:
        address: Where the servers are.

    Attributes:
        report: Records events.
        losses: How often the connection was lost.
        watch: Leaves a server that does not answer.
    """

    def __init__(self, address: Address) -> None:
        self._address = address
        self._client = _Client()
        self._open = False
        self._trouble = ""
        self._choice = ServerChoice()
        self._lost_at = 0.0
        self.watch: Watch = Watch(self._client)
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
        except (nats.errors.Error, OSError, ValueError) as error:
            await self._client.close()
            reason = self._trouble or _reason(error) or "no answer"
            self._client = _Client()  # for another try, which a closed one refuses
            self.watch = Watch(self._client)
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
            try:
                await self._client.close()
            except Exception as error:  # noqa: BLE001 - a transport that its server has just closed raises even TypeError
                log.debug("The connection to the NATS servers was not closed in order: %r", error)

    @property
    def is_connected(self) -> bool:
        """Whether a server is connected now."""
        return self._open and self._client.is_connected

    @property
    def is_clustered(self) -> bool:
        """Whether the server belongs to a cluster."""
        return bool(self._client._server_info.get("cluster"))  # noqa: SLF001 - there is no other way to ask

    @property
    def _netloc(self) -> str:
        url = self._client.connected_url
        return "" if url is None else str(url.netloc)

    async def _note(self, error: Exception) -> None:
        self._trouble = _reason(error) or type(error).__name__
        log.debug("NATS: %s", self._trouble)

    async def _lost(self) -> None:
        if self._open:
            self.losses += 1
            self._lost_at = monotonic()
            reason = "it does not answer" if self.watch.has_left() else self._trouble or "it ended"
            self.report(Kind.STORE_LOST, reason=reason)

    async def _found(self) -> None:
        self._choice.connected(self._netloc)
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
        except nats.errors.MaxPayloadError:
            raise StoreError("The NATS servers take no message as large as this one (max_payload).") from None
        except (nats.errors.Error, OSError) as error:
            self.check()
            raise UnavailableError(f"The NATS servers do not answer: {_reason(error)}.") from None
        return Reply(dict(answer.headers or {}), answer.data)

    async def publish(self, subject: str, payload: bytes = b"", reply: str = "") -> None:
        """Tell whoever listens, if the servers can be reached."""
        self.check()
        try:
            await self._client.publish(subject, payload, reply=reply)
        except (nats.errors.Error, OSError) as error:
            raise UnavailableError(f"The NATS servers cannot be told: {_reason(error)}.") from None

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
        except (nats.errors.Error, OSError) as error:
            raise UnavailableError(f"The NATS servers cannot be asked: {_reason(error)}.") from None

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
                except (nats.errors.Error, OSError):
                    log.debug("A subscription of NATS was not ended.")

    def check(self) -> None:
        """Make sure that it was not closed.

        Raises:
            StoreClosedError: It was.
        """
        if not self._open:
            raise StoreClosedError("The store is closed.")


def _reason(error: Exception) -> str:
    return str(error).removeprefix("nats: ") or type(error).__name__


def _log(kind: Kind, /, **fields: object) -> None:
    """Log an event that nobody records."""
    log.log(kind.shape.level, kind.shape.sentence.format_map(fields))
