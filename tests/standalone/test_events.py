"""Events: lines of the log with fields, counted when they repeat, and the newest of them in memory."""

import ast
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from tests.waiting import PATIENCE
from websubhub.standalone.command.logs import JsonFormatter, TextFormatter
from websubhub.standalone.events.events import Event, Events
from websubhub.standalone.events.kinds import Kind

ROOT = Path(__file__).parent.parent.parent
TOPIC = "https://topic.example/"


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def events(clock: Clock) -> Events:
    return Events(clock=clock)


def subscribed(events: Events, host: str = "sub.example", topic: str = TOPIC) -> None:
    events.record(Kind.SUBSCRIBED, topic=topic, host=host, lease_seconds=60)


def refused(events: Events, reason: str = "no token") -> None:
    events.record(Kind.PUBLISH_REFUSED, topic=TOPIC, status=401, reason=reason)


def told(events: Events) -> list[str]:
    return [event.text for event in events.after(0, 10_000)]


def recorded() -> Iterator[tuple[str, ast.Call]]:
    """Every call of ``record`` with a kind by name, and where it is."""
    for path in sorted((ROOT / "websubhub").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "record":
                yield f"{path.relative_to(ROOT)}:{node.lineno}", node


def kinds_in(node: ast.AST) -> list[Kind]:
    return [
        Kind[each.attr]
        for each in ast.walk(node)
        if isinstance(each, ast.Attribute) and isinstance(each.value, ast.Name) and each.value.id == "Kind"
    ]


def test_every_event_is_recorded_with_the_fields_of_its_kind() -> None:
    checked = set[Kind]()
    for where, call in recorded():
        names = {keyword.arg for keyword in call.keywords}
        if None in names:  # fields that were put together before
            continue
        for kind in kinds_in(call.args[0]):
            assert names == set(kind.shape.fields), f"{where}: {kind.title}"
            checked.add(kind)
    assert len(checked) > 15


@pytest.mark.parametrize("kind", Kind, ids=lambda kind: kind.title)
def test_a_kind_compares_repetitions_by_its_own_fields(kind: Kind) -> None:
    assert set(kind.shape.same) <= set(kind.shape.fields)
    assert not {"callback", "secret", "token"} & set(kind.shape.fields), "an event names no credential"


def test_an_event_is_a_line_and_the_same_as_json(events: Events, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    subscribed(events)
    [record] = caplog.records
    assert "sub.example subscribed to https://topic.example/ for 60 s." in TextFormatter().format(record)
    line = json.loads(JsonFormatter().format(record))
    assert (line["event"], line["message"], line["level"]) == ("subscribed", "subscribed", "info")
    assert (line["topic"], line["host"], line["lease_seconds"]) == (TOPIC, "sub.example", 60)


@pytest.mark.threat("LI-1")
def test_text_from_others_stays_in_its_line(events: Events, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    subscribed(events, topic="https://topic.example/\n2026-01-01 00:00:00 error   \x1b[2Jfake {host}" + "x" * 10_000)
    [record] = caplog.records
    [event] = events.after(0)
    for text in (TextFormatter().format(record), JsonFormatter().format(record), event.text, record.getMessage()):
        assert text.isprintable()
        assert len(text) < 2_000
    assert "\\n2026-01-01" in event.text
    assert "{host}" in event.text, "a text is no sentence of ours"


def test_an_event_that_repeats_is_counted(events: Events, clock: Clock) -> None:
    for _ in range(5):
        refused(events)
    refused(events, "another reason")
    assert len(told(events)) == 2
    clock.now += 61
    refused(events)
    assert told(events)[-1].endswith("no token (4 more since the last line)")
    assert events.after(0)[-1].fields["more"] == 4


def test_what_was_counted_is_told_once_a_minute_is_over(events: Events, clock: Clock) -> None:
    for _ in range(5):
        refused(events)
    events.tell_counted()
    assert len(told(events)) == 1
    clock.now += 61
    events.tell_counted()
    assert told(events)[1].endswith("no token (3 more since the last line)"), "and this one is the fifth"
    clock.now += 61
    events.tell_counted()
    assert len(told(events)) == 2


def test_a_hub_that_stops_tells_the_rest(events: Events) -> None:
    for _ in range(3):
        refused(events)
    events.tell_counted(everything=True)
    assert len(told(events)) == 2


@pytest.mark.threat("DOS-16")
def test_no_flood_fills_a_disk(events: Events, clock: Clock) -> None:
    """Each is another one, as messages are, so that nothing repeats."""
    for number in range(10_000):
        subscribed(events, f"sub{number}.example")
        refused(events, f"reason {number}")
        clock.now += 0.01  # 100 s in all
    assert len([event for event in events.after(0, 10_000) if event.name == "subscribed"]) <= 60 + 101
    assert len([event for event in events.after(0, 10_000) if event.name == "publish_refused"]) <= 60 + 101
    clock.now += 61
    events.tell_counted()
    kept = events.after(0, 10_000)
    counted = sum(int(event.fields.get("more") or 0) + 1 for event in kept if event.name == "subscribed")
    assert counted == 10_000, "each is told, or counted by one that is"


def test_a_flood_of_one_kind_hides_no_other(events: Events) -> None:
    for number in range(10_000):
        subscribed(events, f"sub{number}.example")
    refused(events)
    assert told(events)[-1].endswith("no token")
    assert len(told(events)) == 61


def test_memory_stays_bounded(events: Events, clock: Clock) -> None:
    for number in range(20_000):
        refused(events, f"reason {number}")
        refused(events, f"reason {number}")
        clock.now += 1
    assert len(told(events)) == 2_000
    assert len(events._repetitions._told) <= 1_000


def test_attempts_are_for_the_log_alone_and_only_when_it_wants_them(
    events: Events, caplog: pytest.LogCaptureFixture
) -> None:
    attempt: dict[str, str | int] = {"id": "m", "topic": TOPIC, "host": "sub.example", "attempt": 1, "milliseconds": 5}
    caplog.set_level(logging.INFO)
    events.record(Kind.ATTEMPT, **attempt, status=204, result="answered 204")
    assert not events.detailed
    caplog.set_level(logging.DEBUG)
    assert events.detailed
    for _ in range(100):
        events.record(Kind.ATTEMPT, **attempt, status=204, result="answered 204")
    assert len(caplog.records) == 100
    assert told(events) == []


def test_an_event_that_cannot_be_told_harms_nobody(events: Events, caplog: pytest.LogCaptureFixture) -> None:
    events.record(Kind.SUBSCRIBED, topic=TOPIC)
    assert told(events) == []
    assert "cannot be recorded" in caplog.text


def test_numbers_go_on_after_a_restart(clock: Clock) -> None:
    first = Events(clock=clock)
    subscribed(first)
    clock.now += 1
    second = Events(clock=clock)
    subscribed(second)
    assert second.after(first.after(0)[-1].id), "who has seen the last of one run gets the first of the next"


async def test_who_watches_gets_what_is_new(events: Events) -> None:
    seen: list[Event] = []

    async def watch() -> None:
        number = 0
        while len(seen) < 3:
            await events.changed(number)
            seen.extend(events.after(number, 1))
            number = seen[-1].id

    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(watch)
            for number in range(3):
                await anyio.lowlevel.checkpoint()
                subscribed(events, f"sub{number}.example")
    assert [event.fields["host"] for event in seen] == [f"sub{number}.example" for number in range(3)]


@pytest.mark.parametrize(
    ("recipients", "failures", "lines"),
    [
        (1, 1, ("1 byte of text/plain for 1 subscription.", "because 1 delivery in a row failed.")),
        (0, 2, ("1 byte of text/plain for 0 subscriptions.", "because 2 deliveries in a row failed.")),
    ],
)
def test_a_number_and_its_noun_agree(events: Events, recipients: int, failures: int, lines: tuple[str, ...]) -> None:
    events.record(Kind.PUBLISHED, id="m", topic=TOPIC, size=1, type="text/plain", recipients=recipients, publisher=None)
    events.record(Kind.HOST_HELD_BACK, host="sub.example", seconds=5, failures=failures)
    assert all(event.text.endswith(line) for event, line in zip(events.after(0), lines, strict=True))
