"""The troubles of a hub, worst first: what is wrong, why, and where to look."""

from collections.abc import Iterator
from typing import Any

import attrs

from websubhub.standalone.admin.dashboard import formats

_OLD_SECONDS = 3_600
_MANY_VERIFICATIONS = 1_000
_NEARLY_FULL = 0.8


@attrs.frozen(kw_only=True)
class Trouble:
    """Something that is wrong.

    Attributes:
        level: ``bad`` or ``warn``.
        what: What is wrong, in a few words.
        why: The reason or the consequence.
        path: The page that shows more.
    """

    level: str
    what: str
    why: str
    path: str


def troubles_of(
    statistics: dict[str, Any], hosts: list[dict[str, Any]], *, is_ready: bool, backlog_limit: int, now: float
) -> list[Trouble]:
    """Return what is wrong, worst first.

    Args:
        statistics: The counts of the hub.
        hosts: The hosts that are busy, failing or paused.
        is_ready: Whether the hub accepts requests and can store them.
        backlog_limit: How many deliveries may wait.
        now: The time, in seconds since 1970.
    """
    found = [
        *_of_store(statistics, is_ready=is_ready, limit=backlog_limit),
        *_of_hosts(hosts),
        *_of_topics(statistics, now),
        *_of_deliveries(statistics, now),
    ]
    return sorted(found, key=lambda trouble: trouble.level)


def _of_deliveries(statistics: dict[str, Any], now: float) -> Iterator[Trouble]:
    letters = statistics["dead_letters"]
    if letters:
        what = "1 dead letter" if letters == 1 else f"{formats.count(letters)} dead letters"
        yield Trouble(
            level="warn", what=what, why="The hub gave up on them. They can be replayed.", path="/dead-letters"
        )
    oldest = statistics["oldest_published_at"]
    age = now - formats.seconds_of(oldest) if oldest else 0
    if age > _OLD_SECONDS:
        why = f"The oldest update that is still waiting was published {formats.duration(age)} ago."
        yield Trouble(level="warn", what="A subscriber has been waiting for a long time", why=why, path="/retries")


def _of_hosts(hosts: list[dict[str, Any]]) -> Iterator[Trouble]:
    held = [host for host in hosts if host["resumes_at"] and not host["paused"]]
    paused = [host for host in hosts if host["paused"]]
    if held:
        worst = max(held, key=lambda host: (host["parked"], host["failures"]))
        what = f"{worst['host']} is held back" if len(held) == 1 else f"{len(held)} hosts are held back"
        why = (
            f"{worst['host']} failed {formats.counted(worst['failures'], 'delivery', 'deliveries')} in a row, "
            f"and {formats.counted(worst['parked'], 'subscription is', 'subscriptions are')} waiting for it."
        )
        yield Trouble(level="bad", what=what, why=why, path="/hosts")
    if paused:
        what = f"{paused[0]['host']} is paused" if len(paused) == 1 else f"{len(paused)} hosts are paused"
        waiting = sum(host["parked"] for host in paused)
        yield Trouble(
            level="warn",
            what=what,
            why=f"By an operator. {formats.counted(waiting, 'subscription is', 'subscriptions are')} waiting.",
            path="/hosts",
        )


def _of_topics(statistics: dict[str, Any], now: float) -> Iterator[Trouble]:
    announcements = statistics["announcements"]
    if announcements["dead"]:
        what = formats.counted(announcements["dead"], "announcement is dead", "announcements are dead")
        why = "Every attempt to fetch the topic failed."
        yield Trouble(level="bad", what=what, why=why, path="/announcements?state=dead")
    if announcements["failing"]:
        what = (
            formats.counted(announcements["failing"], "announced topic could", "announced topics could")
            + " not be fetched"
        )
        yield Trouble(level="warn", what=what, why="The hub will try again.", path="/announcements?state=failing")
    oldest = announcements["oldest_announced_at"]
    if oldest and now - formats.seconds_of(oldest) > _OLD_SECONDS and not announcements["failing"]:
        why = "It has not been fetched yet."
        yield Trouble(level="warn", what="A topic was announced long ago", why=why, path="/announcements")


def _of_store(statistics: dict[str, Any], *, is_ready: bool, limit: int) -> Iterator[Trouble]:
    if not is_ready:
        why = "It cannot store anything, so publishers get 503."
        yield Trouble(level="bad", what="The hub is not ready", why=why, path="/live")
    if statistics["partial"]:
        why = "Or its deliveries are between two processes. The counts may be too low."
        yield Trouble(level="warn", what="A process of the hub does not answer", why=why, path="/live")
    if statistics["waiting"] > limit * _NEARLY_FULL:
        why = (
            f"{formats.count(statistics['waiting'])} deliveries are waiting. "
            f"At {formats.count(limit)}, publishers get 503."
        )
        yield Trouble(level="bad", what="The backlog is nearly full", why=why, path="/hosts")
