"""ContentDistributor sends one message to many subscriptions."""

from typing import Any

import anyio
import anyio.abc
import attrs
import pytest

from tests.conformance.hubs import TOPIC, RawCallback, a_subscription, served
from tests.ports import held_port
from tests.websubhub.distribution.peers import EngineClock, replace_clock
from websubhub import (
    ContentDistributionMessage,
    ContentDistributor,
    DeliveryFailure,
    DeliveryOutcome,
    EngineLimits,
    Recipient,
)
from websubhub.testing import RecordingSubscriber

HUB = "http://127.0.0.1:8080/hub"
MESSAGE = ContentDistributionMessage(content=b"\x00hello", content_type="text/plain")


@attrs.frozen
class Member:
    """What a recipient is, and no more."""

    callback: str
    secret: str | None = None


@attrs.frozen
class Settled:
    """Remembers how each delivery ended."""

    outcomes: dict[Recipient, list[DeliveryOutcome]] = attrs.field(factory=dict)

    def __call__(self, recipient: Recipient, outcome: DeliveryOutcome) -> None:
        self.outcomes.setdefault(recipient, []).append(outcome)


@pytest.mark.spec("H-24", "H-42", "H-46", "H-47", "H-48", "H-56", "H-58")
async def test_every_recipient_gets_the_message_signed_with_its_own_secret() -> None:
    settled, subscribers = Settled(), [RecordingSubscriber(secret=secret) for secret in ("a", "b")]
    async with served(subscribers[0]) as one, served(subscribers[1]) as other, ContentDistributor(HUB) as distributor:
        members = [Member(f"{one}/?n={n}", "a") for n in range(20)] + [
            Member(f"{other}/?n={n}", "b") for n in range(20)
        ]
        await distributor.distribute(MESSAGE, TOPIC, members, settled)
    assert {member: [each.status for each in ends] for member, ends in settled.outcomes.items()} == {
        member: [202] for member in members
    }
    assert all(each.delivered for ends in settled.outcomes.values() for each in ends)
    deliveries = [each for subscriber in subscribers for each in subscriber.deliveries]
    assert len(deliveries) == 40
    assert {(each.body, each.signature, each.headers["content-type"]) for each in deliveries} == {
        (b"\x00hello", True, "text/plain")
    }
    assert {each.headers["link"] for each in deliveries} == {f'<{HUB}>; rel="hub", <{TOPIC}>; rel="self"'}
    assert {each.headers["x-hub-message-id"] for each in deliveries} == {MESSAGE.message_id}


def answer(status: int) -> Any:
    return lambda _: (status, [("Retry-After", "7")], b"body")


@pytest.mark.spec("H-49", "H-50", "H-51")
async def test_each_outcome_says_what_its_subscriber_answered() -> None:
    answers = {"/gone": 410, "/fine": 201, "/moved": 302, "/broken": 500}
    settled, site = Settled(), RawCallback(by_path={path: answer(status) for path, status in answers.items()})
    with held_port() as port:
        dead = f"http://127.0.0.1:{port}"
        async with served(site) as base, ContentDistributor(HUB) as distributor:
            members = [Member(base + path) for path in answers] + [Member(dead)]
            await distributor.distribute(MESSAGE, TOPIC, members, settled)
    outcomes = {member.callback.removeprefix(base): ends for member, ends in settled.outcomes.items()}
    assert {path: outcomes[path][0].status for path in answers} == answers
    assert {path for path in answers if outcomes[path][0].delivered} == {"/fine"}
    assert outcomes["/broken"][0].retry_after == "7"
    assert not outcomes["/broken"][0].body
    assert (outcomes[dead][0].status, outcomes[dead][0].failure) == (0, DeliveryFailure.CONNECT)
    assert {len(ends) for ends in settled.outcomes.values()} == {1}


async def test_a_recipient_that_never_answers_costs_the_others_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, settled, subscriber = EngineClock(), Settled(), RecordingSubscriber()
    replace_clock(monkeypatch, clock)
    limits = EngineLimits(total_seconds=2_000)

    def note(member: Recipient, outcome: DeliveryOutcome) -> None:
        settled(member, outcome)
        if len(settled.outcomes) == 10:
            clock.put_forward(2_100)

    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as silent, served(subscriber) as base:
        port = silent.extra(anyio.abc.SocketAttribute.local_port)  # noqa: S610  a socket's attribute, no query
        mute = Member(f"http://127.0.0.1:{port}/")
        async with ContentDistributor(HUB, limits=limits) as distributor:
            await distributor.distribute(MESSAGE, TOPIC, [mute, *(Member(f"{base}/{n}") for n in range(10))], note)
    assert settled.outcomes.pop(mute)[0].failure is DeliveryFailure.TIMEOUT
    assert all(each.delivered for ends in settled.outcomes.values() for each in ends)
    assert len(subscriber.deliveries) == 10


async def test_a_subscription_is_a_recipient() -> None:
    callback = RawCallback()
    async with served(callback) as base, ContentDistributor(HUB, signature_method="sha512") as distributor:
        subscription = a_subscription(hub=HUB, callback=f"{base}/c?d=e", secret="s")
        outcomes: list[DeliveryOutcome] = []
        await distributor.distribute(MESSAGE, TOPIC, [subscription], lambda _, outcome: outcomes.append(outcome))
    ((_, target, headers, _),) = callback.requests
    assert target == "/c?d=e"
    assert headers["x-hub-signature"].startswith("sha512=")
    assert [each.status for each in outcomes] == [200]


async def test_without_recipients_there_is_nothing_to_do() -> None:
    settled = Settled()
    async with ContentDistributor(HUB) as distributor:
        await distributor.distribute(MESSAGE, TOPIC, [], settled)
    assert not settled.outcomes
