"""How a process is connected to its NATS servers: who it is, TLS, and what it makes of silence."""

import json
import logging
import ssl
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlparse

import anyio
import attrs
import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st
from nats.aio.client import Client

from tests.cluster.servers import PROGRAM, WHY_NOT, one_server
from tests.cluster.users import write_user
from tests.ports import held_port
from tests.standalone.adapters.conftest import Clock
from tests.waiting import PATIENCE, until
from websubhub.standalone.adapters.nats import process as process_module
from websubhub.standalone.adapters.nats.ownership import peers as peers_module
from websubhub.standalone.adapters.nats.ownership.peers import Peers
from websubhub.standalone.adapters.nats.records.layout import Layout, agree, read_layout
from websubhub.standalone.adapters.nats.store import NatsStore
from websubhub.standalone.adapters.nats.wire import trying as trying_module
from websubhub.standalone.adapters.nats.wire.headers import read_headers
from websubhub.standalone.adapters.nats.wire.servers import watching
from websubhub.standalone.adapters.nats.wire.servers.choosing import ServerChoice
from websubhub.standalone.events.kinds import Kind
from websubhub.standalone.ports import StoreError, StoreLockedError, StoreVersionError


@pytest.fixture
def anyio_backend() -> str:
    """The client of the servers works on asyncio only."""
    return "asyncio"


@attrs.frozen
class Secured:
    """A server that wants TLS and a token."""

    place: str
    ca: Path
    token: Path


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    if PROGRAM is None:
        pytest.skip(WHY_NOT)
    folder = tmp_path_factory.mktemp("secured")
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    issued.private_key_pem.write_to_path(folder / "key.pem")
    for number, part in enumerate(issued.cert_chain_pems):
        part.write_to_path(folder / "chain.pem", append=bool(number))
    authority.cert_pem.write_to_path(folder / "ca.pem")
    (folder / "token").write_text("t0ken-of-the-tests\n")
    tls = ("--tls", "--tlscert", str(folder / "chain.pem"), "--tlskey", str(folder / "key.pem"))
    with one_server(folder, *tls, "--auth", "t0ken-of-the-tests") as url:
        yield Secured(urlparse(url).netloc, folder / "ca.pem", folder / "token")


@pytest.mark.threat("SEC-4")
@pytest.mark.parametrize("way", ["t0ken-of-the-tests@{place}?ca={ca}", "{place}?ca={ca}&token_file={token}"])
async def test_it_is_connected_over_tls_with_a_token_that_is_not_logged(
    way: str, secured: Secured, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    place = way.format(place=secured.place, ca=secured.ca, token=secured.token)
    async with NatsStore(f"{place}&gib=0.01", clock=clock) as store:
        assert (store.connection.connected, store.connection.partitions) == (True, 32)
        writer = store._process.jetstream.connection.watch._writer
        assert isinstance(writer.get_extra_info("ssl_object"), ssl.SSLObject)
    assert caplog.records
    assert "t0ken-of-the-tests" not in caplog.text


@pytest.mark.parametrize(
    ("way", "said"),
    [
        ("tls://t0ken-of-the-tests@{place}", "certificate verify failed"),
        ("wrong-t0ken@{place}?ca={ca}", "No NATS server answers"),
        ("{place}?ca={token}", "cannot be used"),
        ("{place}?ca={ca}&cert={ca}", "certificate in .* cannot be used"),
        ("{place}?ca={ca}.none", "cannot be used: no such file"),
        ("{place}?ca={ca}&token_file={token}.none", "cannot be read from .*: no such file"),
    ],
)
@pytest.mark.threat("SEC-4")
async def test_what_is_wrong_is_said_without_the_token(
    way: str, said: str, secured: Secured, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    place = way.format(place=secured.place, ca=secured.ca, token=secured.token)
    with pytest.raises(StoreError, match=said) as raised:
        async with NatsStore(place, clock=clock):
            raise AssertionError
    assert "t0ken" not in (str(raised.value) + caplog.text).replace(str(secured.token), "")


async def test_nothing_is_told_to_a_server_without_tls_if_there_must_be_some(nats_server: str, clock: Clock) -> None:
    with pytest.raises(StoreError, match="does not offer TLS"):
        async with NatsStore(f"tls://{nats_server}", clock=clock):
            raise AssertionError


async def test_a_lost_connection_is_told_and_comes_back(nats_hub: str, clock: Clock) -> None:
    told: list[tuple[Kind, dict[str, object]]] = []
    async with NatsStore(nats_hub, clock=clock) as store:
        store.broker.report_to(lambda kind, **fields: told.append((kind, fields)))
        connection = store._process.jetstream.connection
        connection.watch._writer.transport.abort()
        await until(lambda: [kind for kind, _ in told] == [Kind.STORE_LOST, Kind.STORE_FOUND])
        await until(lambda: store.connection.connected)
        assert store.connection.losses == 1
        await store.check_writable()
    for kind, fields in told:
        assert set(fields) == set(kind.shape.fields)


async def test_a_server_that_does_not_answer_is_left(
    nats_hub: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[dict[str, object]] = []
    async with NatsStore(nats_hub, clock=clock) as store:
        store.broker.report_to(lambda _, **fields: told.append(fields))
        client = store._process.jetstream.connection._client

        async def nothing(_: object) -> None:
            """Ask nothing."""
            monkeypatch.undo()

        monkeypatch.setattr(client, "_send_ping", nothing)
        await until(lambda: len(told) == 2)
    assert told[0] == {"reason": "it does not answer"}


async def test_an_answer_that_comes_late_is_no_reason_to_stop_reading(
    nats_hub: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "_SILENT_SECONDS", 0.0)  # every answer comes late
    monkeypatch.setattr(watching, "_SLEPT_SECONDS", 0.0)  # and that is this process's own fault
    async with NatsStore(nats_hub, clock=clock) as store:
        process = store._process
        heard = process._peers._heard_at
        await until(lambda: process._peers._heard_at > heard + 3)
        assert store.connection.losses == 0
        await store.check_writable()


class Place:
    def __init__(self, url: str) -> None:
        self.uri = urlparse(url)


def test_the_server_that_was_lost_is_tried_last() -> None:
    choice, servers = ServerChoice(), [Place(f"nats://{name}:4222") for name in "abc"]
    choice.connected("a:4222")
    tried = [(place.uri.hostname, pause > 0) for place, pause in (choice(servers, {}) for _ in range(6))]
    assert tried[:2] == [("b", False), ("c", False)]
    assert {name for name, _ in tried[2:5]} == {"a", "b", "c"}
    assert all(pauses for _, pauses in tried[2:])


class Time:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def said(name: str, *partitions: int) -> bytes:
    return json.dumps({"id": name, "waiting": 0, "partitions": partitions, "leaving": False}).encode()


def test_silence_counts_only_while_this_process_hears_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    time = Time()
    monkeypatch.setattr(peers_module, "monotonic", time)
    peers = Peers("own")
    assert peers.hear(said("other", 1))
    time.now += 60.0  # its own server stood still
    assert set(peers.living()) == {"other"}
    peers.hear(said("own"))
    assert set(peers.living()) == {"other"}
    assert peers.may_own("other", 1)
    assert peers.may_own("unknown", 1)
    for _ in range(6):  # now the other one is silent
        time.now += 0.5
        peers.hear(said("own"))
    assert not peers.living()
    assert not peers.may_own("other", 1)
    assert not peers.may_own("unknown", 1)


def test_what_another_process_gives_up_or_takes_is_news(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers_module, "monotonic", Time())
    peers = Peers("own")
    assert [peers.hear(said("other", *numbers)) for numbers in [(1,), (1,), (1, 2), (1, 2)]] == [
        True,
        False,
        True,
        False,
    ]
    assert not peers.hear(b"not of us")


@pytest.mark.parametrize(
    ("found", "own", "agreed"),
    [
        (None, Layout(version=1, needs=1), Layout(version=1, needs=1)),
        (Layout(version=1, needs=1), Layout(version=1, needs=1), None),
        (Layout(version=3, needs=1), Layout(version=1, needs=1), None),
        (Layout(version=1, needs=1), Layout(version=2, needs=1), Layout(version=2, needs=1)),
    ],
)
def test_layouts_that_go_together_agree(found: Layout | None, own: Layout, agreed: Layout | None) -> None:
    assert agree(found, own) == agreed
    if agreed is not None:
        assert read_layout(agreed.write()) == agreed


async def test_versions_work_side_by_side_or_say_where_they_differ(
    nats_hub: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def layout(version: int, needs: int, partitions: int = 32) -> None:
        monkeypatch.setattr(process_module, "OWN", Layout(version=version, needs=needs, partitions=partitions))

    def store() -> NatsStore:
        return NatsStore(nats_hub, clock=clock)

    async def refused(error: type[StoreError], words: str) -> None:
        with pytest.raises(error, match=words):
            async with store():
                raise AssertionError

    async with store():  # of the first layout
        layout(2, 1)
        async with store():
            layout(1, 1)
            async with store():
                pass
        layout(3, 3)
        await refused(StoreLockedError, "stop them first")
    async with store():
        layout(2, 1)
        await refused(StoreVersionError, "layout 3, which needs .* layout 3 or later, and this one is of layout 2")
        layout(3, 3, partitions=64)
        await refused(StoreVersionError, "have 32 partitions, and this version of websubhub has 64")


NAMES = st.text(alphabet="ABCabc-09", min_size=1)
VALUES = st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\r\n"))


@given(st.dictionaries(NAMES, VALUES))
def test_headers_are_read_as_the_client_library_reads_them(headers: dict[str, str]) -> None:
    raw = "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode() + b"\r\n"
    assert read_headers(raw) == Client._parse_header_lines(raw)


@pytest.fixture(scope="module")
def with_users(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A server that knows its users by their JWTs, and the credentials of one of them."""
    if PROGRAM is None:
        pytest.skip(WHY_NOT)
    folder = tmp_path_factory.mktemp("users")
    config, creds = write_user(folder)
    with one_server(folder, "-c", str(config)) as url:
        yield urlparse(url).netloc, creds


@pytest.mark.threat("SEC-4")
async def test_it_is_connected_with_the_credentials_of_a_user_that_are_not_logged(
    with_users: tuple[str, Path], clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    place, creds = with_users
    with pytest.raises(StoreError, match="No NATS server answers"):
        async with NatsStore(f"{place}?gib=0.01", clock=clock):
            raise AssertionError
    async with NatsStore(f"{place}?gib=0.01&creds={creds}", clock=clock) as store:
        connection = store._process.jetstream.connection
        connection.watch._writer.transport.abort()
        await until(lambda: store.connection.losses == 1 and store.connection.connected)
        await store.check_writable()
    *_, jwt, _, _, _, seed, _ = creds.read_text().splitlines()
    assert jwt.startswith("ey")
    assert seed.startswith("SU")
    assert jwt not in caplog.text
    assert seed not in caplog.text


@pytest.mark.parametrize("end", [0, 40, -60])
async def test_credentials_that_are_cut_off_are_an_error(
    end: int, with_users: tuple[str, Path], clock: Clock, tmp_path: Path
) -> None:
    place, creds = with_users
    (tmp_path / "cut.creds").write_text(creds.read_text()[:end])
    with pytest.raises(StoreError, match="must have the JWT and the seed of a NATS user"):
        async with NatsStore(f"{place}?creds={tmp_path / 'cut.creds'}", clock=clock):
            raise AssertionError


async def test_a_start_waits_for_a_server_if_it_is_told_to(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trying_module, "_PAUSE_SECONDS", 0.05)
    opened, over = anyio.Event(), anyio.Event()

    async def open_store(place: str) -> None:
        async with NatsStore(place, clock=clock) as store:
            await store.check_writable()
            opened.set()
            await over.wait()

    with held_port() as port, anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(open_store, f"127.0.0.1:{port}?wait=600&gib=0.01")
            await until(lambda: "Trying again for up to" in caplog.text)
            assert f"No NATS server answers at 127.0.0.1:{port}" in caplog.text
            with one_server(tmp_path, "-p", str(port)):
                await opened.wait()
            over.set()  # it ends as well although its server has just ended
    assert "Traceback" not in caplog.text


async def test_what_no_wait_can_mend_is_told_at_once(nats_hub: str, clock: Clock) -> None:
    async with NatsStore(nats_hub, clock=clock):
        pass
    with pytest.raises(StoreError, match="num_replicas is 1 and must be 3"):
        async with NatsStore(f"{nats_hub}&replicas=3&wait=600", clock=clock):
            raise AssertionError
