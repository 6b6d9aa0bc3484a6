"""What deliveries cost when every subscriber is on a host of its own: ``python -m tests.benchmarks origins``."""

import hmac
import select
import socket
import statistics
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from urllib.parse import urlsplit

from tests.benchmarks.hub import Hub, running
from tests.benchmarks.measuring import Cost, Reading, Stopwatch, Table, Variant
from tests.benchmarks.sink import Sink, sink

_FEW = 200
_HOSTS = (_FEW, 1_100, 6_000, 20_000)
_DELIVERIES = 20_000
_AT_ONCE = 256
_BODY = b"x" * 1024
_FIELDS = "Content-Type: application/json\r\nContent-Length: 1024\r\n"


def fresh(sunk: Sink, number: int = _DELIVERIES) -> Cost:
    """The floor: a signed request on a new connection, by the least that Python can do for it."""
    watch = Stopwatch()
    calls = (_call(sunk.urls[index % len(sunk.urls)], index) for index in range(number))
    poller, answered = select.epoll(), 0
    under_way: dict[int, tuple[socket.socket, bytes]] = {}
    while answered < number:
        while len(under_way) < _AT_ONCE and (call := next(calls, None)) is not None:
            under_way[call[0].fileno()] = call
            poller.register(call[0].fileno(), select.EPOLLOUT)
        for fd, _ in poller.poll():
            sock, request = under_way[fd]
            if request:
                sock.send(request)
                under_way[fd] = sock, b""
                poller.modify(fd, select.EPOLLIN)
            else:
                assert sock.recv(16_384).startswith(b"HTTP/1.1 204 ")
                del under_way[fd]
                sock.close()
                answered += 1
    return watch.stop(number)


def _call(url: str, index: int) -> tuple[socket.socket, bytes]:
    address = urlsplit(url)
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    sock.connect_ex((address.hostname, address.port))
    signature = hmac.digest(f"secret-{index}".encode(), _BODY, "sha256").hex()
    head = f"POST /callback/{index} HTTP/1.1\r\nHost: {address.netloc}\r\n{_FIELDS}X-Hub-Signature: sha256={signature}"
    return sock, f"{head}\r\n\r\n".encode() + _BODY


def _variants(stack: ExitStack) -> Iterator[Variant]:
    yield Variant("a new connection for each, in plain Python", partial(fresh, _sink(stack, _HOSTS[-1])))
    for hosts in _HOSTS:
        hub = stack.enter_context(running(_sink(stack, hosts), hosts, origins=hosts))
        yield Variant(f"hub, {hosts:,} hosts", partial(_deliver, hub))


def _deliver(hub: Hub) -> Cost:
    """Deliver right after other deliveries to the same hosts, so that those are connected that will be."""
    hub.deliver(1)
    return hub.deliver(max(1, _DELIVERIES // hub.subscriptions))


def _sink(stack: ExitStack, hosts: int) -> Sink:
    """Subscribers of one hub alone: a server that has no place for the connections of all of them would close some."""
    return stack.enter_context(sink(hosts=hosts))


def _table(rounds: int) -> Table:
    with ExitStack() as stack:
        variants = list(_variants(stack))
        costs = [[variant.run().cpu_per_thousand for variant in variants] for _ in range(rounds)]
    rows, bars = [], []
    for at, variant in enumerate(variants):
        bars.append(statistics.median(each[at] for each in costs) * 1_000)
        times = [statistics.median(each[at] / each[floor] for each in costs) for floor in (1, 0)]
        rows.append((variant.name, f"{bars[-1]:.1f}", *(f"{ratio:.2f}" for ratio in times)))
    return Table(("CPU us each", f"x {_FEW} hosts", "x new connection"), rows, bars, "CPU microseconds each")


BENCHMARKS = (
    Reading("origins", "A signed delivery of 1 KiB by the whole hub, to subscribers that have a host each.", _table),
)
