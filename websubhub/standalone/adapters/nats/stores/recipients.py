"""The recipients of a message, gathered from the processes that deliver to them."""

from collections.abc import Awaitable, Callable, Iterator
from itertools import islice
from typing import Any

import anyio.lowlevel
from attrs import asdict

from websubhub import url_identity
from websubhub.standalone.adapters.nats.ownership.questions import PeerQuestions
from websubhub.standalone.adapters.nats.records.knowledge import Knowledge
from websubhub.standalone.adapters.nats.records.messages import KnownMessage
from websubhub.standalone.adapters.nats.records.pairs import KnownPair
from websubhub.standalone.ports import DeadLetter, DeliveryMode, MessageRecipient, RecipientState

_AT_ONCE = 2_000


class MessageRecipients:
    """Pages through the recipients of a message, by the identity of their callbacks.

    Args:
        knowledge: What this process knows.
        questions: Asks the other processes.
        flush: Writes all settlements of this process.
    """

    def __init__(self, knowledge: Knowledge, questions: PeerQuestions, flush: Callable[[], Awaitable[None]]) -> None:
        self._knowledge = knowledge
        self._questions = questions
        self._flush = flush

    async def page(
        self, message: KnownMessage, only: RecipientState | None, after: str, limit: int
    ) -> list[MessageRecipient]:
        """Return a page. The arguments are the same as for ``MessageStore.recipients``."""
        if only is RecipientState.DEAD:
            letters = self._letters(message)
            return [_dead(place, letters[place]) for place in sorted(letters) if place > after][:limit]
        about = {"number": message.number, "waiting": only is RecipientState.WAITING, "after": after, "limit": limit}
        answers, _ = await self._questions.ask("recipients", about)
        rows = [row for answer in (await self.answer(about), *answers) for row in answer]
        found = {row["place"]: MessageRecipient(**row | {"state": RecipientState(row["state"])}) for row in rows}
        return [found[place] for place in sorted(found)[:limit]]

    async def answer(self, about: Any) -> Any:
        """Return the recipients of this process, for another process."""
        await self._flush()
        message = self._knowledge.publishes.messages.get(int(about["number"]))
        if message is None:
            return []
        found: list[MessageRecipient] = []
        letters, after, limit = self._letters(message), str(about["after"]), int(about["limit"])
        while len(found) < limit:
            pairs = list(islice(self._pairs(message, after), _AT_ONCE))
            if not pairs:
                break
            made = [self._recipient(message, pair, letters) for pair in pairs if pair.number]
            found += (each for each in made if each.state is RecipientState.WAITING or not about["waiting"])
            after = pairs[-1].key[1]
            await anyio.lowlevel.checkpoint()
        return [asdict(each) for each in found[:limit]]

    def _pairs(self, message: KnownMessage, after: str) -> Iterator[KnownPair]:
        """Yield the subscriptions of the whole hub that a message was for."""
        for key in self._knowledge.pairs.after((message.topic.identity, after)):
            if key[0] != message.topic.identity:
                return
            pair = self._knowledge.pairs.of(key)
            if pair is not None and pair.start < message.number:
                yield pair

    def _letters(self, message: KnownMessage) -> dict[str, DeadLetter]:
        """Return the dead letters of a message that are not redeliveries in progress, by the callback's identity."""
        if not message.topic.letters[message.number]:
            return {}
        letters = self._knowledge.letters.of_update(message.number)
        replayed_for = self._knowledge.membership.replayed_for
        return {
            url_identity(letter.value.callback): letter.value
            for letter in letters
            if not (letter.redelivery and replayed_for(letter) is not None)
        }

    def _recipient(self, message: KnownMessage, pair: KnownPair, letters: dict[str, DeadLetter]) -> MessageRecipient:
        letter, topic = letters.get(pair.key[1]), message.topic
        if letter is not None:
            return _dead(pair.key[1], letter)
        became = RecipientState.WAITING
        if pair.position >= message.number:
            became = RecipientState.DELIVERED
        elif topic.mode is DeliveryMode.LATEST and message.number < topic.stored(topic.head):
            became = RecipientState.REPLACED
        retry = self._knowledge.membership.retrying.get(pair)
        if became is not RecipientState.WAITING or (retry is not None and retry.stored != message.number):
            retry = None
        return MessageRecipient(
            place=pair.key[1],
            callback="" if pair.value is None else pair.value.callback,
            state=became,
            attempts=0 if retry is None else retry.attempts,
            due_at=None if retry is None else retry.due_at,
            reason="" if retry is None else retry.reason,
        )


def _dead(place: str, letter: DeadLetter) -> MessageRecipient:
    return MessageRecipient(
        place=place,
        callback=letter.callback,
        state=RecipientState.DEAD,
        attempts=letter.attempts,
        reason=letter.reason,
    )
