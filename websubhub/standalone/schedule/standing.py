"""Finding and counting the subscriptions that are still owed an update, from their positions."""

from collections import Counter
from collections.abc import Collection

import anyio.lowlevel

from websubhub.standalone.ports import DeliveryMode
from websubhub.standalone.schedule.board import Board
from websubhub.standalone.schedule.claims import Key
from websubhub.standalone.schedule.columns import TopicLog

_SEGMENTS_AT_ONCE = 8


async def waiting_for(board: Board, keys: Collection[Key]) -> dict[Key, int]:
    """Return how many subscriptions are still owed each of these updates.

    Args:
        board: The state of topics and subscriptions.
        keys: The updates, by topic and sequence number.
    """
    waiting = dict.fromkeys(keys, 0)
    for topic in {topic for topic, _ in keys}:
        log = board.logs.get(topic)
        if log is None or not log.waiting:
            continue
        sequences = sorted(sequence for number, sequence in keys if number == topic)
        waiting.update({(topic, sequence): count for sequence, count in (await _behind(log, sequences)).items()})
    return waiting


async def _behind(log: TopicLog, sequences: list[int]) -> dict[int, int]:
    """Return how many subscriptions of a topic have not got each of these updates, given in ascending order."""
    if log.mode is DeliveryMode.LATEST:  # in this mode, only the newest is delivered
        sequences = [sequence for sequence in sequences if sequence == log.head]
    if not sequences:
        return {}
    behind = dict.fromkeys(sequences, 0)
    for count, segment in enumerate(log.segments):
        if segment.oldest() < sequences[-1]:
            positions = Counter(segment.positions)
            for sequence in sequences:
                behind[sequence] += sum(number for position, number in positions.items() if position < sequence)
        if count % _SEGMENTS_AT_ONCE == _SEGMENTS_AT_ONCE - 1:
            await anyio.lowlevel.checkpoint()
    return behind


async def who_waits(log: TopicLog, sequence: int, after: int, limit: int) -> list[int]:
    """Return the numbers of subscriptions of a topic that are still owed an update, in ascending order.

    Args:
        log: The topic.
        sequence: The sequence number of the update.
        after: Only numbers above this one.
        limit: The most to return.
    """
    found: list[int] = []
    if log.mode is DeliveryMode.LATEST and sequence != log.head:
        return found
    for count, segment in enumerate(log.segments):
        if segment.oldest() < sequence and segment.ids[-1] > after:
            rows = zip(segment.ids, segment.positions, strict=True)
            found += [number for number, position in rows if position < sequence and number > after]
            if len(found) >= limit:
                return found[:limit]
        if count % _SEGMENTS_AT_ONCE == _SEGMENTS_AT_ONCE - 1:
            await anyio.lowlevel.checkpoint()
    return found
