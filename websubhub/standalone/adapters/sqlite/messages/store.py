"""The store of messages and their results in SQLite."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from attrs import evolve

from websubhub import url_identity
from websubhub.standalone.adapters.sqlite import rows
from websubhub.standalone.adapters.sqlite.file.database import Connection
from websubhub.standalone.adapters.sqlite.file.thread import Database
from websubhub.standalone.adapters.sqlite.messages.attempts import read_attempts
from websubhub.standalone.adapters.sqlite.messages.recipients import (
    find_message,
    read_dead,
    read_recipients,
    read_waiting,
)
from websubhub.standalone.adapters.sqlite.messages.redelivery import Redelivery, begin_redelivery
from websubhub.standalone.adapters.sqlite.messages.retention import Retention
from websubhub.standalone.adapters.sqlite.updates import read_update
from websubhub.standalone.broker.ledger import Ledger
from websubhub.standalone.ports import (
    AttemptOutcome,
    FailedAttempt,
    Message,
    MessageRecipient,
    RecipientState,
    SubscriptionHealth,
    Update,
)
from websubhub.standalone.schedule.claims import Key
from websubhub.standalone.schedule.standing import waiting_for, who_waits

_SELECT = (
    "SELECT updates.id, topic_id, sequence, message_id, url, publisher, content_type, size, published_at, recipients, "
    "delivered, dead FROM updates JOIN messages ON number = updates.id JOIN topics ON topics.id = topic_id "
)


class SqliteMessages:
    """Satisfies ``MessageStore``.

    Args:
        database: The database.
        ledger: Knows what is owed, and is notified of redeliveries.
        retention: Knows which messages have expired.
        flush: Waits until all outcomes so far are in the database.
    """

    def __init__(
        self, database: Database, ledger: Ledger, retention: Retention, flush: Callable[[], Awaitable[None]]
    ) -> None:
        self._database = database
        self._ledger = ledger
        self._retention = retention
        self._flush = flush

    async def page(
        self, *, topic: str | None = None, message_id: str | None = None, before: int | None = None, limit: int = 100
    ) -> list[Message]:
        """Return a page of messages, newest first."""
        await self._flush()
        conditions: dict[str, object] = {}
        if topic is not None:
            conditions["topic_id = (SELECT id FROM topics WHERE identity = ?)"] = url_identity(topic)
        if message_id is not None:
            conditions["message_id = ?"] = message_id
        if before is not None:
            conditions["updates.id < ?"] = before
        where = f"WHERE {' AND '.join(conditions)} " if conditions else ""
        # Within a topic, sequence numbers have the same order as the numbers, and an index.
        order = "updates.id" if topic is None or message_id is not None else "sequence"
        statement = f"{_SELECT}{where}ORDER BY {order} DESC LIMIT ?"
        values = (*conditions.values(), limit)
        found = await self._database.read(lambda connection: connection.execute(statement, values).fetchall())
        return await self._counted(rows.sorted_out([(row[0], *row) for row in found], _message)[0])

    async def _counted(self, found: list[tuple[Key, Message]]) -> list[Message]:
        """Return messages with the number of subscriptions waiting for them."""
        waiting = await waiting_for(self._ledger.board, {key for key, _ in found})
        return [
            evolve(
                message,
                waiting=waiting[key],
                # A message from before counts were kept may have too few recipients.
                recipients=max(message.recipients, message.delivered + waiting[key] + message.dead),
            )
            for key, message in found
        ]

    async def update(self, number: int) -> Update | None:
        """Return the update of a message, with its content, or None if there is no such message."""

        def work(connection: Connection) -> Update | None:
            key = connection.execute(
                "SELECT topic_id, sequence FROM updates JOIN messages ON number = id WHERE id = ?", (number,)
            ).fetchone()
            return None if key is None else read_update(connection, key)

        return await self._database.read(work)

    async def attempts(
        self,
        *,
        message_id: str | None = None,
        topic: str | None = None,
        callback: str | None = None,
        host: str | None = None,
        outcome: AttemptOutcome | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> list[FailedAttempt]:
        """Return a page of failed attempts, newest first."""
        await self._flush()
        read = partial(
            read_attempts,
            message_id=message_id,
            topic=topic,
            callback=callback,
            host=host,
            outcome=outcome,
            before=before,
            limit=limit,
        )
        return await self._database.read(read)

    async def redeliver(self, number: int, callback: str) -> bool:
        """Redeliver a message to one subscription of its topic."""
        now = self._ledger.clock()

        def then(redelivery: Redelivery | None) -> None:
            if redelivery is not None:
                self._ledger.replaying(*redelivery)

        redelivery = await self._database.write(
            lambda connection: begin_redelivery(connection, number, url_identity(callback), now), then
        )
        return redelivery is not None

    async def recipients(
        self, number: int, *, only: RecipientState | None = None, after: str = "", limit: int = 100
    ) -> list[MessageRecipient]:
        """Return a page of the subscriptions that a message was for, with its state for each."""
        await self._flush()
        place = await self._database.read(partial(find_message, number=number))
        if place is None:
            return []
        if only is RecipientState.DEAD:
            return await self._database.read(partial(read_dead, place=place, after=after, limit=limit))
        if only is None:
            return await self._database.read(partial(read_recipients, place=place, after=after, limit=limit))
        log = self._ledger.board.logs.get(place.topic)
        waiting = [] if log is None else await who_waits(log, place.sequence, int(after or 0), limit)
        return await self._database.read(partial(read_waiting, place=place, numbers=waiting))

    async def health(self, topic: str, callback: str) -> SubscriptionHealth | None:
        """Return the state of the deliveries to a subscription, or None if there is no such subscription."""
        await self._flush()
        row = await self._database.read(partial(_standing, pair=(url_identity(topic), url_identity(callback))))
        if row is None:
            return None
        subscription, topic_number, spelled, delivered_at = row
        failures = await self.attempts(topic=topic, callback=spelled, limit=1)
        place = self._ledger.board.find(topic_number, subscription)
        return SubscriptionHealth(
            waiting=0 if place is None else place[0].owed(*place[1:]),
            last_success_at=delivered_at,
            last_failure=failures[0] if failures else None,
        )

    async def expire(self) -> int:
        """Mark messages that exceed the limits, and delete attempts that do."""
        await self._retention.expire_attempts()
        return await self._retention.expire()

    async def expire_topic(self, topic: str) -> None:
        """Mark all messages of a topic."""
        row = await self._database.read(
            lambda connection: connection.execute(
                "SELECT id, head FROM topics WHERE identity = ?", (url_identity(topic),)
            ).fetchone()
        )
        if row is not None:
            self._retention.expire_topic(*row)


def _standing(connection: Connection, pair: tuple[str, str]) -> tuple[int, int, str, float | None] | None:
    row: tuple[int, int, str, float | None] | None = connection.execute(
        "SELECT subscriptions.id, topic_id, callback, delivered_at FROM subscriptions "
        "JOIN topics ON topics.id = topic_id JOIN positions ON subscription_id = subscriptions.id "
        "WHERE topics.identity = ? AND subscriptions.identity = ?",
        pair,
    ).fetchone()
    return row


def _message(*values: Any) -> tuple[Key, Message]:
    number, topic, sequence, message_id, url, publisher, content_type, size, published_at, *counts = values
    recipients, delivered, dead = map(rows.whole, counts)
    return (topic, sequence), Message(
        number=number,
        id=rows.text(message_id),
        topic=rows.text(url),
        publisher=rows.text_or_none(publisher),
        content_type=rows.text(content_type),
        size=rows.whole(size),
        published_at=rows.number(published_at),
        recipients=recipients,
        delivered=delivered,
        waiting=0,
        dead=dead,
    )
