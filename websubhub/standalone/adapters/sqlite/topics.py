"""Topics in SQLite."""

import json

import attrs

from websubhub import url_identity
from websubhub.standalone.adapters.sqlite.database import Connection
from websubhub.standalone.adapters.sqlite.thread import Database
from websubhub.standalone.ports import DeliveryMode, FetchedTopic, Topic
from websubhub.standalone.schedule.members import Members


class SqliteTopics:
    """Satisfies ``TopicStore``.

    Args:
        database: Where they are kept.
        members: Told of every topic and its mode.
    """

    def __init__(self, database: Database, members: Members) -> None:
        self._database = database
        self._members = members

    async def save(self, topic: Topic) -> None:
        """Add a topic, or replace the options of a known one."""
        row = {
            "identity": url_identity(topic.url),
            "url": topic.url,
            "registered": topic.registered,
            "mode": topic.delivery_mode,
            "feed_diff": topic.feed_diff,
        }

        def work(connection: Connection) -> tuple[int, int]:
            number, head = connection.execute(
                "INSERT INTO topics (identity, url, registered, mode, feed_diff) "
                "VALUES (:identity, :url, :registered, :mode, :feed_diff) "
                "ON CONFLICT (identity) DO UPDATE SET registered = :registered, mode = :mode, feed_diff = :feed_diff "
                "RETURNING id, head",
                row,
            ).fetchone()
            return number, head

        await self._database.write(work, lambda saved: self._members.add_topic(saved[0], topic.delivery_mode, saved[1]))

    async def get(self, url: str) -> Topic | None:
        """The topic of this URL, or None."""

        def work(connection: Connection) -> Topic | None:
            row = connection.execute(
                "SELECT url, registered, mode, feed_diff FROM topics WHERE identity = ?", (url_identity(url),)
            ).fetchone()
            return _topic(*row) if row else None

        return await self._database.read(work)

    async def page(self, *, after: str = "", limit: int = 100) -> list[Topic]:
        """A page of the topics by URL."""

        def work(connection: Connection) -> list[Topic]:
            rows = connection.execute(
                "SELECT url, registered, mode, feed_diff FROM topics WHERE identity > ? ORDER BY identity LIMIT ?",
                (url_identity(after), limit),
            ).fetchall()
            return [_topic(*row) for row in rows]

        return await self._database.read(work)

    async def deregister(self, url: str) -> bool:
        """Make a topic unregistered; its subscriptions stay."""

        def work(connection: Connection) -> bool:
            return bool(
                connection.execute(
                    "UPDATE topics SET registered = 0 WHERE identity = ? AND registered", (url_identity(url),)
                ).rowcount
            )

        return await self._database.write(work)

    async def last_fetch(self, url: str) -> FetchedTopic | None:
        """What is remembered of the last fetch, or None when there was none."""

        def work(connection: Connection) -> str | None:
            row = connection.execute("SELECT fetched FROM topics WHERE identity = ?", (url_identity(url),)).fetchone()
            return row[0] if row else None

        text = await self._database.read(work)
        return None if text is None else _read_fetch(text)

    async def save_fetch(self, url: str, fetch: FetchedTopic) -> None:
        """Remember a fetch; an unknown topic is added."""
        text = json.dumps(attrs.asdict(fetch))

        def work(connection: Connection) -> tuple[int, str, int]:
            number, mode, head = connection.execute(
                "INSERT INTO topics (identity, url, fetched) VALUES (?, ?, ?) "
                "ON CONFLICT (identity) DO UPDATE SET fetched = excluded.fetched RETURNING id, mode, head",
                (url_identity(url), url, text),
            ).fetchone()
            return number, mode, head

        await self._database.write(
            work, lambda saved: self._members.add_topic(saved[0], DeliveryMode(saved[1]), saved[2])
        )


def _topic(url: str, registered: int, mode: str, feed_diff: int) -> Topic:
    return Topic(url=url, registered=bool(registered), delivery_mode=DeliveryMode(mode), feed_diff=bool(feed_diff))


def _read_fetch(text: str) -> FetchedTopic:
    values = json.loads(text)
    return FetchedTopic(**values | {"hubs": tuple(values["hubs"]), "entries": tuple(values["entries"])})
