"""Moving to another server when the connected one is cut off from the others: it answers, but nothing can be stored."""

import json
from time import monotonic
from typing import Any

import anyio
from attrs import define

from websubhub.standalone.adapters.nats.wire.address import Address
from websubhub.standalone.adapters.nats.wire.client import CLIENT_ERRORS, ask_once
from websubhub.standalone.adapters.nats.wire.servers.choosing import ServerChoice
from websubhub.standalone.adapters.nats.wire.servers.watching import Watch
from websubhub.standalone.broker.bell import Bell

_DOUBT_SECONDS = 1.0  # after which it is more than a slow answer
_ASKED_SECONDS = 2.0
_LOOK_AGAIN_SECONDS = 10.0
_LOOK_SECONDS = 0.8
_PAUSE_SECONDS = 0.5
_SURE_SECONDS = 0.5  # what was sent just before a cut may still have arrived
_NANOSECONDS = 1e9


@define
class _Doubt:
    """Since when something was not answered, and when it was asked for the last time."""

    since: float
    asked_at: float


class Doubts:
    """The streams about which the connected server does not answer, and since when."""

    def __init__(self) -> None:
        self._doubts: dict[tuple[str, str], _Doubt] = {}
        self._raised = Bell()

    def note(self, stream: str, what: str, begun: float) -> None:
        """Note that there is no answer about a stream, although it was asked for since a time."""
        doubt = self._doubts.setdefault((stream, what), _Doubt(begun, begun))
        doubt.asked_at = monotonic()
        self._raised.ring()

    def clear(self, stream: str, what: str) -> None:
        """Note that there is an answer about a stream."""
        if self._doubts:
            self._doubts.pop((stream, what), None)

    def forget(self) -> None:
        """Forget all doubts, since another server is connected."""
        self._doubts.clear()

    def oldest(self) -> tuple[str, float] | None:
        """Return the stream about which there has been no answer for the longest time, if that is long, and since when.

        What nobody asks for any longer does not count.
        """
        now = monotonic()
        old = [
            (doubt.since, stream)
            for (stream, _), doubt in self._doubts.items()
            if now - doubt.since >= _DOUBT_SECONDS and now - doubt.asked_at < _ASKED_SECONDS
        ]
        if not old:
            return None
        since, stream = min(old)
        return stream, since

    async def wait(self) -> None:
        """Wait for the next doubt."""
        await self._raised.wait(_LOOK_AGAIN_SECONDS)


class Mover:
    """Leaves the connected server if only another one leads to a leader that can store something.

    The evidence is what the leader of the stream says through either. It must have heard from so many others since the
    trouble began that it can store something. One that was cut off has not, and may not know that it no longer leads.

    Args:
        client: The client.
        address: How to connect to others.
        choice: Chooses the next server.
        watch: Leaves the connected one.

    Attributes:
        doubts: The streams that do not answer.
    """

    def __init__(self, client: Any, address: Address, choice: ServerChoice, watch: Watch) -> None:
        self._client = client
        self._address = address
        self._choice = choice
        self._watch = watch
        self.doubts: Doubts = Doubts()

    async def run(self) -> None:
        """Move when that helps, until cancelled."""
        while True:
            await self.doubts.wait()
            doubt = self.doubts.oldest() if self._client.is_connected else None
            if doubt is None:
                continue
            place = await self._better(*doubt)
            if place and self.doubts.oldest() is not None:
                self._choice.prefer(place)
                self._watch.leave("it has lost contact to the other servers")
            await anyio.sleep(_PAUSE_SECONDS)

    async def _better(self, stream: str, since: float) -> str:
        """Return a server through which a stream can be written, unless it can be through the connected one."""
        subject = f"$JS.API.STREAM.INFO.{stream}"
        connected, servers = self._client.connected_url, self._client._server_pool  # noqa: SLF001 - for their TLS names
        places: list[str] = []
        is_here = False

        async def look_here() -> None:
            nonlocal is_here
            try:
                answer = await self._client.request(subject, b"", timeout=_LOOK_SECONDS)
            except CLIENT_ERRORS:
                return
            is_here = can_store(answer.data, monotonic() - since)

        async def look(server: Any) -> None:
            url, host = server.uri.geturl(), server.tls_name
            answer = await ask_once(self._address, url, subject, seconds=_LOOK_SECONDS, tls_name=host)
            if answer is not None and can_store(answer.data, monotonic() - since):
                places.append(server.uri.netloc)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(look_here)
            for server in servers:
                if connected is None or server.uri.netloc != connected.netloc:
                    tasks.start_soon(look, server)
        return places[0] if places and not is_here else ""


def can_store(info: bytes, seconds: float) -> bool:
    """Return whether the leader of a stream can store something, according to what it said of the stream.

    Args:
        info: What it said.
        seconds: For how long there has been trouble. It must have heard from a majority since.
    """
    try:
        cluster = json.loads(info)["cluster"]
        active = [float(replica["active"]) / _NANOSECONDS for replica in cluster.get("replicas") or ()]
    except (ValueError, TypeError, LookupError, AttributeError):
        return False  # an error, or one server alone
    heard = sum(each < seconds - _SURE_SECONDS for each in active)
    return bool(cluster.get("leader")) and 2 * (1 + heard) > 1 + len(active)
