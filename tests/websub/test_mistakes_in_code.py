"""Mistakes in a program are told where they are made, in a sentence that says what to pass instead."""

import datetime as dt
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

import websubhub
import websubsub
from tests.ports import HOST, held_port
from tests.waiting import PATIENCE
from websubhub import (
    ContentDistributionMessage,
    HubClient,
    HubConfig,
    HubListener,
    HubService,
    PublisherClient,
    RetryPolicy,
    Subscription,
    SubscriptionAccepted,
    Unsubscription,
    VerifiedSubscription,
)
from websubsub import SubscriberConfig, SubscriberListener, SubscriberService, Target

ROOT = Path(__file__).parents[2]
URL = "http://127.0.0.1:8080/hub"
PAIR = {"hub": URL, "topic": "https://example.com/feed", "callback": "https://example.com/callback"}


class Hub(HubService, abstract=True):
    """A hub that nobody calls."""


class Reader(SubscriberService, abstract=True):
    """A subscriber that nobody calls."""


MISTAKES: list[tuple[Callable[[], object], str]] = [
    (lambda: websubhub.asgi(Hub, HubConfig(url=URL)), "The service must be an instance; write Hub(), not Hub."),  # type: ignore[arg-type]
    (lambda: websubhub.run(Hub), "The service must be an instance; write Hub(), not Hub."),  # type: ignore[arg-type]
    (lambda: websubhub.run("hub"), "The service must be of type HubService, not str."),  # type: ignore[arg-type]
    (lambda: websubhub.run(Hub(), {"url": URL}), "The config must be of type HubConfig, not dict."),  # type: ignore[arg-type]
    (lambda: websubhub.run(Hub(), HubConfig), "The config must be an instance; write HubConfig(), not HubConfig."),  # type: ignore[arg-type]
    (lambda: HubListener().attach(Hub), "The service must be an instance; write Hub(), not Hub."),  # type: ignore[arg-type]
    (lambda: HubConfig(url=8080), "HubConfig.url must be text or None, not int."),  # type: ignore[arg-type]
    (lambda: HubConfig(lease_seconds="60"), "HubConfig.lease_seconds must be a whole number of seconds, not str."),  # type: ignore[arg-type]
    (lambda: HubConfig(lease_seconds=60.5), "HubConfig.lease_seconds must be a whole number of seconds, not float."),  # type: ignore[arg-type]
    (
        lambda: HubConfig(max_lease_seconds=dt.timedelta(days=1)),  # type: ignore[arg-type]
        "HubConfig.max_lease_seconds must be a whole number of seconds, not timedelta.",
    ),
    (lambda: HubConfig(fetches_at_once=True), "HubConfig.fetches_at_once must be a whole number, not bool."),
    (lambda: HubConfig(verification_budget=3), "HubConfig.verification_budget must be of type Budget, not int."),  # type: ignore[arg-type]
    (lambda: SubscriptionAccepted(lease_seconds="9"), "SubscriptionAccepted.lease_seconds must be a whole number"),  # type: ignore[arg-type]
    (lambda: SubscriptionAccepted(verified="yes"), "SubscriptionAccepted.verified must be True or False, not str."),  # type: ignore[arg-type]
    (lambda: Subscription(**PAIR, lease_seconds="12"), "Subscription.lease_seconds must be a whole number of seconds"),  # type: ignore[arg-type]
    (lambda: Subscription(**PAIR, lease_seconds=1, secret=b"s"), "Subscription.secret must be text or None, not b"),  # type: ignore[arg-type]
    (
        lambda: VerifiedSubscription(**PAIR, lease_seconds=1, verified_at="now"),  # type: ignore[arg-type]
        "VerifiedSubscription.verified_at must be a number, not str.",
    ),
    (lambda: Unsubscription(**PAIR | {"topic": None}), "Unsubscription.topic must be text, not NoneType."),  # type: ignore[arg-type]
    (
        lambda: ContentDistributionMessage(content="x", content_type=5),  # type: ignore[arg-type]
        "ContentDistributionMessage.content_type must be text or None, not int.",
    ),
    (
        lambda: ContentDistributionMessage(content="x", hubs=URL),
        "ContentDistributionMessage.hubs must be a list of URLs, not text.",
    ),
    (lambda: RetryPolicy(attempts="3"), "RetryPolicy.attempts must be a whole number, not str."),  # type: ignore[arg-type]
    (lambda: PublisherClient(8080), "The hub's URL must be text, not int."),  # type: ignore[arg-type]
    (lambda: PublisherClient(URL, timeout="5"), "PublisherClient.timeout must be a number, not str."),  # type: ignore[arg-type]
    (
        lambda: HubClient("x"),  # type: ignore[arg-type]
        "HubClient.subscription must be of type Subscription, not str; pass the message of on_subscription_intent_v",
    ),
    (lambda: websubsub.asgi(Reader, SubscriberConfig(url=URL)), "The service must be an instance; write Reader(),"),  # type: ignore[arg-type]
    (lambda: websubsub.run(Reader), "The service must be an instance; write Reader(), not Reader."),  # type: ignore[arg-type]
    (lambda: SubscriberListener().attach(Reader), "The service must be an instance; write Reader(), not Reader."),  # type: ignore[arg-type]
    (lambda: SubscriberConfig(url=8080), "SubscriberConfig.url must be text or None, not int."),  # type: ignore[arg-type]
    (
        lambda: SubscriberConfig(lease_seconds="9"),  # type: ignore[arg-type]
        "SubscriberConfig.lease_seconds must be a whole number of seconds or",
    ),
    (lambda: SubscriberConfig(targets=5), "A target must be of type str or Target, not int."),  # type: ignore[arg-type]
    (lambda: SubscriberConfig(targets=[5]), "A target must be of type str or Target, not int."),  # type: ignore[list-item]
    (lambda: Target(resource=5), "Target.resource must be text or None, not int."),  # type: ignore[arg-type]
    (lambda: Target(resource=URL, secret=b"s"), "Target.secret must be text or None, not bytes."),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("make", "sentence"), MISTAKES, ids=range(len(MISTAKES)))
def test_a_mistake_is_told_with_what_to_pass_instead(make: Callable[[], object], sentence: str) -> None:
    with pytest.raises(TypeError) as caught:
        make()
    assert str(caught.value).startswith(sentence)


async def test_a_lease_as_text_is_told_by_the_client() -> None:
    async with websubsub.SubscriptionClient() as client:
        with pytest.raises(TypeError, match="The lease must be a whole number, not str"):
            await client.subscribe(hub=URL, topic=URL, callback=URL, lease_seconds="60")  # type: ignore[arg-type]


def test_one_network_needs_no_list() -> None:
    assert HubConfig(allow_networks="10.0.0.0/8").allow_networks == ("10.0.0.0/8",)


PROGRAMS = {
    "websubhub": (
        "import websubhub, {module} as m\n"
        "class Hub(websubhub.HubService):\n"
        "    async def on_register_topic(self, message): return websubhub.TopicRegistrationSuccess()\n"
        "    async def on_deregister_topic(self, message): return websubhub.TopicDeregistrationSuccess()\n"
        "    async def on_update_message(self, message): return websubhub.Acknowledgement()\n"
        "    async def on_subscription_intent_verified(self, message): pass\n"
        "    async def on_unsubscription_intent_verified(self, message): pass\n"
        "m.run(Hub(), port={port}, quiet={quiet})\n"
    ),
    "websubsub": (
        "import websubsub, {module} as m\n"
        "class Reader(websubsub.SubscriberService):\n"
        "    async def on_event_notification(self, message): pass\n"
        "m.run(Reader(), port={port}, quiet={quiet})\n"
    ),
}


def command(package: str, port: int, *, quiet: bool) -> list[str]:
    return [sys.executable, "-c", PROGRAMS[package].format(module=package, port=port, quiet=quiet)]


@pytest.mark.parametrize("package", PROGRAMS)
def test_a_service_tells_where_it_listens_and_how_to_stop(package: str) -> None:
    with subprocess.Popen(command(package, 0, quiet=False), stderr=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        assert re.fullmatch(
            rf"{package}: Ready at (http://127\.0\.0\.1:\d+/\S*) \(listening on http://127\.0\.0\.1:\d+\)\. "
            r"Press Ctrl-C to stop\.\n",
            line,
        )
        if package == "websubhub":
            hub = line.split()[3]
            httpx.post(hub, data={"hub.mode": "register", "hub.topic": "https://example.com/feed"})
            assert re.fullmatch(
                r"\d\d:\d\d:\d\d  Register 'https://example.com/feed': accepted\n", process.stderr.readline()
            )
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0
        assert process.stderr.read() == ""


@pytest.mark.parametrize("package", PROGRAMS)
def test_a_port_that_is_taken_is_one_sentence(package: str) -> None:
    with held_port() as port, socket.create_server((HOST, port)):
        done, quiet = (
            subprocess.run(command(package, port, quiet=quiet), capture_output=True, text=True, check=False, cwd=ROOT)
            for quiet in (False, True)
        )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"{package}: Cannot listen on 127.0.0.1 port {port}: address already in use.\n"
    assert quiet.returncode == 1
    assert "Traceback" in quiet.stderr
    assert "Address already in use" in quiet.stderr.splitlines()[-1]
