"""What was on the disk when the hub started, put on the board."""

from functools import partial

from websubhub.standalone.adapters.sqlite.database import Connection
from websubhub.standalone.adapters.sqlite.letters import read_replaying
from websubhub.standalone.adapters.sqlite.thread import Database
from websubhub.standalone.ports import DeliveryMode
from websubhub.standalone.schedule.board import Board
from websubhub.standalone.schedule.members import Member, Members

_PAGE = 5_000


async def load(database: Database, board: Board, members: Members) -> set[int]:
    """Restore topics, subscriptions, retries, replays and paused hosts. Returns the topics that have updates."""
    for number, mode, head in await database.read(_topics):
        members.add_topic(number, DeliveryMode(mode), head)
    last = 0
    while rows := await database.read(partial(_subscriptions, after=last)):
        for topic, subscription, host, position, expires_at in rows:
            members.add(
                Member(topic=topic, subscription=subscription, host=host, position=position, expires_at=expires_at)
            )
        last = rows[-1][1]
    for topic, subscription, due_at, attempted_at, firm in await database.read(_retries):
        members.restore_retry(topic, subscription, due_at=due_at, attempted_at=attempted_at, firm=bool(firm))
    for letter in await database.read(read_replaying):
        members.replay(*letter)
    for (host,) in await database.read(
        lambda connection: connection.execute("SELECT host FROM paused_hosts").fetchall()
    ):
        board.hosts.pause(host)
    return {topic for (topic,) in await database.read(_topics_with_updates)}


def _topics(connection: Connection) -> list[tuple[int, str, int]]:
    return connection.execute("SELECT id, mode, head FROM topics").fetchall()


def _subscriptions(connection: Connection, after: int) -> list[tuple[int, int, int, int, float]]:
    return connection.execute(
        "SELECT topic_id, id, host, position, expires_at FROM subscriptions JOIN positions ON subscription_id = id "
        "WHERE id > ? ORDER BY id LIMIT ?",
        (after, _PAGE),
    ).fetchall()


def _retries(connection: Connection) -> list[tuple[int, int, float, float, int]]:
    return connection.execute(
        "SELECT topic_id, subscription_id, due_at, attempted_at, firm FROM retries "
        "JOIN subscriptions ON subscriptions.id = subscription_id"
    ).fetchall()


def _topics_with_updates(connection: Connection) -> list[tuple[int]]:
    return connection.execute("SELECT DISTINCT topic_id FROM updates").fetchall()
