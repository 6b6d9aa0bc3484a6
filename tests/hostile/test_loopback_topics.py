"""A hub on loopback fetches what is on this machine for those who name it so, and not for those who lead it there."""

import socket
from typing import Any

import pytest

from tests.conformance.hubs import RawCallback, served
from websubhub import TopicClient, TopicFetchError

LOCAL_HUB = "http://localhost:8080/hub"
OUTSIDE = "127.0.0.2"


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lead ``inside.example`` to this machine, and ``outside.example`` to an address that stands for the world."""
    real = socket.getaddrinfo
    known = {"inside.example": "127.0.0.1", "outside.example": OUTSIDE}

    def look_up(host: Any, *rest: Any, **options: Any) -> Any:
        return real(known.get(host, host), *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)


def _answer(status: int, **headers: str) -> Any:
    return lambda _: (status, [("Content-Type", "text/plain"), *headers.items()], b"of this machine")


@pytest.mark.usefixtures("names")
@pytest.mark.threat("DOS-10", "SSRF-9", "SSRF-13")
@pytest.mark.parametrize("redirected", [False, True])
async def test_what_is_on_this_machine_is_fetched_for_topics_of_this_machine_alone(*, redirected: bool) -> None:
    inside = RawCallback(_answer(200))
    async with served(inside) as hidden, TopicClient(LOCAL_HUB, allow_networks=(f"{OUTSIDE}/32",)) as client:
        leading = RawCallback(_answer(302, Location=hidden))
        async with served(leading, host=OUTSIDE) as away:
            topic = (
                away.replace(OUTSIDE, "outside.example")
                if redirected
                else hidden.replace("127.0.0.1", "inside.example")
            )
            for attempt in (client.fetch, client.look):
                with pytest.raises(TopicFetchError):
                    await attempt(topic)
        assert len(leading.requests) == (2 if redirected else 0)
        assert not inside.requests
        content = await client.fetch(hidden)
        assert content is not None
        assert content.body == b"of this machine"
