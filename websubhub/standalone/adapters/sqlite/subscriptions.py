"""Verified subscriptions in SQLite, each with its position in the log of its topic."""

from collections.abc import Callable
from typing import Any

from attrs import frozen

from websubhub import authority_of, host_of, url_identity
from websubhub.standalone.adapters.sqlite.file.database import Connection
from websubhub.standalone.adapters.sqlite.file.thread import Database
from websubhub.standalone.adapters.sqlite.rows import as_json, delivery_mode
from websubhub.standalone.adapters.sqlite.verifications import confirm_verification, withdraw_verification
from websubhub.standalone.ports import DeliveryMode, Saved, StoredSubscription
from websubhub.standalone.schedule.hosts import host_key
from websubhub.standalone.schedule.members import Member, Members

_SELECT = (
    "SELECT topics.url, callback, secret, lease_seconds, requested_at "
    "FROM subscriptions JOIN topics ON topics.id = topic_id "
)
_TOPIC = "(SELECT id FROM topics WHERE identity = {name})"
_OF_ONE_TOPIC = (
    f"{_SELECT}WHERE topic_id = {_TOPIC} AND subscriptions.identity > {{after}} "
    "ORDER BY subscriptions.identity LIMIT :limit"
)
# This goes from one topic to the next, so that each step is an index search.
_OF_LATER_TOPICS = (
    "SELECT topics.url, callback, secret, lease_seconds, requested_at "
    "FROM topics CROSS JOIN subscriptions ON topic_id = topics.id WHERE topics.identity > :t "
    "ORDER BY topics.identity, subscriptions.identity LIMIT :limit"
)
_OF_HOST = (
    "SELECT topics.url, callback, secret, lease_seconds, requested_at "  # noqa: S608 - our own words
    "FROM subscriptions INDEXED BY subscriptions_by_host CROSS JOIN topics ON topics.id = topic_id "
    "WHERE host = :host AND {only}(subscriptions.identity, topic_id) "
    f"> (:c, ifnull({_TOPIC.format(name=':t')}, 0)) ORDER BY subscriptions.identity, topic_id LIMIT :limit"
)
_RENEW = (
    "UPDATE subscriptions SET callback = :callback, secret = :secret, lease_seconds = :lease, "
    "requested_at = :requested, expires_at = :expires WHERE topic_id = :topic AND identity = :identity RETURNING id"
)
_ADD = (
    "INSERT INTO subscriptions (topic_id, identity, callback, host, callback_host, secret, lease_seconds, "
    "requested_at, expires_at) VALUES (:topic, :identity, :callback, :host, :callback_host, :secret, :lease, "
    ":requested, :expires) RETURNING id"
)


@frozen(kw_only=True)
class _Saved:
    """The result of a save: the topic, and whether the subscription is new."""

    topic: int
    mode: DeliveryMode
    head: int
    subscription: int
    renewed: bool
    ended: int | None


class SqliteSubscriptions:
    """Satisfies ``SubscriptionStore``.

    Args:
        database: The database.
        members: Notified of all changes.
        clock: The hub's clock.
    """

    def __init__(self, database: Database, members: Members, clock: Callable[[], float]) -> None:
        self._database = database
        self._members = members
        self._clock = clock

    async def save(self, subscription: StoredSubscription, *, verification: str | None = None) -> Saved | None:
        """Add a subscription that gets updates from now on, or renew one that keeps what it is still owed."""
        now, gone = self._clock(), as_json(self._members.gone)

        def work(connection: Connection) -> _Saved | None:
            pair = subscription.topic, subscription.callback
            if verification is not None and not confirm_verification(connection, verification, *pair):
                return None
            return _save(connection, subscription, now, gone)

        def then(saved: _Saved | None) -> None:
            if saved is not None:
                self._tell(saved, subscription, now)

        # Subscriptions are verified while other requests arrive, so this write can join one of their commits.
        write = self._database.write if verification is None else self._database.unhurried.write
        saved = await write(work, then)
        return None if saved is None else Saved.RENEWED if saved.renewed else Saved.NEW

    async def get(self, topic: str, callback: str) -> StoredSubscription | None:
        """Return the subscription of this pair whose lease has not ended, or None."""
        values = url_identity(topic), url_identity(callback), self._clock()

        def work(connection: Connection) -> StoredSubscription | None:
            row = connection.execute(
                _SELECT + "WHERE topics.identity = ? AND subscriptions.identity = ? AND expires_at > ?", values
            ).fetchone()
            return _subscription(*row) if row else None

        await self._database.unhurried.catch_up()
        return await self._database.read(work)

    async def page(
        self,
        *,
        topic: str | None = None,
        host: str | None = None,
        callback: str | None = None,
        after: tuple[str, str] | None = None,
        limit: int = 100,
    ) -> list[StoredSubscription]:
        """Return a page of subscriptions by topic and callback, or by callback and topic if filtered by host."""
        after_topic, after_callback = map(url_identity, after or ("", ""))
        values = {
            "topic": url_identity(topic or ""),
            "host": host_key(authority_of(callback) if host is None and callback is not None else host or ""),
            "callback": url_identity(callback or ""),
            "t": after_topic,
            "c": after_callback,
            "limit": limit,
        }
        statements = _pages(by_topic=topic is not None, by_host=host is not None, by_callback=callback is not None)

        def work(connection: Connection) -> list[StoredSubscription]:
            rows: list[tuple[Any, ...]] = []
            for statement in statements:
                rows += connection.execute(statement, values | {"limit": limit - len(rows)}).fetchall()
            return [_subscription(*row) for row in rows]

        await self._database.unhurried.catch_up()
        return await self._database.read(work)

    async def remove(self, topic: str, callback: str, *, verification: str | None = None) -> bool:
        """End a subscription, and drop everything owed to it."""
        values = url_identity(topic), url_identity(callback)

        def work(connection: Connection) -> tuple[bool, tuple[int, int] | None]:
            if verification is None:
                withdraw_verification(connection, topic, callback)
            elif not confirm_verification(connection, verification, topic, callback):
                return False, None
            row = connection.execute(
                "DELETE FROM subscriptions WHERE topic_id = (SELECT id FROM topics WHERE identity = ?) "
                "AND identity = ? RETURNING topic_id, id",
                values,
            ).fetchone()
            return verification is not None or row is not None, row

        def then(removed: tuple[bool, tuple[int, int] | None]) -> None:
            if removed[1] is not None:
                self._members.end(*removed[1])

        return (await self._database.settle(work, then))[0]

    async def end_expired(self, *, limit: int = 500) -> list[StoredSubscription]:
        """End up to ``limit`` subscriptions whose lease has expired, and return them."""
        now = self._clock()

        def work(connection: Connection) -> tuple[list[StoredSubscription], list[tuple[int, int]]]:
            rows = connection.execute(
                "SELECT topic_id, subscriptions.id, topics.url, callback, secret, lease_seconds, requested_at "
                "FROM subscriptions JOIN topics ON topics.id = topic_id WHERE expires_at <= ? LIMIT ?",
                (now, limit),
            ).fetchall()
            connection.executemany("DELETE FROM subscriptions WHERE id = ?", [(row[1],) for row in rows])
            return [_subscription(*row[2:]) for row in rows], [(row[0], row[1]) for row in rows]

        def then(ended: tuple[list[StoredSubscription], list[tuple[int, int]]]) -> None:
            for topic, subscription in ended[1]:
                self._members.end(topic, subscription)

        return (await self._database.settle(work, then))[0]

    def _tell(self, saved: _Saved, subscription: StoredSubscription, now: float) -> None:
        self._members.add_topic(saved.topic, saved.mode, saved.head)
        if saved.ended is not None:
            self._members.end(saved.topic, saved.ended)
        if saved.renewed:
            self._members.renew(saved.topic, saved.subscription, subscription.expires_at, now)
            return
        self._members.add(
            Member(
                topic=saved.topic,
                subscription=saved.subscription,
                host=host_key(authority_of(subscription.callback)),
                position=saved.head,
                expires_at=subscription.expires_at,
            )
        )


def _pages(*, by_topic: bool, by_host: bool, by_callback: bool) -> list[str]:
    """Return the statements that find a page. The second one fills what the first leaves empty."""
    if by_host or by_callback:
        callback = "subscriptions.identity = :callback AND " if by_callback else ""
        topic = f"topic_id = {_TOPIC.format(name=':topic')} AND " if by_topic else ""
        return [_OF_HOST.format(only=callback + topic)]
    if by_topic:
        return [_OF_ONE_TOPIC.format(name=":topic", after=":c")]
    return [_OF_ONE_TOPIC.format(name=":t", after=":c"), _OF_LATER_TOPICS]


def _save(connection: Connection, subscription: StoredSubscription, now: float, gone: str) -> _Saved:
    identity = url_identity(subscription.callback)
    topic, mode, head = _ensure_topic(connection, subscription.topic)
    # A subscription that has ended or expired is not renewed but replaced, so it does not get what it missed.
    ended = connection.execute(
        "DELETE FROM subscriptions WHERE topic_id = ? AND identity = ? "
        "AND (expires_at <= ? OR id IN (SELECT value FROM json_each(?))) RETURNING id",
        (topic, identity, now, gone),
    ).fetchone()
    row = {
        "topic": topic,
        "identity": identity,
        "callback": subscription.callback,
        "host": host_key(authority_of(subscription.callback)),
        "callback_host": host_of(subscription.callback),
        "secret": subscription.secret,
        "lease": subscription.lease_seconds,
        "requested": subscription.requested_at,
        "expires": subscription.expires_at,
    }
    renewed = connection.execute(_RENEW, row).fetchone()
    if renewed is None:
        (number,) = connection.execute(_ADD, row).fetchone()
        connection.execute("INSERT INTO positions (subscription_id, position) VALUES (?, ?)", (number, head))
    else:
        (number,) = renewed
    return _Saved(
        topic=topic,
        mode=mode,
        head=head,
        subscription=number,
        renewed=renewed is not None,
        ended=ended[0] if ended else None,
    )


def _ensure_topic(connection: Connection, url: str) -> tuple[int, DeliveryMode, int]:
    identity = url_identity(url)
    known = connection.execute("SELECT id, mode, head FROM topics WHERE identity = ?", (identity,)).fetchone()
    number, mode, head = (
        known
        or connection.execute(
            "INSERT INTO topics (identity, url) VALUES (?, ?) RETURNING id, mode, head", (identity, url)
        ).fetchone()
    )
    return number, delivery_mode(mode), head


def _subscription(
    topic: str, callback: str, secret: str | None, lease_seconds: int, requested_at: float
) -> StoredSubscription:
    return StoredSubscription(
        topic=topic, callback=callback, secret=secret, lease_seconds=lease_seconds, requested_at=requested_at
    )
