"""Topics in SQLite."""

import json
import logging
from collections.abc import Collection, Mapping
from functools import partial

import attrs

from websubhub import url_identity
from websubhub.standalone.adapters.sqlite.file.database import Connection
from websubhub.standalone.adapters.sqlite.file.thread import Database
from websubhub.standalone.adapters.sqlite.rows import UNREADABLE, as_json, delivery_mode
from websubhub.standalone.ports import TOPIC_OPTIONS, FetchedTopic, Topic, TopicUsage
from websubhub.standalone.schedule.members import Members

log: logging.Logger = logging.getLogger("websubhub")

_ALL = "*"
_PAGE = 5_000
_SAVE = (
    "INSERT INTO topics (identity, url, registered, mode, feed_diff) "
    "VALUES (:identity, :url, :registered, :delivery_mode, :feed_diff) "
    "ON CONFLICT (identity) DO UPDATE SET registered = iif(:sets_registered, :registered, registered), "
    "mode = iif(:sets_delivery_mode, :delivery_mode, mode), feed_diff = iif(:sets_feed_diff, :feed_diff, feed_diff) "
    "RETURNING id, head, url, registered, mode, feed_diff"
)
_CONFIGURE = (
    "WITH latest (identity) AS (SELECT value FROM json_each(:latest)), "
    "diff (identity) AS (SELECT value FROM json_each(:diff)), "
    "named (identity) AS (SELECT identity FROM latest UNION SELECT identity FROM diff), "
    "wanted (id, mode, feed_diff) AS (SELECT id, iif(:all_latest OR identity IN latest, 'latest', 'every'), "
    "(:all_diff OR identity IN diff) FROM topics WHERE {which}) "
    "UPDATE topics SET mode = wanted.mode, feed_diff = wanted.feed_diff FROM wanted "
    "WHERE topics.id = wanted.id AND (topics.mode, topics.feed_diff) IS NOT (wanted.mode, wanted.feed_diff) "
    "RETURNING id, mode, head"
)
_UNUSED = (
    # The last topic stays, so that no number is used twice, since updates refer to it.
    "id < (SELECT max(id) FROM topics) AND NOT registered AND mode = 'every' AND NOT feed_diff "
    "AND NOT EXISTS (SELECT 1 FROM subscriptions WHERE topic_id = topics.id) "
    "AND NOT EXISTS (SELECT 1 FROM updates WHERE topic_id = topics.id) "
    "AND NOT EXISTS (SELECT 1 FROM dead_letters WHERE topic_id = topics.id) "
    "AND NOT EXISTS (SELECT 1 FROM announcements WHERE announcements.identity = topics.identity)"
)
_REMOVE = (
    "DELETE FROM topics WHERE identity = ? "
    "AND NOT EXISTS (SELECT 1 FROM subscriptions WHERE topic_id = topics.id) "
    "AND NOT EXISTS (SELECT 1 FROM updates WHERE topic_id = topics.id) "
    "AND NOT EXISTS (SELECT 1 FROM dead_letters WHERE topic_id = topics.id) RETURNING id"
)
_USAGE = (
    "SELECT (SELECT count(*) FROM subscriptions WHERE topic_id = topics.id), "
    "(SELECT count(*) FROM updates WHERE topic_id = topics.id), "
    "(SELECT count(*) FROM dead_letters WHERE topic_id = topics.id), "
    "(SELECT published_at FROM updates WHERE topic_id = topics.id ORDER BY sequence DESC LIMIT 1) "
    "FROM topics WHERE identity = ?"
)
_CONFIGURE_PAGE = _CONFIGURE.format(which="id > :after AND id <= :until")
_CONFIGURE_NAMED = _CONFIGURE.format(which="identity IN named")


class SqliteTopics:
    """Satisfies ``TopicStore``.

    Args:
        database: The database.
        members: Notified of every topic and its mode.
    """

    def __init__(self, database: Database, members: Members) -> None:
        self._database = database
        self._members = members
        self._unused: set[int] = set()

    async def save(self, topic: Topic, *, options: Collection[str] = TOPIC_OPTIONS) -> Topic:
        """Add a topic, or set options of a known one."""
        row = {
            "identity": url_identity(topic.url),
            **attrs.asdict(topic),
            **{f"sets_{name}": name in options for name in TOPIC_OPTIONS},
        }

        def work(connection: Connection) -> tuple[int, int, Topic]:
            number, head, *saved = connection.execute(_SAVE, row).fetchone()
            return number, head, _topic(*saved)

        def then(saved: tuple[int, int, Topic]) -> None:
            number, head, kept = saved
            self._members.add_topic(number, kept.delivery_mode, head)

        *_, kept = await self._database.write(work, then)
        return kept

    async def configure(self, *, latest_only: Collection[str], feed_diff: Collection[str]) -> None:
        """Set the options of the named topics in the store."""
        named = latest_only, feed_diff
        latest, diff = (json.dumps([url_identity(url) for url in urls]) for urls in named)
        rules = {"latest": latest, "diff": diff, "all_latest": _ALL in latest_only, "all_diff": _ALL in feed_diff}
        if _ALL in latest_only or _ALL in feed_diff:
            # In pages, so that neither the event loop nor a stopping process waits for all of them.
            for after in range(0, await self._database.read(_last), _PAGE):
                await self._configure(_CONFIGURE_PAGE, rules | {"after": after, "until": after + _PAGE})
        elif latest_only or feed_diff:
            await self._configure(_CONFIGURE_NAMED, rules)

    async def _configure(self, statement: str, rules: Mapping[str, object]) -> None:
        def then(changed: list[tuple[int, str, int]]) -> None:
            for number, mode, head in changed:
                self._members.add_topic(number, delivery_mode(mode), head)

        await self._database.write(lambda connection: connection.execute(statement, rules).fetchall(), then)

    async def forget_unused(self) -> int:
        """Remove the topics that were unused at the last call and still are."""
        forgotten, unused = 0, set[int]()
        for after in range(0, await self._database.read(_last), _PAGE):
            found = await self._database.read(partial(_find_unused, after=after))
            if old := self._unused.intersection(found):
                forgotten += await self._forget(old)
            unused.update(set(found) - old)
        self._unused = unused
        return forgotten

    async def _forget(self, topics: Collection[int]) -> int:
        """Remove those of these topics that are still unused. Checking and removing happen in one step."""
        statement = f"DELETE FROM topics WHERE id IN (SELECT value FROM json_each(?)) AND {_UNUSED} RETURNING id"  # noqa: S608

        def work(connection: Connection) -> list[int]:
            return [number for (number,) in connection.execute(statement, (as_json(topics),))]

        def then(forgotten: list[int]) -> None:
            for number in forgotten:
                self._members.forget_topic(number)

        forgotten = await self._database.settle(work, then)
        return len(forgotten)

    async def get(self, url: str) -> Topic | None:
        """Return the topic of this URL, or None."""

        def work(connection: Connection) -> Topic | None:
            row = connection.execute(
                "SELECT url, registered, mode, feed_diff FROM topics WHERE identity = ?", (url_identity(url),)
            ).fetchone()
            return _topic(*row) if row else None

        return await self._database.read(work)

    async def page(self, *, search: str = "", after: str = "", limit: int = 100) -> list[Topic]:
        """Return a page of the topics by URL."""
        containing = "AND instr(identity, :search) " if search else ""

        def work(connection: Connection) -> list[Topic]:
            rows = connection.execute(
                "SELECT url, registered, mode, feed_diff FROM topics "  # noqa: S608 - our own words
                f"WHERE identity > :after {containing}ORDER BY identity LIMIT :limit",
                {"after": url_identity(after), "search": search, "limit": limit},
            ).fetchall()
            return [_topic(*row) for row in rows]

        return await self._database.read(work)

    async def usage(self, url: str) -> TopicUsage | None:
        """Return what depends on a topic, or None if it is unknown."""
        return await self._database.read(lambda connection: _usage(connection, url_identity(url)))

    async def remove(self, url: str) -> bool:
        """Remove a topic with its options, unless something depends on it."""
        identity = url_identity(url)

        def work(connection: Connection) -> int | None:
            row = connection.execute(_REMOVE, (identity,)).fetchone()
            if row is None:
                return None
            connection.execute("DELETE FROM announcements WHERE identity = ?", (identity,))
            number: int = row[0]
            return number

        def then(number: int | None) -> None:
            if number is not None:
                self._members.forget_topic(number)

        return await self._database.settle(work, then) is not None

    async def deregister(self, url: str) -> bool:
        """Deregister a topic. Its subscriptions stay."""

        def work(connection: Connection) -> bool:
            return bool(
                connection.execute(
                    "UPDATE topics SET registered = 0 WHERE identity = ? AND registered", (url_identity(url),)
                ).rowcount
            )

        return await self._database.write(work)

    async def last_fetch(self, url: str) -> FetchedTopic | None:
        """Return the record of the last fetch, or None if there was none."""

        def work(connection: Connection) -> str | None:
            row = connection.execute("SELECT fetched FROM topics WHERE identity = ?", (url_identity(url),)).fetchone()
            return row[0] if row else None

        text = await self._database.read(work)
        return None if text is None else _read_fetch(text, url)

    async def save_fetch(self, url: str, fetch: FetchedTopic) -> None:
        """Store a fetch. An unknown topic is added."""
        text = json.dumps(attrs.asdict(fetch))

        def work(connection: Connection) -> tuple[int, str, int]:
            number, mode, head = connection.execute(
                "INSERT INTO topics (identity, url, fetched) VALUES (?, ?, ?) "
                "ON CONFLICT (identity) DO UPDATE SET fetched = excluded.fetched RETURNING id, mode, head",
                (url_identity(url), url, text),
            ).fetchone()
            return number, mode, head

        await self._database.write(
            work, lambda saved: self._members.add_topic(saved[0], delivery_mode(saved[1]), saved[2])
        )


def _last(connection: Connection) -> int:
    last: int | None = connection.execute("SELECT max(id) FROM topics").fetchone()[0]
    return last or 0


def _find_unused(connection: Connection, after: int) -> list[int]:
    statement = f"SELECT id FROM topics WHERE id > ? AND id <= ? AND {_UNUSED}"  # noqa: S608 - our own words
    return [number for (number,) in connection.execute(statement, (after, after + _PAGE))]


def _usage(connection: Connection, identity: str) -> TopicUsage | None:
    row = connection.execute(_USAGE, (identity,)).fetchone()
    if row is None:
        return None
    subscriptions, updates, dead_letters, published_at = row
    return TopicUsage(
        subscriptions=subscriptions, updates=updates, dead_letters=dead_letters, published_at=published_at
    )


def _topic(url: str, registered: int, mode: str, feed_diff: int) -> Topic:
    return Topic(url=url, registered=bool(registered), delivery_mode=delivery_mode(mode), feed_diff=bool(feed_diff))


def _read_fetch(text: str, url: str) -> FetchedTopic | None:
    try:
        values = json.loads(text)
        return FetchedTopic(**values | {"hubs": tuple(values["hubs"]), "entries": tuple(values["entries"])})
    except UNREADABLE:
        log.error("The record of the last fetch of %s cannot be read, and is deleted.", url)  # noqa: TRY400 - expected
        return None
