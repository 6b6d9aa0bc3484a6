"""What hubs say by GET is understood as far as it must be, whatever else stands there."""

import httpx
import pytest

from tests.websubsub.conftest import HUB, World
from websubsub import State, SubscriptionDenied, SubscriptionVerification, Target

CAFE = "https://pub.example/café?q=ü"


async def tell(world: World, query: str) -> httpx.Response:
    return await world.client.get(f"{world.subscription.callback}?{query}")


@pytest.mark.spec("S-30")
@pytest.mark.parametrize(
    ("reason", "shown"),
    [("ver%FCckt", "ver�ckt"), ("%", "%"), ("%C3%A9t%C3%A9", "été"), ("%83%65%83%58", "�e�X"), ("", "")],
)
async def test_a_denial_is_one_in_whatever_encoding_its_reason_is(world: World, reason: str, shown: str) -> None:
    await world.request()
    answer = await tell(
        world, f"hub.mode=denied&hub.topic=https%3A%2F%2Fpub.example%2Ffeed%3Ftag%3Da%26b%3D1&hub.reason={reason}"
    )
    assert answer.status_code == 200
    assert world.state() is State.DENIED
    assert world.service.of(SubscriptionDenied)[-1].reason == shown


async def test_a_denial_with_two_reasons_is_one(world: World) -> None:
    await world.request()
    assert (await tell(world, "hub.mode=denied&hub.reason=a&hub.reason=b&hub.topic=")).status_code == 200
    assert world.state() is State.DENIED


VERIFICATION = (
    "hub.mode=subscribe&hub.topic=https%3A%2F%2Fpub.example%2Ffeed%3Ftag%3Da%26b%3D1"
    "&hub.challenge=c&hub.lease_seconds=60"
)


@pytest.mark.spec("S-23")
@pytest.mark.parametrize(
    "extra",
    ["x=%FF", "%FF=1", "na%C3%AFve=%E9", "x=%", "=&=&&", "hub.reason=%FF", "&".join(f"x{n}=%80" for n in range(200))],
)
async def test_what_nobody_needs_never_spoils_a_verification(world: World, extra: str) -> None:
    for query in (f"{extra}&{VERIFICATION}", f"{VERIFICATION}&{extra}"):
        await world.request()
        answer = await tell(world, query)
        assert (answer.status_code, answer.content) == (200, b"c")
    assert len(world.service.of(SubscriptionVerification)[-1].extras) <= 50


@pytest.mark.parametrize(
    "query",
    [
        VERIFICATION.replace("feed", "feed%FF"),
        VERIFICATION.replace("challenge=c", "challenge=%FF"),
        VERIFICATION.replace("=60", "=%FF"),
        VERIFICATION + "&hub.topic=https%3A%2F%2Fother.example",
    ],
)
async def test_what_is_needed_is_not_guessed(world: World, query: str) -> None:
    await world.request()
    assert (await tell(world, query)).status_code == 404
    assert world.state() is State.REQUESTED


@pytest.mark.spec("S-24")
@pytest.mark.parametrize(
    ("topic", "echoed"),
    [
        (CAFE, "https://pub.example/caf%C3%A9?q=%C3%BC"),
        (CAFE, "https://pub.example/caf%c3%a9?q=%c3%bc"),
        ("https://pub.example/caf%C3%A9", "https://pub.example/café"),
        ("https://müller.example/a", "https://xn--mller-kva.example/a"),
        ("https://pub.example/%7Ea", "https://pub.example/~a"),
    ],
)
async def test_a_topic_in_another_spelling_is_the_same(world: World, topic: str, echoed: str) -> None:
    target = Target(hub=HUB, topic=topic)
    await world.request(target)
    answer = await world.hub.verify(world.asked, **{"hub.topic": echoed})
    assert answer.status_code == 200
    assert (await world.until(lambda known: known.delivers, target)).topic == topic


@pytest.mark.parametrize(
    ("topic", "echoed"),
    [
        (CAFE, "https://pub.example/cafe?q=u"),
        (CAFE, "https://pub.example/cafe%CC%81?q=%C3%BC"),
        (CAFE, "http://pub.example/caf%C3%A9?q=%C3%BC"),
        ("https://pub.example/a", "https://pub.example/a/"),
        ("https://pub.example/a", "https://pub.example/A"),
        ("https://pub.example/a%2Fb", "https://pub.example/a/b"),
        ("https://pub.example/a", "https://PUB.example/a"),
        ("https://pub.example/a", "https://pub.example:443/a"),
    ],
)
async def test_a_different_topic_stays_one(world: World, topic: str, echoed: str) -> None:
    await world.request(Target(hub=HUB, topic=topic))
    answer = await world.hub.verify(world.asked, **{"hub.topic": echoed})
    assert answer.status_code == 404
