"""The state of messages and subscriptions, gathered from every process of the hub."""

from collections.abc import Awaitable, Callable, Collection
from typing import Any

from attrs import frozen

from websubhub.standalone.adapters.nats.ownership.questions import PeerQuestions
from websubhub.standalone.adapters.nats.records.knowledge import Knowledge
from websubhub.standalone.adapters.nats.records.messages import KnownMessage
from websubhub.standalone.adapters.nats.records.pairs import KnownPair
from websubhub.standalone.adapters.nats.stores.recipients import MessageRecipients
from websubhub.standalone.schedule.claims import Key
from websubhub.standalone.schedule.standing import waiting_for


@frozen
class MessageStanding:
    """The state of a message: how many subscriptions are owed it, how many got it, and for how many it died."""

    waiting: int
    delivered: int
    dead: int

    @property
    def total(self) -> int:
        """How many subscriptions there are in total."""
        return self.waiting + self.delivered + self.dead


class Standing:
    """Knows the state of this process, and asks the others for theirs.

    Args:
        knowledge: What this process knows.
        questions: Asks the other processes.
        flush: Writes all settlements of this process.

    Attributes:
        flush: Writes all settlements of this process.
        recipients: The recipients of messages.
    """

    def __init__(self, knowledge: Knowledge, questions: PeerQuestions, flush: Callable[[], Awaitable[None]]) -> None:
        self._knowledge = knowledge
        self._questions = questions
        self.flush = flush
        self.recipients: MessageRecipients = MessageRecipients(knowledge, questions, flush)

    def answers(self) -> dict[str, Callable[[Any], Awaitable[Any]]]:
        """Return the functions that answer the questions of other processes about this one."""
        return {
            "messages": self._answer_messages,
            "subscription": self._answer_subscription,
            "recipients": self.recipients.answer,
        }

    async def of_messages(self, messages: Collection[KnownMessage]) -> dict[int, MessageStanding]:
        """Return the state of messages, by their numbers."""
        numbers = [message.number for message in messages]
        answers, _ = await self._questions.ask("messages", numbers)
        own = await self._answer_messages(numbers)
        counts = [{int(number): count for number, count in answer["counts"].items()} for answer in (own, *answers)]
        asked = {answer["id"] for answer in answers}
        standing = {}
        for number in numbers:
            written = self._knowledge.publishes.counts.written(number, asked)
            known = [count[number] for count in counts if number in count]
            waiting, delivered, dead = (sum(each) for each in zip(*known, strict=True)) if known else (0, 0, 0)
            standing[number] = MessageStanding(waiting, delivered + written.delivered, dead + written.dead)
        return standing

    async def _answer_messages(self, numbers: Any) -> Any:
        await self.flush()
        keys = {number: key for number in map(int, numbers) if (key := self._key(number)) is not None}
        waiting = await waiting_for(self._knowledge.ledger.board, set(keys.values()))
        counts = {}
        for number in keys:
            count = self._knowledge.publishes.counts.own(number)
            values = [waiting[keys[number]], count.delivered, count.dead]
            if any(values):
                counts[number] = values
        return {"id": self._questions.own, "counts": counts}

    def _key(self, number: int) -> Key | None:
        message = self._knowledge.publishes.messages.get(number)
        return None if message is None else (message.topic.number, message.topic.position(number))

    async def of_subscription(self, pair: KnownPair) -> tuple[int, float | None]:
        """Return how many updates a subscription is owed, and when a delivery to it last arrived, if known."""
        found = self._of_own(pair)
        if found is None:
            answers, _ = await self._questions.ask("subscription", list(pair.key))
            found = next((tuple(answer) for answer in answers if answer is not None), (0, None))
        return found[0], found[1]

    async def _answer_subscription(self, key: Any) -> Any:
        await self.flush()
        pair = self._knowledge.pairs.of((key[0], key[1]))
        return None if pair is None else self._of_own(pair)

    def _of_own(self, pair: KnownPair) -> tuple[Any, ...] | None:
        if not pair.number:
            return None
        place = self._knowledge.ledger.board.find(pair.topic.number, pair.number)
        return 0 if place is None else place[0].owed(*place[1:]), pair.delivered_at
