"""A network that is cut between real servers: a hub moves to those that can store something."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import anyio
import attrs
import pytest

from tests.cluster.network import Network, network
from tests.cluster.servers import PROGRAM, WHY_NOT, Server, cluster
from tests.waiting import PATIENCE
from websubhub.standalone.adapters.nats.store import NatsStore
from websubhub.standalone.events.kinds import Kind
from websubhub.standalone.ports import StoreError

pytestmark = pytest.mark.skipif(PROGRAM is None, reason=WHY_NOT)
_NAMES = ("s0", "s1", "s2")


@pytest.fixture
def anyio_backend() -> str:
    """The client of the servers works on asyncio only."""
    return "asyncio"


@attrs.frozen
class Partitioned:
    """Three servers, and the ways between them and to them."""

    servers: list[Server]
    ways: Network
    ports: list[int]

    @property
    def store(self) -> str:
        """Where a hub finds them."""
        return ",".join(f"127.0.0.1:{port}" for port in self.ports) + "?gib=0.01"

    def connected(self, store: NatsStore) -> str:
        """The server that a hub is connected to."""
        url = store._process.jetstream.connection._client.connected_url
        return "" if url is None or url.port is None else _NAMES[self.ports.index(url.port)]


@pytest.fixture(scope="module")
def partitioned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Partitioned]:
    with network() as ways:
        reach = lambda who, whom, port: ways.way(_NAMES[who], _NAMES[whom], port)  # noqa: E731
        with cluster(tmp_path_factory.mktemp("servers"), reach=reach) as servers:
            listening = [int(server.url.rpartition(":")[2]) for server in servers]
            ports = [ways.way("hub", name, port) for name, port in zip(_NAMES, listening, strict=True)]
            yield Partitioned(servers, ways, ports)


@asynccontextmanager
async def told(partitioned: Partitioned) -> AsyncIterator[tuple[NatsStore, list[tuple[Kind, dict[str, object]]]]]:
    """A hub, and what it tells of its connection."""
    events: list[tuple[Kind, dict[str, object]]] = []
    async with NatsStore(partitioned.store) as store:
        store.broker.report_to(lambda kind, **fields: events.append((kind, fields)))
        try:
            yield store, events
        finally:
            partitioned.ways.mend()


async def led_elsewhere(store: NatsStore, here: str, stream: str) -> None:
    """See to it that a stream has a leader, at another server than the one that the hub is connected to."""
    jetstream = store._process.jetstream
    with anyio.fail_after(PATIENCE):
        while (leader := (await jetstream.ask(f"STREAM.INFO.{stream}", None))["cluster"].get("leader")) in {None, here}:
            if leader:
                await jetstream.ask(f"STREAM.LEADER.STEPDOWN.{stream}", {})


async def is_writable(store: NatsStore) -> bool:
    """Whether something can be stored now."""
    try:
        await store.check_writable()
    except StoreError:
        return False
    return True


async def test_a_server_that_is_cut_off_from_the_others_is_left(partitioned: Partitioned) -> None:
    async with told(partitioned) as (store, events):
        await store.check_writable()
        here = partitioned.connected(store)
        await led_elsewhere(store, here, "WSH_T")
        partitioned.ways.cut_off(here, _NAMES, "silently")

        with anyio.fail_after(PATIENCE):
            while not await is_writable(store):
                pass
        assert partitioned.connected(store) != here
        assert events[0] == (Kind.STORE_LOST, {"reason": "it has lost contact to the other servers"})
