"""Loading the stored state onto the board when the hub starts."""

import gc
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

from websubhub.standalone.adapters.sqlite.file.database import Connection
from websubhub.standalone.adapters.sqlite.file.thread import Database
from websubhub.standalone.adapters.sqlite.letters import read_replaying
from websubhub.standalone.adapters.sqlite.rows import delivery_mode
from websubhub.standalone.broker.ledger import Ledger
from websubhub.standalone.schedule.members import Member, Members

log: logging.Logger = logging.getLogger("websubhub")

_PAGE = 5_000

Row = TypeVar("Row", bound=tuple[Any, ...])


async def load(database: Database, ledger: Ledger) -> None:
    """Load topics, subscriptions, retries, replays and paused hosts into the ledger.

    Large tables are loaded in pages, so that the event loop stays responsive and the hub can be stopped meanwhile.
    """
    with _without_collections():
        await _load_topics(database, ledger)
        await _load_subscriptions(database, ledger.members)
    for topic, subscription, due_at, attempted_at, firm in await database.read(_retries):
        if _are_numbers(due_at, attempted_at):  # otherwise it is retried at once
            ledger.members.restore_retry(topic, subscription, due_at=due_at, attempted_at=attempted_at, firm=bool(firm))
    for letter in await database.read(read_replaying):
        if _are_numbers(*letter):
            ledger.replaying(*letter)
    for (host,) in await database.read(
        lambda connection: connection.execute("SELECT host FROM paused_hosts").fetchall()
    ):
        ledger.host_held(host, paused=True)


async def _load_topics(database: Database, ledger: Ledger) -> None:
    async for topics in _pages(database, _topics):
        for topic, mode, head, has_updates in topics:
            ledger.members.add_topic(topic, delivery_mode(mode), head if isinstance(head, int) else 0)
            if has_updates:
                ledger.disposable.add(topic)


async def _load_subscriptions(database: Database, members: Members) -> None:
    unreadable = 0
    async for subscriptions in _pages(database, _subscriptions):
        for subscription, topic, host, position, expires_at in subscriptions:
            if not (_are_numbers(host, position, expires_at) and members.knows(topic)):
                unreadable += 1
                continue
            members.add(
                Member(topic=topic, subscription=subscription, host=host, position=position, expires_at=expires_at)
            )
    if unreadable:
        log.error("%d subscriptions cannot be read from the database, and get no deliveries.", unreadable)


def _are_numbers(*values: object) -> bool:
    return all(isinstance(value, int | float) for value in values)


@contextmanager
def _without_collections() -> Iterator[None]:
    """Disable garbage collection: loading creates no garbage, and searching for some would double its time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


async def _pages(database: Database, read: Callable[..., list[Row]]) -> AsyncIterator[list[Row]]:
    """Yield pages of rows in the order of the number with which they begin."""
    last = 0
    while rows := await database.read(partial(read, after=last)):
        yield rows
        last = rows[-1][0]


def _topics(connection: Connection, after: int) -> list[tuple[Any, ...]]:
    return connection.execute(
        "SELECT id, mode, head, head > 0 AND EXISTS (SELECT 1 FROM updates WHERE topic_id = topics.id) "
        "FROM topics WHERE id > ? ORDER BY id LIMIT ?",
        (after, _PAGE),
    ).fetchall()


def _subscriptions(connection: Connection, after: int) -> list[tuple[Any, ...]]:
    return connection.execute(
        "SELECT id, topic_id, host, position, expires_at FROM subscriptions JOIN positions ON subscription_id = id "
        "WHERE id > ? ORDER BY id LIMIT ?",
        (after, _PAGE),
    ).fetchall()


def _retries(connection: Connection) -> list[tuple[int, int, float, float, int]]:
    return connection.execute(
        "SELECT topic_id, subscription_id, due_at, attempted_at, firm FROM retries "
        "JOIN subscriptions ON subscriptions.id = subscription_id"
    ).fetchall()
