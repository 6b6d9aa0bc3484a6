"""A hub that thinks it is private and is not: whoever comes from elsewhere needs a token, to operate and to publish."""

import pytest

from tests.standalone.hub import ADMIN, FORM, TOKEN, world
from websubhub import Headers
from websubhub.standalone.reach import Reach

pytestmark = pytest.mark.threat("DOS-11")

TOPIC = "https://topic.example/"
HERE = "http://127.0.0.1:8080/hub"
PROXIED = [
    ("X-Forwarded-For", "203.0.113.7"),
    ("Forwarded", "for=203.0.113.7"),
    ("Via", "1.1 proxy.example"),
    ("X-Real-IP", "203.0.113.7"),
    ("X-Forwarded-Host", "hub.example.com"),
]


@pytest.mark.parametrize(
    ("url", "host", "private"),
    [
        (HERE, "127.0.0.1", True),
        (HERE, "localhost", True),
        ("http://[::1]:8080/hub", "::1", True),
        (HERE, "0.0.0.0", False),  # noqa: S104
        (HERE, "::", False),
        (HERE, "", False),
        (HERE, "192.0.2.1", False),
        (HERE, None, False),
        ("https://hub.example.com/hub", "127.0.0.1", False),
    ],
)
def test_the_public_url_and_the_address_decide_together(url: str, host: str | None, private: bool) -> None:  # noqa: FBT001
    reach = Reach(url, host)
    assert reach.private is private
    assert reach.is_private(Headers([("Host", "127.0.0.1:8080")])) is private


@pytest.mark.parametrize("host", [[], [("Host", "hub.example.com")], [("Host", "192.0.2.1:8080")], [("Host", "[")]])
def test_a_request_for_another_host_is_not_private(host: list[tuple[str, str]]) -> None:
    assert not Reach(HERE, "127.0.0.1").is_private(Headers(host))


@pytest.mark.parametrize(("name", "value"), PROXIED)
async def test_what_a_proxy_passed_on_needs_a_token(name: str, value: str, caplog: pytest.LogCaptureFixture) -> None:
    async with world(admin_token=None) as hub:
        base = hub.hub.removesuffix("/hub")
        query = {"hub.mode": "publish", "hub.topic": TOPIC}
        answers = [await hub.client.get(base + "/admin/topics", headers=headers) for headers in ({}, {name: value})] + [
            await hub.client.post(hub.hub, params=query, content=b"1", headers={"Content-Type": "text/x", **headers})
            for headers in ({}, {name: value})
        ]
        assert [answer.status_code for answer in answers] == [200, 401, 200, 401]
        form = {"hub.mode": "register", "hub.topic": TOPIC}
        answer = await hub.client.post(hub.hub, data=form, headers={"Content-Type": FORM, name: value})
        assert answer.status_code == 401
    assert caplog.text.count("came through a proxy") <= 2, "once for operators and once for publishers at the most"
    assert "203.0.113.7" not in caplog.text


async def test_through_a_proxy_tokens_open_a_hub() -> None:
    async with world(publisher_token=(TOKEN,)) as hub:
        headers = {"X-Forwarded-For": "203.0.113.7"}
        shown = headers | {"Authorization": f"Bearer {ADMIN}"}
        base = hub.hub.removesuffix("/hub")
        assert (await hub.client.get(base + "/admin/topics", headers=shown)).status_code == 200
        query = {"hub.mode": "publish", "hub.topic": TOPIC}
        shown = headers | {"Authorization": f"Bearer {TOKEN}", "Content-Type": "text/x"}
        assert (await hub.client.post(hub.hub, params=query, content=b"1", headers=shown)).status_code == 200


async def test_a_hub_on_all_addresses_with_a_url_of_this_machine_is_not_open(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with world(admin_token=None, host="0.0.0.0", public_url="http://localhost/hub") as hub:  # noqa: S104
        assert (await hub.client.get(hub.hub.removesuffix("/hub") + "/admin/topics")).status_code == 401
        assert (await hub.publish(TOPIC)).status_code == 401
        assert (await hub.ask(mode="register", topic=TOPIC)).status_code == 401
    assert "publishing to it need tokens" in caplog.text
