"""A target stays subscribed: in time, whatever hub and topic do in between."""

from typing import Any

import anyio
import pytest

from tests.clock import anyio_backend_with_fake_clock as anyio_backend  # noqa: F401 - the event loops of this module
from tests.waiting import until
from tests.websubsub.conftest import HUB, TARGET, TOPIC, MakeWorld, World
from tests.websubsub.hub import ScriptedHub
from websubsub import State, SubscriptionDeletedError, Target

PAGE = "https://pub.example/page"
RESOURCE = Target(resource=PAGE, discovery_headers={"Accept-Language": "de"})


class Page:
    """A resource that names what a test wants it to name."""

    def __init__(self, *hubs: str, topic: str = TOPIC) -> None:
        self.hubs = hubs or (HUB,)
        self.topic = topic
        self.status = 200
        self.languages: list[str | None] = []

    async def __call__(self, scope: Any, _: Any, send: Any) -> None:
        self.languages.append(dict(scope["headers"]).get(b"accept-language", b"").decode() or None)
        links = ", ".join([f'<{self.topic}>; rel="self"', *(f'<{hub}>; rel="hub"' for hub in self.hubs)])
        await send({"type": "http.response.start", "status": self.status, "headers": [(b"link", links.encode())]})
        await send({"type": "http.response.body", "body": b""})


@pytest.fixture
def page(world: World) -> Page:
    page = Page()
    world.web["pub.example"] = page
    return page


@pytest.mark.spec("S-01", "S-07", "S-08", "S-16")
@pytest.mark.parity("S50", "S51")
async def test_a_resource_is_discovered_and_its_topic_subscribed(world: World, page: Page) -> None:
    subscription = await world.subscribe(RESOURCE)
    assert (subscription.hub, subscription.topic) == (HUB, TOPIC)
    assert world.asked.fields["hub.topic"] == TOPIC
    assert len(world.asked.fields["hub.secret"]) >= 43
    assert len(world.asked.fields["hub.secret"].encode()) < 200
    assert page.languages == ["de"]


@pytest.mark.parity("S52", "S53", "S61")
async def test_a_known_hub_needs_no_discovery(world: World, page: Page) -> None:
    await world.subscribe(
        Target(hub=HUB, topic=TOPIC, secret="mine", parameters={"foo": "bar"}, headers={"X-Key": "k"})
    )
    assert not page.languages
    assert world.asked.fields["hub.secret"] == "mine"
    assert world.asked.fields["foo"] == "bar"
    assert world.asked.headers["x-key"] == "k"


@pytest.mark.spec("S-11", "EX-05")
async def test_the_lease_that_the_config_wants_is_asked_for(make_world: MakeWorld) -> None:
    world = await make_world(lease_seconds=1234)
    await world.subscribe()
    assert world.asked.fields["hub.lease_seconds"] == "1234"


@pytest.mark.spec("S-10", "S-19", "S-29", "D-06")
async def test_a_subscription_is_renewed_before_it_ends_with_a_new_secret(world: World, page: Page) -> None:
    world.hub.lease_seconds = 1
    await world.subscribe(RESOURCE)
    verified = anyio.current_time()
    await until(lambda: world.kinds().count("renewed") == 2)
    assert anyio.current_time() - verified < 2 * world.hub.lease_seconds
    first, second, third = world.hub.asked
    assert first.callback == second.callback == third.callback
    assert len({each.fields["hub.secret"] for each in world.hub.asked}) == 3
    assert set(page.languages) == {"de"}
    assert world.app.subscriptions.of(PAGE) == [world.subscription]


async def test_during_a_renewal_nothing_is_missed(world: World) -> None:
    world.hub.lease_seconds = 1
    await world.subscribe()
    old = world.subscription.secret
    world.hub.verifies = False
    await world.until(lambda known: known.state is State.RENEWING)
    callback, new = world.asked.callback, world.asked.fields["hub.secret"]
    assert (await world.hub.deliver(callback, b"old", secret=old)).status_code == 202
    await world.hub.verify(world.asked)
    assert (await world.hub.deliver(callback, b"new", secret=new)).status_code == 202
    assert (await world.hub.deliver(callback, b"late", secret=old)).status_code == 202


async def test_a_hub_that_is_down_is_asked_again_until_it_is_back(world: World) -> None:
    world.hub.lease_seconds = 1
    await world.subscribe()
    world.web.down.add("hub.example")
    await until(lambda: world.kinds().count("failed") >= 3)
    assert world.state() is State.RENEWING
    world.web.down.clear()
    await until(lambda: "renewed" in world.kinds())


async def test_a_hub_that_does_not_verify_is_asked_again_with_the_same_secret(world: World) -> None:
    world.hub.lease_seconds = 1
    await world.subscribe()
    world.hub.verifies = False
    await until(lambda: len(world.hub.asked) == 3)
    _, second, third = world.hub.asked
    assert second.fields == third.fields
    assert "did not verify" in world.events[-1].reason


@pytest.mark.parity("S54", "S63", "S64")
async def test_one_target_that_fails_does_not_stop_the_others(world: World) -> None:
    world.app.subscribe(Target(resource="https://nowhere.example/"))
    world.app.subscribe(Target(hub="https://down.example/", topic=TOPIC))
    await world.subscribe()
    await until(lambda: world.kinds().count("failed") >= 2)
    failed = {(event.topic, event.hub, event.reason) for event in world.events if event.kind == "failed"}
    assert failed == {
        ("https://nowhere.example/", "", "The resource could not be read: no connection."),
        (TOPIC, "https://down.example/", "The hub at down.example: no connection."),
    }


async def test_a_topic_that_moves_is_followed(world: World, page: Page) -> None:
    world.hub.lease_seconds = 1
    await world.subscribe(RESOURCE)
    old = world.subscription
    other = ScriptedHub(world.client)
    world.web["other.example"] = other
    page.topic, page.hubs = TOPIC + "&moved", ("https://other.example/hub",)
    await until(lambda: [each.mode for each in world.hub.asked] == ["subscribe", "unsubscribe"])
    new = world.subscription
    assert (new.topic, new.hub, new.state) == (TOPIC + "&moved", "https://other.example/hub", State.ACTIVE)
    assert new.callback != old.callback
    assert other.asked[0].callback == new.callback
    assert world.hub.asked[1].callback == old.callback


async def test_a_resource_that_is_gone_is_renewed_where_it_was(world: World, page: Page) -> None:
    world.hub.lease_seconds = 1
    await world.subscribe(RESOURCE)
    page.status = 503
    await until(lambda: "renewed" in world.kinds())
    assert {each.path for each in world.hub.asked} == {"/hub"}


@pytest.mark.spec("D-05", "S-42")
async def test_another_hub_of_the_topic_helps_out(world: World, page: Page) -> None:
    page.hubs = ("https://down.example/", HUB)
    subscription = await world.subscribe(RESOURCE)
    assert subscription.hub == HUB
    assert [each.hub for each in world.app.subscriptions.of(PAGE)] == [HUB]


@pytest.mark.spec("S-15")
async def test_an_http_hub_is_tried_with_https_and_gets_no_secret(make_world: MakeWorld) -> None:
    world = await make_world()
    page = Page("http://hub.example/hub")
    world.web["pub.example"] = page
    subscription = await world.subscribe(RESOURCE)
    assert subscription.hub == "https://hub.example/hub"


@pytest.mark.spec("S-30")
async def test_after_a_denial_nothing_is_asked_any_more(world: World) -> None:
    world.hub.lease_seconds = 1
    await world.subscribe()
    callback = world.subscription.callback
    await world.hub.tell(callback, {"hub.mode": "denied", "hub.topic": TOPIC})
    await anyio.sleep(3)
    assert len(world.hub.asked) == 1


async def test_a_service_that_wants_no_more_is_not_renewed(world: World) -> None:
    world.hub.lease_seconds = 1
    subscription = await world.subscribe()
    world.service.answers["on_event_notification"] = SubscriptionDeletedError()
    await world.hub.deliver(subscription.callback, b"x", secret=subscription.secret)
    await anyio.sleep(3)
    assert len(world.hub.asked) == 1


@pytest.mark.spec("S-41")
@pytest.mark.parity("S57", "S60", "S78")
async def test_unsubscribing_waits_for_the_verification(world: World) -> None:
    await world.subscribe()
    assert await world.app.unsubscribe(TARGET)
    assert [each.mode for each in world.hub.asked] == ["subscribe", "unsubscribe"]
    assert world.state() is State.GONE
    assert world.kinds() == ["subscribed", "unsubscribed"]


@pytest.mark.parity("S58", "S59")
async def test_unsubscribing_ends_in_time_whatever_the_hub_does(world: World) -> None:
    await world.subscribe()
    world.hub.verifies = False
    assert not await world.app.unsubscribe(TARGET, seconds=0.05)
    world.web.down.add("hub.example")
    assert not await world.app.unsubscribe(TARGET, seconds=5)
    assert world.kinds() == ["subscribed", "failed", "failed"]


async def test_what_was_never_verified_is_forgotten(world: World) -> None:
    await world.request()
    asked = world.asked
    assert await world.app.unsubscribe(TARGET)
    assert (await world.hub.verify(asked)).status_code == 404
    assert not world.app.subscriptions.all()
    assert len(world.hub.asked) == 1


async def test_many_targets_of_one_service_are_kept_apart(world: World) -> None:
    targets = [Target(hub=HUB, topic=f"https://pub.example/{number}") for number in range(20)]
    for target in targets:
        await world.subscribe(target)
    assert len({each.callback for each in world.hub.asked}) == 20
    for asked in world.hub.asked:
        assert (await world.hub.deliver(asked.callback, b"", secret=asked.fields["hub.secret"])).status_code == 202
    delivered = [message.topic for message in world.service.messages if hasattr(message, "body")]
    assert delivered == [target.topic for target in targets]
    await world.app.unsubscribe_all()
    assert all(each.state is State.GONE for each in world.app.subscriptions.all())
