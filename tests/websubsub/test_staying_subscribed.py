"""A target stays subscribed on the web as it is: hubs that refuse, hubs that want time, machines that sleep."""

import time
from typing import Any

import anyio
import pytest

from tests.clock import anyio_backend_with_fake_clock as anyio_backend  # noqa: F401 - the event loops of this module
from tests.waiting import until
from tests.websubsub.conftest import BEGINNING, HUB, TARGET, TOPIC, MakeWorld, World
from tests.websubsub.hub import ScriptedHub
from tests.websubsub.test_lifecycle import PAGE, RESOURCE, Page
from websubsub import InsecureSecretError, State, SubscriberEvent, Target

OTHER = "https://other.example/hub"


@pytest.fixture
def other(world: World) -> ScriptedHub:
    hub = ScriptedHub(world.client)
    world.web["other.example"] = hub
    return hub


def serve_page(world: World, *hubs: str) -> Page:
    page = Page(*hubs)
    world.web["pub.example"] = page
    return page


def failures(world: World) -> list[SubscriberEvent]:
    return [event for event in world.events if event.kind == "failed"]


class Sleeper:
    """A clock that goes on while the event loop stands still."""

    def __init__(self, world: World) -> None:
        start = anyio.current_time()
        self.slept = 0.0
        for part in (world.app.subscriptions, world.app._lifecycle, world.app._dispatcher):
            part._clock = lambda: BEGINNING + anyio.current_time() - start + self.slept

    async def pass_by(self, seconds: float) -> None:
        """Let so much time pass at once, and what is due then happen."""
        self.slept += seconds
        await anyio.sleep(5)


# --- several hubs


@pytest.mark.spec("D-05")
@pytest.mark.parametrize("status", [400, 403, 404, 410, 422, 429, 500, 503, 302])
async def test_the_next_hub_is_asked_at_once_when_one_refuses(world: World, other: ScriptedHub, status: int) -> None:
    serve_page(world, HUB, OTHER)
    world.hub.answers = [(status, {})]
    began = anyio.current_time()
    subscription = await world.subscribe(RESOURCE)
    assert anyio.current_time() - began < 1
    assert (subscription.hub, len(world.hub.asked), len(other.asked)) == (OTHER, 1, 1)
    assert world.kinds() == ["subscribed"]


@pytest.mark.spec("D-05", "S-30")
async def test_the_next_hub_is_asked_when_one_denies(world: World, other: ScriptedHub) -> None:
    serve_page(world, HUB, OTHER)
    world.hub.verifies = False
    world.app.subscribe(RESOURCE)
    await until(lambda: bool(world.hub.asked))
    await world.hub.tell(world.asked.callback, {"hub.mode": "denied", "hub.topic": TOPIC})
    subscription = await world.until(lambda known: known.delivers, RESOURCE)
    assert (subscription.hub, len(other.asked)) == (OTHER, 1)
    assert world.kinds() == ["denied", "subscribed"]


async def test_when_all_hubs_refuse_the_preferred_one_is_told_of(world: World, other: ScriptedHub) -> None:
    serve_page(world, HUB, OTHER)
    world.hub.answers, other.answers = [(404, {})], [(410, {})]
    world.app.subscribe(RESOURCE)
    await until(lambda: failures(world))
    assert (failures(world)[0].hub, failures(world)[0].topic) == (HUB, TOPIC)
    assert "answered 404" in failures(world)[0].reason


async def test_a_hub_that_verified_whatever_it_answered_has_verified(world: World) -> None:
    async def muddled(scope: Any, receive: Any, send: Any) -> None:
        async def send_500(event: dict[str, Any]) -> None:
            await send({**event, "status": 500} if "status" in event else event)

        await world.hub(scope, receive, send_500)

    world.web["hub.example"] = muddled
    await world.subscribe()
    await anyio.sleep(10)
    assert world.kinds() == ["subscribed"]


# --- http and https


@pytest.mark.spec("S-15")
async def test_without_a_secret_a_hub_without_https_is_asked_over_http_at_once(world: World) -> None:
    serve_page(world, "http://plain.example/hub")
    schemes: list[str] = []
    hub = ScriptedHub(world.client)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        schemes.append(scope["scheme"])
        if scope["scheme"] == "https":
            await hub._respond(send, 404, {})
        else:
            await hub(scope, receive, send)

    world.web["plain.example"] = app
    subscription = await world.subscribe(Target(resource=PAGE, signed=False))
    assert (subscription.hub, schemes) == ("http://plain.example/hub", ["https", "http"])


@pytest.mark.spec("S-15")
async def test_https_that_fails_for_a_while_is_tried_again_before_the_secret_is_given_up(world: World) -> None:
    serve_page(world, "http://hub.example/hub")
    world.hub.answers = [(503, {})]
    subscription = await world.subscribe(RESOURCE)
    assert subscription.hub == "https://hub.example/hub"
    assert len(world.hub.asked) == 2
    assert [type(event.error) is InsecureSecretError for event in failures(world)] == [False]


@pytest.mark.spec("S-15")
@pytest.mark.parametrize(("answers", "told"), [([(404, {})], 1), (None, 2)], ids=["answers-404", "down"])
async def test_a_hub_without_https_gets_no_secret(world: World, answers: Any, told: int) -> None:
    serve_page(world, "http://hub.example/hub")
    if answers is None:
        world.web.down.add("hub.example")
    else:
        world.hub.answers = list(answers)  # which the hub takes from, while others get the same ones
    world.app.subscribe(RESOURCE)
    await until(lambda: any(type(event.error) is InsecureSecretError for event in failures(world)))
    assert len(failures(world)) == told
    assert all(each.headers["host"] == "hub.example" for each in world.hub.asked)


# --- Retry-After


@pytest.mark.parametrize("status", [503, 429, 413, 500, 302])
async def test_a_hub_that_wants_time_gets_it(world: World, status: int) -> None:
    world.hub.answers = [(status, {"Retry-After": "120"})]
    world.app.subscribe(TARGET)
    await anyio.sleep(119)
    assert len(world.hub.asked) == 1
    await world.until(lambda known: known.delivers)
    assert len(world.hub.asked) == 2


async def test_a_hub_that_wants_time_gets_it_from_all_targets(world: World) -> None:
    world.hub.answers = [(503, {"Retry-After": "100"})]
    world.app.subscribe(TARGET)
    await until(lambda: bool(world.hub.asked))
    second = Target(hub=HUB, topic=TOPIC + "2")
    world.app.subscribe(second)
    await anyio.sleep(90)
    assert len(world.hub.asked) == 1
    await world.until(lambda known: known.delivers, second)


async def test_a_pause_that_a_hub_wants_is_never_shorter_than_our_own(world: World) -> None:
    world.hub.answers = [(503, {"Retry-After": "0"})] * 4
    began = anyio.current_time()
    await world.subscribe()
    assert anyio.current_time() - began >= 7


async def test_a_pause_that_a_hub_wants_is_bounded(world: World) -> None:
    world.hub.answers = [(503, {"Retry-After": "9" * 30})]
    world.app.subscribe(TARGET)
    await until(lambda: failures(world))
    next_try = failures(world)[0].next_try
    assert next_try is not None
    assert next_try - time.time() < 86_401


async def test_another_hub_is_asked_while_one_wants_time(world: World, other: ScriptedHub) -> None:
    serve_page(world, HUB, OTHER)
    world.hub.answers = [(503, {"Retry-After": "1000"})]
    other.answers = [(500, {})]
    subscription = await world.subscribe(RESOURCE)
    assert subscription.hub == OTHER
    assert (len(world.hub.asked), len(other.asked)) == (1, 2)


async def test_a_resource_that_wants_time_gets_it(world: World) -> None:
    asked: list[float] = []

    async def page(_: Any, __: Any, send: Any) -> None:
        asked.append(anyio.current_time())
        await send({"type": "http.response.start", "status": 503, "headers": [(b"retry-after", b"200")]})
        await send({"type": "http.response.body", "body": b""})

    world.web["pub.example"] = page
    world.app.subscribe(RESOURCE)
    await anyio.sleep(199)
    assert len(asked) == 1
    await anyio.sleep(10)
    assert len(asked) == 2


# --- denials


@pytest.mark.spec("S-30")
async def test_a_denial_of_the_first_request_is_final(world: World) -> None:
    clock = Sleeper(world)
    await world.request()
    await world.hub.tell(world.asked.callback, {"hub.mode": "denied", "hub.topic": TOPIC})
    await until(lambda: failures(world))
    assert failures(world)[0].next_try is None
    await clock.pass_by(100_000)
    assert len(world.hub.asked) == 1


@pytest.mark.parametrize("when", [State.ACTIVE, State.RENEWING])
async def test_a_denial_of_what_was_subscribed_is_asked_about_again_after_a_long_pause(
    world: World, when: State
) -> None:
    clock = Sleeper(world)
    world.hub.lease_seconds = 100 if when is State.RENEWING else 864_000
    await world.subscribe()
    world.hub.verifies = False
    await clock.pass_by(80)
    await world.until(lambda known: known.state is when)
    asked = len(world.hub.asked)
    await world.hub.tell(world.asked.callback, {"hub.mode": "denied", "hub.topic": TOPIC})
    world.hub.verifies = True
    await until(lambda: failures(world))
    assert failures(world)[0].next_try is not None
    await clock.pass_by(3_000)
    assert len(world.hub.asked) == asked
    await clock.pass_by(1_000)
    assert len(world.hub.asked) == asked + 1
    assert world.state() is State.ACTIVE


async def test_unsubscribing_ends_a_pause_after_a_denial(world: World) -> None:
    clock = Sleeper(world)
    await world.subscribe()
    await world.hub.tell(world.asked.callback, {"hub.mode": "denied", "hub.topic": TOPIC})
    await until(lambda: failures(world))
    await world.app.unsubscribe(TARGET)
    await clock.pass_by(10_000)
    assert len(world.hub.asked) == 1


# --- what is told


@pytest.mark.parametrize(
    "target", [RESOURCE, Target(hub="https://down.example/", topic=TOPIC)], ids=["resource", "hub"]
)
async def test_the_same_failure_is_told_once_in_an_hour(world: World, target: Target) -> None:
    clock = Sleeper(world)
    world.app.subscribe(target)
    await until(lambda: failures(world))
    for _ in range(9):
        await clock.pass_by(350)
    assert len(failures(world)) == 1
    assert failures(world)[0].next_try is not None
    await clock.pass_by(900)
    assert len(failures(world)) == 2


async def test_another_failure_is_told_at_once(world: World) -> None:
    page = serve_page(world, HUB)
    page.status = 503
    world.app.subscribe(RESOURCE)
    await until(lambda: failures(world))
    page.status = 500
    await until(lambda: len(failures(world)) == 2)


# --- sleep and clocks


@pytest.mark.spec("S-29")
async def test_after_a_suspend_a_renewal_comes_within_seconds_of_waking(world: World) -> None:
    world.hub.lease_seconds = 120
    clock = Sleeper(world)
    await world.subscribe()
    await anyio.sleep(1)
    clock.slept = 115.0
    woke = anyio.current_time()
    await until(lambda: len(world.hub.asked) == 2)
    assert anyio.current_time() - woke < 4
    clock.slept += 8 * 86_400
    await until(lambda: len(world.hub.asked) == 3)


async def test_after_a_suspend_a_failure_is_tried_again_within_seconds(world: World) -> None:
    clock = Sleeper(world)
    world.hub.answers = [(503, {"Retry-After": "5000"})]
    world.app.subscribe(TARGET)
    await until(lambda: failures(world))
    await anyio.sleep(1)
    clock.slept = 6_000.0
    woke = anyio.current_time()
    await until(lambda: len(world.hub.asked) == 2)
    assert anyio.current_time() - woke < 4


@pytest.mark.spec("S-29")
async def test_a_lease_from_a_clock_that_was_ahead_is_renewed_at_once(make_world: MakeWorld, tmp_path: Any) -> None:
    state = f"sqlite:///{tmp_path}/state.db"
    first = await make_world(state=state)
    Sleeper(first).slept = 365 * 86_400.0
    await first.subscribe()
    second = await make_world(state=state, targets=TARGET)
    await until(lambda: second.kinds() == ["resumed", "renewed"])
