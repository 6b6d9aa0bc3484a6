"""A client for each subscription costs next to nothing: those with the same rules share one engine."""

import asyncio
import gc
import subprocess
import sys
import textwrap
import threading
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from tests.conformance.hubs import RawCallback, a_subscription, served
from tests.waiting import PATIENCE
from tests.waiting import until_in_thread as until
from tests.websubhub.distribution.peers import NO_CONTENT, answering, hang, peer
from websubhub import (
    ContentDeliveryError,
    ContentDistributionMessage,
    ContentDistributor,
    EngineLimits,
    HubClient,
    Subscription,
)

HUB = "http://127.0.0.1:8080/hub"
MESSAGE = ContentDistributionMessage(content=b"hello")


def to(base: str, path: str = "/callback") -> Subscription:
    return a_subscription(hub=HUB, callback=base + path)


def descriptors() -> int:
    return len(list(Path("/dev/fd").iterdir()))


async def deliver(client: HubClient) -> int:
    return (await client.notify_content_distribution(MESSAGE)).status


@asynccontextmanager
async def clients(base: str, number: int, **settings: Any) -> AsyncIterator[list[HubClient]]:
    made = [HubClient(to(base, f"/{n}"), **settings) for n in range(number)]
    try:
        yield made
    finally:
        for client in made:
            await client.aclose()


THREE_THOUSAND = """
    import resource, sys
    import anyio
    from websubhub import ContentDistributionMessage, HubClient, Subscription

    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024))
    MESSAGE = ContentDistributionMessage(content=b"hello")

    async def main() -> None:
        clients = [
            HubClient(
                Subscription(
                    hub="http://127.0.0.1:8080/hub", topic="https://p.example/", callback=f"{sys.argv[2]}/{n}",
                    lease_seconds=60, secret=f"secret {n}",
                ),
                timeout=60 + n,
            )
            for n in range(3_000)
        ]
        statuses = []

        async def deliver(some: list[HubClient]) -> None:
            for client in some:
                statuses.append((await client.notify_content_distribution(MESSAGE)).status)

        async with anyio.create_task_group() as tasks:
            for n in range(100):
                tasks.start_soon(deliver, clients[n::100])
        print(len(statuses), set(statuses))

    anyio.run(main, backend=sys.argv[1])
"""


def test_three_thousand_clients_fit_into_1024_file_descriptors(anyio_backend: str) -> None:
    with peer(answering(NO_CONTENT)) as server:
        command = [sys.executable, "-W", "error", "-c", textwrap.dedent(THREE_THOUSAND), anyio_backend, server.url]
        done = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
    assert (done.stdout.strip(), done.stderr) == ("3000 {204}", "")
    assert len({request.split(b" ")[1] for request in server.requests}) == 3_000


async def test_they_cost_one_engine_together_and_it_goes_with_the_last_of_them() -> None:
    with peer(answering(NO_CONTENT)) as server:
        before = descriptors()
        async with clients(server.url, 300) as made:
            for client in made:
                await deliver(client)
            assert server.connections == 1
            assert descriptors() - before < 20
            for client in made[:-1]:
                await client.aclose()
            assert await deliver(made[-1]) == 204
            assert server.connections == 1, "closing the others has not closed its connection"
        until(lambda: descriptors() <= before)


async def test_those_that_are_forgotten_leave_nothing_behind() -> None:
    with peer(answering(NO_CONTENT)) as server:
        before = descriptors()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for n in range(20):
                await deliver(HubClient(to(server.url, f"/{n}")))
            gc.collect()
        until(lambda: descriptors() <= before)


async def test_messages_at_the_same_time_are_all_delivered_and_connections_are_bounded_together() -> None:
    with peer(answering(NO_CONTENT)) as server:
        limits = EngineLimits(connections_per_origin=3)
        async with clients(server.url, 200, limits=limits) as made, anyio.create_task_group() as tasks:
            for client in made:
                tasks.start_soon(deliver, client)
    assert len(server.requests) == 200
    assert server.most <= 3


async def test_closing_one_ends_its_own_deliveries_and_no_others() -> None:
    ended: list[str] = []

    async def expect(client: HubClient, name: str, kind: type[Exception]) -> None:
        with pytest.raises(kind):
            await deliver(client)
        ended.append(name)

    with peer(hang) as silent, peer(answering(NO_CONTENT)) as server:
        one, other, third = (
            HubClient(to(silent.url)),
            HubClient(to(silent.url), timeout=60),
            HubClient(to(server.url)),
        )
        with anyio.fail_after(PATIENCE):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(expect, one, "one", RuntimeError)
                tasks.start_soon(expect, other, "other", RuntimeError)
                while silent.connections < 2:  # noqa: ASYNC110 - a server in threads has no event
                    await anyio.sleep(0.001)
                await one.aclose()
                assert await deliver(third) == 204
                await anyio.wait_all_tasks_blocked()
                assert ended == ["one"]
                await third.aclose()
                assert ended == ["one"]
                await other.aclose()
    assert ended == ["one", "other"]


async def test_a_closed_client_says_so() -> None:
    client = HubClient(to("http://127.0.0.1:1"))
    await client.aclose()
    await client.aclose()
    with pytest.raises(RuntimeError, match=r"^The client is closed\.$"):
        await deliver(client)


async def test_other_rules_have_other_engines() -> None:
    with peer(answering(NO_CONTENT)) as server:
        public = a_subscription(hub="https://hub.example/", callback=server.url)
        allowed = HubClient(public, allow_networks=["127.0.0.0/8"])
        refused = HubClient(public)
        for client in (HubClient(to(server.url)), allowed):
            assert await deliver(client) == 204
        with pytest.raises(ContentDeliveryError):
            await deliver(refused)
        assert await deliver(HubClient(to(server.url), limits=EngineLimits(connections=1))) == 204


async def test_a_slow_subscriber_keeps_nobody_waiting_who_is_elsewhere() -> None:
    with peer(hang) as silent, peer(answering(NO_CONTENT)) as server:
        async with clients(silent.url, 50) as stuck, clients(server.url, 50) as healthy:
            with anyio.fail_after(PATIENCE):
                async with anyio.create_task_group() as tasks:
                    for client in stuck:
                        tasks.start_soon(deliver, client)
                    await anyio.wait_all_tasks_blocked()
                    assert [await deliver(client) for client in healthy] == [204] * 50
                    tasks.cancel_scope.cancel()


async def test_a_distributor_without_limits_shares_and_one_with_limits_has_its_own() -> None:
    with peer(answering(NO_CONTENT)) as server:
        shared, own = ContentDistributor(HUB), ContentDistributor(HUB, limits=EngineLimits())
        async with shared, own, HubClient(to(server.url)) as client:
            for distributor in (shared, own):
                await distributor.distribute(MESSAGE, "https://p.example/", [to(server.url)], lambda *_: None)
            await deliver(client)
            assert server.connections == 2
            await shared.aclose()
            assert await deliver(client) == 204
            assert server.connections == 2


def test_a_client_made_before_any_loop_is_used_in_one_and_then_in_another(anyio_backend: str) -> None:
    with peer(answering(NO_CONTENT)) as server:
        before = descriptors()
        one, other = HubClient(to(server.url)), HubClient(to(server.url))
        for _ in range(3):
            assert anyio.run(deliver, one, backend=anyio_backend) == 204
            assert anyio.run(deliver, other, backend=anyio_backend) == 204
        anyio.run(one.aclose, backend=anyio_backend)
        anyio.run(other.aclose, backend=anyio_backend)
        del one, other
        gc.collect()
        until(lambda: descriptors() <= before)


def test_asyncio_run_twice_with_new_clients() -> None:
    with peer(answering(NO_CONTENT)) as server:

        async def main() -> int:
            async with HubClient(to(server.url)) as client:
                return await deliver(client)

        assert [asyncio.run(main()) for _ in range(2)] == [204, 204]


def test_one_client_in_loops_of_several_threads_at_a_time() -> None:
    statuses: list[int] = []

    def run(client: HubClient) -> None:
        async def main() -> None:
            statuses.extend([await deliver(client) for _ in range(20)])

        anyio.run(main)

    with peer(answering(NO_CONTENT)) as server:
        client = HubClient(to(server.url))
        threads = [threading.Thread(target=run, args=(client,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
    assert statuses == [204] * 80


async def test_order_for_one_subscription_is_that_of_its_calls() -> None:
    callback = RawCallback()
    async with served(callback) as base, HubClient(to(base)) as client, HubClient(to(base)) as other:
        for n in range(20):
            message = ContentDistributionMessage(content=str(n))
            await (client, other)[n % 2].notify_content_distribution(message)
    assert [int(body) for _, _, _, body in callback.requests] == list(range(20))
