"""Deleting the updates that no subscription of the whole hub is owed any longer."""

from collections.abc import Awaitable, Callable
from typing import Any

import anyio.lowlevel

from websubhub.standalone.adapters.nats.journal.history import History
from websubhub.standalone.adapters.nats.journal.updates import Updates
from websubhub.standalone.adapters.nats.ownership.questions import PeerQuestions
from websubhub.standalone.adapters.nats.records.changing import Records
from websubhub.standalone.adapters.nats.records.topics import KnownTopic
from websubhub.standalone.adapters.nats.wire.jetstream import JetStream
from websubhub.standalone.adapters.nats.wire.names import PARTITIONS
from websubhub.standalone.broker.ledger import Ledger
from websubhub.standalone.broker.reclaiming import oldest_position

_SEEN_SECONDS = 3.0
_ANSWER_SECONDS = 10.0
_MANY = 20
_TOPICS_AT_ONCE = 200
_ONE_BY_ONE = 500


class ClusterReclaimer:
    """Asks every process up to where no subscription is owed an update, and deletes the updates below.

    Before a process answers, it makes sure that it knows every subscription saved before the question, and that the
    positions in its answer are in the journals.

    Args:
        jetstream: The servers.
        records: The records.
        ledger: What this process owes.
        updates: The updates.
        questions: Asks the other processes.
        flush: Writes all outcomes.
        history: Knows up to where messages have expired.
    """

    def __init__(
        self,
        jetstream: JetStream,
        records: Records,
        ledger: Ledger,
        updates: Updates,
        questions: PeerQuestions,
        *,
        flush: Callable[[], Awaitable[None]],
        history: History,
    ) -> None:
        self._jetstream = jetstream
        self._knowledge = records.knowledge
        self._ledger = ledger
        self._updates = updates
        self._pairs = records.followed["s"]
        self._questions = questions
        self._flush = flush
        self._history = history

    async def reclaim(self) -> int:
        """Delete what can be deleted if that is up to this process, and return how many updates there were."""
        await anyio.lowlevel.checkpoint()
        if 0 not in self._knowledge.membership.owned:
            return 0
        self._history.let_messages_expire()
        limit = self._updates.following.applied  # before the question, so that whoever subscribes later loses nothing
        if not any(topic.has_updates for topic in self._knowledge.topics):
            return 0
        about = {
            "pairs": (await self._jetstream.state(self._pairs.stream)).last,
            "first": (await self._jetstream.state(self._updates.following.stream)).first,
        }
        answers, is_complete = await self._questions.ask("floors", about, _ANSWER_SECONDS)
        answers.append(await self.floors(about))
        answered = {number for answer in answers if answer for number in answer["partitions"]}
        if not is_complete or None in answers or len(answered) < PARTITIONS:
            return 0
        return await self._delete(limit, answers)

    async def floors(self, about: Any) -> Any:
        """Return up to where no subscription of this process is owed an update, or None if it cannot tell."""
        if not await self._pairs.reached(about["pairs"], _SEEN_SECONDS):
            return None
        self._updates.forget(about["first"])
        partitions, applied = set(self._knowledge.membership.owned), self._updates.following.applied
        floors = {}
        for topic in self._knowledge.topics:
            log = self._ledger.board.logs.get(topic.number)
            if log is not None and log.waiting:
                floors[topic.hash] = topic.stored(await oldest_position(log) + 1) - 1
        await self._flush()
        partitions &= self._knowledge.membership.owned
        return {"partitions": sorted(partitions), "applied": applied, "topics": floors}

    async def _delete(self, limit: int, answers: list[Any]) -> int:
        bounds = {}
        for topic in self._knowledge.topics:
            if topic.has_updates:
                owed = [answer["topics"].get(topic.hash, answer["applied"]) for answer in answers]
                bounds[topic] = self._kept_from(topic, min(limit, *owed))
        chosen = [topic for topic, bound in bounds.items() if next(topic.updates_up_to(bound), None) is not None]
        deleted = 0
        if len(chosen) > _MANY:
            stays = [min([bound, *(stored - 1 for stored in topic.letters)]) for topic, bound in bounds.items()]
            deleted += await self._updates.delete_below(min([limit, *stays]) + 1)
        for topic in chosen[:_TOPICS_AT_ONCE]:
            deleted += await self._updates.delete(topic, bounds[topic], _ONE_BY_ONE)
        return deleted

    def _kept_from(self, topic: KnownTopic, unneeded: int) -> int:
        """Return up to where the updates of a topic may be deleted, given that none are owed up to a number."""
        if topic.count_updates() == len(topic.unowed):  # messages to nobody, which nobody looks for
            return unneeded
        return min(unneeded, self._knowledge.publishes.messages.expired(topic))
