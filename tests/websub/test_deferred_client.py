"""A client for HTTP that is loaded when it is first used."""

import anyio
import httpx
import pytest

from _websub.calls import deferred
from _websub.calls.deferred import DeferredClient
from _websub.calls.exchange import ExchangeError, ExchangeLimits, Failure
from _websub.grammar.addresses import AddressPolicy


def client(given: httpx.AsyncClient | None = None) -> DeferredClient:
    return DeferredClient(given, addresses=AddressPolicy(), limits=ExchangeLimits(response_bytes=7))


async def test_whoever_uses_it_gets_the_same_one() -> None:
    one, found = client(), []

    async def get() -> None:
        found.append(await one.get())

    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(get)
    assert len(found) == 3
    assert len({id(each) for each in found}) == 1
    assert found[0].limits.response_bytes == 7
    await one.aclose()


@pytest.mark.parametrize("error", [OSError(24, "Too many open files"), ImportError("it was removed")])
async def test_what_cannot_be_loaded_is_an_exchange_that_failed_and_may_work_later(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise error

    one = client()
    with monkeypatch.context() as patch:
        patch.setattr(deferred, "_load", fail)
        with pytest.raises(ExchangeError) as raised:
            await one.get()
    assert raised.value.failure is Failure.BROKEN
    assert (await one.get()).limits.response_bytes == 7
    await one.aclose()


async def test_a_client_of_another_kind_is_refused_at_once() -> None:
    with pytest.raises(TypeError, match="client must be"):
        client(httpx.Client())  # type: ignore[arg-type]


async def test_closing_what_was_never_used_loads_nothing() -> None:
    await client().aclose()
