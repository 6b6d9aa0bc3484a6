"""Names are looked up in few threads, of which no site has more than its share."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import anyio
import pytest

from _websub.calls.lookups import Lane, site_of
from _websub.calls.resolving import Resolver
from tests.waiting import PATIENCE, until, until_in_thread


@pytest.mark.parametrize(
    ("host", "site"),
    [
        ("example.com", "example.com"),
        ("a.b.c.example.com", "example.com"),
        ("a.example.co.uk", "example.co.uk"),
        ("example.co.uk", "example.co.uk"),
        ("a.example.com.au.", "example.com.au"),
        ("a.example.de", "example.de"),
        ("localhost", "localhost"),
        ("", ""),
    ],
)
def test_a_name_is_counted_to_what_somebody_has_registered(host: str, site: str) -> None:
    assert site_of(host) == site


@contextmanager
def lane(threads: int) -> Iterator[tuple[Lane, threading.Event, list[str]]]:
    """A lane, what ends the names that hang in it, and the names that have begun."""
    end, begun = threading.Event(), list[str]()
    one = Lane(threads)
    try:
        yield one, end, begun
    finally:
        end.set()
        one.close()


@pytest.mark.threat("SSRF-24", "DOS-12")
def test_the_dead_names_of_one_site_leave_threads_to_others_and_none_is_forgotten() -> None:
    with lane(8) as (one, end, begun):

        def hang(host: str) -> None:
            begun.append(host)
            end.wait(PATIENCE)

        for number in range(50):
            host = f"n{number}.evil.example"
            assert one.put(host, partial(hang, host))
        until_in_thread(lambda: len(begun) == 2)
        done = threading.Event()
        assert one.put("good.example", done.set)
        assert done.wait(PATIENCE)
        assert len(begun) == 2, "a quarter of eight"
        end.set()
        until_in_thread(lambda: len(begun) == 50)


def test_a_line_is_bounded_and_has_room_again() -> None:
    with lane(4) as (one, end, begun):

        def hang() -> None:
            begun.append("")
            end.wait(PATIENCE)

        for number in range(1_000):
            assert one.put(f"n{number}.example", hang)
        assert not one.put("good.example", end.set)
        end.set()
        until_in_thread(lambda: len(begun) == 1_000)
        done = threading.Event()
        until_in_thread(lambda: one.put("good.example", done.set))
        assert done.wait(PATIENCE)


def test_a_lane_that_is_closed_starts_nothing_more() -> None:
    with lane(1) as (one, end, begun):

        def hang() -> None:
            begun.append("a")
            end.wait(PATIENCE)

        one.put("a.example", hang)
        until_in_thread(lambda: begun)
        one.put("b.example", lambda: begun.append("b"))
        one.close()
        end.set()
    until_in_thread(lambda: not [thread for thread in threading.enumerate() if thread.name == "websub-names"])
    assert begun == ["a"]


@pytest.mark.threat("SSRF-24", "DOS-12")
async def test_a_name_that_was_found_before_is_looked_up_while_dead_ones_have_all_other_threads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    end, hanging = threading.Event(), list[str]()

    def look_up(host: str, port: int, **_: Any) -> list[Any]:
        if host.startswith("dead"):
            hanging.append(host)
            end.wait(PATIENCE)
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", port))]

    async def ask(host: str) -> None:
        with pytest.raises(OSError, match="Temporary"):
            await resolver.addresses(host, 80)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    resolver = Resolver(8, 2)
    assert await resolver.addresses("good.example", 80) == ["192.0.2.1"]
    async with anyio.create_task_group() as tasks:
        for number in range(20):
            tasks.start_soon(ask, f"dead{number}.example{number}")
        await until(lambda: len(hanging) == 6)
        with anyio.fail_after(PATIENCE):
            assert await resolver.addresses("good.example", 80) == ["192.0.2.1"]
        assert len(hanging) == 6
        end.set()


async def test_whatever_a_resolver_raises_is_an_error_of_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def look_up(*_: Any, **__: Any) -> list[Any]:
        raise ZeroDivisionError

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with pytest.raises(OSError, match="failed"):
        await Resolver().addresses("odd.example", 80)
