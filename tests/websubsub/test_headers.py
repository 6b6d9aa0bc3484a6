"""Headers of a subscriber's requests: pairs or a mapping, and a list where a name has several values."""

from typing import Any

import httpx
import pytest

from websubsub import DiscoveryClient, SubscriptionClient, Target

HUB = "https://hub.example/"
TOPIC = "https://publisher.example/feed"
HEADERS: list[Any] = [
    {"X-A": ["1", "2"], "X-B": "3"},
    [("X-A", ["1", "2"]), ("X-B", "3")],
    [("X-A", "1"), ("X-A", "2"), ("X-B", "3")],
]


class Web:
    """Answers everything, and remembers it."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.MockTransport(self._answer))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return httpx.Response(202, headers={"Link": f'<{HUB}>; rel="hub", <{TOPIC}>; rel="self"'})


@pytest.mark.parametrize("headers", HEADERS, ids=range(len(HEADERS)))
async def test_every_value_is_a_header_of_its_own(headers: Any) -> None:
    web = Web()
    async with web.client() as client:
        subscription = SubscriptionClient(client=client)
        for change in (subscription.subscribe, subscription.unsubscribe):
            await change(hub=HUB, topic=TOPIC, callback="https://s.example/1", headers=headers)
        await DiscoveryClient(client=client).discover(TOPIC, accept="application/atom+xml", headers=headers)
    assert len(web.requests) == 3
    for request in web.requests:
        assert request.headers.get_list("x-a") == ["1", "2"]
        assert request.headers.get_list("x-b") == ["3"]
    assert web.requests[2].headers.get_list("accept") == ["application/atom+xml"]


@pytest.mark.parametrize("headers", HEADERS, ids=range(len(HEADERS)))
def test_those_of_a_target_too(headers: Any) -> None:
    target = Target(resource=TOPIC, headers=headers, discovery_headers=headers)
    for each in (target.headers, target.discovery_headers):
        assert each.get_all("x-a") == ("1", "2")
