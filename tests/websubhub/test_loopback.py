"""A hub on loopback is for the programs of its machine, and for no page that a browser there shows."""

import pytest

import websubhub
from _websub.asgi.origins import refusal_on_loopback
from _websub.http import Request
from tests.websub.conversation import body_of, converse, scope_of
from tests.websub.test_user_code import FORMS

# ruff: noqa: ARG002 - a hook that says yes to everything needs no message


class Agreeable(websubhub.HubService):
    """Says yes to everything, and verifies later."""

    async def on_register_topic(self, message: websubhub.TopicRegistration) -> websubhub.TopicRegistrationSuccess:
        return websubhub.TopicRegistrationSuccess()

    async def on_deregister_topic(self, message: websubhub.TopicDeregistration) -> websubhub.TopicDeregistrationSuccess:
        return websubhub.TopicDeregistrationSuccess()

    async def on_update_message(self, message: websubhub.UpdateMessage) -> websubhub.Acknowledgement:
        return websubhub.Acknowledgement()

    async def on_subscription(self, message: websubhub.Subscription) -> websubhub.SubscriptionAccepted:
        return websubhub.SubscriptionAccepted(deferred=True)

    async def on_subscription_intent_verified(self, message: websubhub.VerifiedSubscription) -> None:
        """Keep nothing."""

    async def on_unsubscription_intent_verified(self, message: websubhub.VerifiedUnsubscription) -> None:
        """Keep nothing."""


FORM_TYPE = ("content-type", "application/x-www-form-urlencoded")
OWN = "http://localhost:8080"


def request(*headers: tuple[str, str], host: str = "localhost:8080") -> Request:
    return Request(method="POST", url=f"http://{host}/hub", headers=headers)


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("Origin", OWN)],
        [("Origin", OWN), ("Sec-Fetch-Site", "same-origin")],
        [("Sec-Fetch-Site", "none")],
        [("Origin", "HTTP://LOCALHOST:8080")],
        [("Referer", "https://evil.example/")],
    ],
)
def test_programs_and_pages_of_its_own_are_served(headers: list[tuple[str, str]]) -> None:
    assert refusal_on_loopback(request(*headers)) is None


@pytest.mark.parametrize(
    "headers",
    [
        [("Origin", "https://evil.example")],
        [("Origin", "null")],
        [("Origin", "")],
        [("Origin", "http://localhost:9999")],
        [("Origin", "http://localhost")],
        [("Origin", "http://127.0.0.1:8080")],
        [("Origin", "http://localhost:8080.evil.example")],
        [("Origin", "http://localhost:99999999")],
        [("Origin", OWN), ("Origin", "https://evil.example")],
        [("Sec-Fetch-Site", "cross-site")],
        [("Sec-Fetch-Site", "same-site")],
        [("Sec-Fetch-Site", "Cross-Site"), ("Origin", OWN)],
        [("sec-fetch-site", "")],
    ],
)
@pytest.mark.threat("DOS-10")
def test_other_pages_are_not(headers: list[tuple[str, str]]) -> None:
    assert "web pages" in str(refusal_on_loopback(request(*headers)))


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1:8080", "127.9.9.9", "[::1]:8080", "app.localhost", "LOCALHOST"]
)
def test_names_of_this_machine_are_served(host: str) -> None:
    assert refusal_on_loopback(request(host=host)) is None


@pytest.mark.parametrize(
    "host",
    ["evil.example", "localhost.evil.example", "192.168.0.7:8080", "0.0.0.0:8080", "[::2]", "127.0.0.1.evil.example"],
)
@pytest.mark.threat("DOS-10")
def test_other_names_are_not(host: str) -> None:
    assert "localhost only" in str(refusal_on_loopback(request(host=host)))


# --- at a hub ---------------------------------------------------------------------------------------------------------


async def ask(url: str, form: bytes, *headers: tuple[str, str], host: str = "localhost") -> int:
    hub = websubhub.asgi(Agreeable(), websubhub.HubConfig(url=url))
    scope = scope_of(headers=[("host", host), FORM_TYPE, *headers])
    return (await converse(hub, scope, body_of(form))).status


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("url", ["http://127.0.0.1:8080/hub", "http://localhost/hub"])
async def test_every_post_of_a_hub_on_loopback_is_guarded(url: str, form: bytes) -> None:
    assert await ask(url, form) in {200, 202}
    assert await ask(url, form, ("Origin", "https://evil.example")) == 403
    assert await ask(url, form, ("Sec-Fetch-Site", "cross-site")) == 403
    assert await ask(url, form, host="evil.example") == 403


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
async def test_a_public_hub_takes_what_comes(form: bytes) -> None:
    url = "https://hub.example/hub"
    assert await ask(url, form, ("Origin", "https://page.example"), host="whatever.example") in {200, 202}


@pytest.mark.parametrize(
    ("topic", "callback", "status"),
    [
        ("http://127.0.0.1:5000/internal", "https://evil.example/", 400),
        ("http://localhost/internal", "https://evil.example/", 400),
        ("http://[::1]/internal", "http://192.0.2.1/", 400),
        ("http://127.0.0.1:5000/internal", "http://127.0.0.1:6000/", 202),
        ("https://a.example/", "https://b.example/", 202),
        ("https://a.example/", "http://127.0.0.1:6000/", 202),
    ],
)
@pytest.mark.threat("DOS-10")
async def test_what_is_on_loopback_stays_there(topic: str, callback: str, status: int) -> None:
    form = f"hub.mode=subscribe&hub.topic={topic}&hub.callback={callback}".encode()
    assert await ask("http://127.0.0.1:8080/hub", form) == status
