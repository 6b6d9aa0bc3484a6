"""Subscriptions have bounds, and what fails for reasons of the hub is no final no to anybody."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.hostile.test_amplification import TOPIC, yard
from tests.standalone.adapters.conftest import Clock
from tests.standalone.hub import ADMIN, world
from tests.standalone.process import served
from tests.waiting import PATIENCE
from websubhub import (
    Budget,
    Budgets,
    RequestPostponedError,
    SubscriptionDeniedError,
    TopicClient,
)
from websubhub.standalone.adapters.memory.store import MemoryStore
from websubhub.standalone.hub.topics import TopicRules
from websubhub.standalone.ports import DiskFullError, HubFullError, Mode, PendingVerification, SubscriptionLimits
from websubhub.testing import InMemoryWeb

HUB = "http://127.0.0.1/hub"


# --- bounds -----------------------------------------------------------------------------------------------------------


@pytest.mark.threat("DOS-14")
async def test_a_host_has_so_many_subscriptions_and_then_its_renewals_only() -> None:
    async with world(subscriptions_per_host=2) as hub:
        subscriber = hub.subscriber()
        for number in range(2):
            await hub.subscribe(subscriber, f"{TOPIC}{number}")
        refused = await hub.ask(mode="subscribe", topic=f"{TOPIC}2", callback=f"{hub.peers}/callback")
        assert refused.status_code == 429
        assert "no more subscriptions for the host" in refused.text
        assert "Retry-After" in refused.headers
        await hub.subscribe(subscriber, f"{TOPIC}1", lease_seconds=600)
        await hub.order("/admin/subscriptions/remove", topic=f"{TOPIC}0", callback=f"{hub.peers}/callback")
        await hub.subscribe(subscriber, f"{TOPIC}2")


@pytest.mark.threat("DOS-14")
async def test_a_hub_has_so_many_subscriptions_and_then_renewals_only() -> None:
    async with world(max_subscriptions=1) as hub:
        subscriber = hub.subscriber()
        await hub.subscribe(subscriber, TOPIC)
        refused = await hub.ask(mode="subscribe", topic=f"{TOPIC}2", callback=f"{hub.peers}/callback")
        assert refused.status_code == 503
        assert "no more subscriptions" in refused.text
        assert "Retry-After" in refused.headers
        await hub.subscribe(subscriber, TOPIC)


@pytest.mark.threat("DOS-14")
async def test_what_awaits_its_verification_counts_whatever_port_it_names() -> None:
    async with MemoryStore() as store:
        limits = SubscriptionLimits(per_host=3, in_all=4)

        async def save(number: int, host: str) -> bool:
            pending = PendingVerification(
                id=str(number), mode=Mode.SUBSCRIBE, topic=TOPIC, callback=f"https://{host}/{number}", due_at=number
            )
            return await store.verifications.save(pending, places=100, limits=limits) is not None

        for number in range(3):
            assert await save(number, f"one.example:{1000 + number}")
        with pytest.raises(Exception, match=r"one\.example has 3 subscriptions"):
            await save(3, "ONE.example")
        assert await save(4, "two.example")
        with pytest.raises(HubFullError):
            await save(5, "three.example")
        assert await save(0, "one.example:1000"), "a newer request of a pair replaces the older one"


# --- no final no ------------------------------------------------------------------------------------------------------


async def test_a_topic_that_may_not_be_fetched_yet_is_looked_at_later() -> None:
    web, clock = InMemoryWeb(), Clock()
    budgets = Budgets(Budget(at_once=1), clock)
    async with MemoryStore() as store, web.client() as client:
        topics = TopicClient(HUB, client=client, budgets=budgets)
        busy = budgets.begin("topic.example")
        assert busy is not None
        objection = await TopicRules(store.topics, validate=topics).objection(TOPIC, HUB)
        assert isinstance(objection, RequestPostponedError)
        assert not objection.counts
        assert (objection.retry_after or 0) > 0


@pytest.mark.parametrize(
    ("status", "final"), [(404, True), (410, True), (403, True), (500, False), (503, False), (429, False), (0, False)]
)
async def test_a_topic_that_does_not_answer_now_is_asked_again_before_its_subscription_is_denied(
    status: int, *, final: bool
) -> None:
    web = InMemoryWeb()

    async def app(_: Any, __: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body"})

    if status:
        web["topic.example"] = app
    async with MemoryStore() as store, web.client() as client:
        rules = TopicRules(store.topics, validate=TopicClient(HUB, client=client))
        objection = await rules.objection(TOPIC, HUB)
        assert isinstance(objection, SubscriptionDeniedError if final else RequestPostponedError)
        assert isinstance(objection, SubscriptionDeniedError) or objection.counts


@pytest.mark.parametrize("step", ["validation", "verified"])
async def test_a_full_disk_denies_nobody_and_asks_nobody_in_vain(step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with yard() as one:
        full = True
        store = one.store.topics if step == "validation" else one.store.subscriptions
        name = "get" if step == "validation" else "save"
        working = getattr(store, name)

        async def fail(*arguments: Any, **options: Any) -> Any:
            if full:
                raise DiskFullError("No space is left on the disk.")
            return await working(*arguments, **options)

        monkeypatch.setattr(store, name, fail)
        if step == "validation":
            monkeypatch.setattr(one.service._rules, "is_open_to", fail)
        await one.subscribe()
        for _ in range(6):
            await one.move_on(60)
        assert one.subscriber.denials == []
        assert one.subscriber.notices == []
        assert await one.store.verifications.count() == 1, "it is kept for longer than it has attempts"
        full = False
        if step == "validation":
            monkeypatch.undo()
        await one.move_on(60)
        assert await one.store.verifications.count() == 0
        assert one.subscriber.verifications


# --- a developer's mistakes -------------------------------------------------------------------------------------------


@pytest.mark.threat("AMP-10")
def test_twenty_mistakes_on_a_machine_of_ones_own_are_logged_shown_and_forgiven(tmp_path: Path) -> None:
    with (
        served(tmp_path) as hub,
        httpx.Client(timeout=PATIENCE, headers={"Authorization": f"Bearer {ADMIN}"}) as client,
    ):
        for number in range(25):
            fields = {"hub.mode": "subscribe", "hub.topic": TOPIC, "hub.callback": f"{hub.base}/admin/{number}"}
            assert client.post(hub.url, data=fields).status_code == 202
        answer = client.get(f"{hub.base}/admin/hosts").json()
        assert {account["host"] for account in answer["verifications"]} == {"127.0.0.1"}
        lifted = client.post(f"{hub.base}/admin/hosts/resume", json={"host": "127.0.0.1"})
        assert lifted.json() == {"resumed": "127.0.0.1"}
