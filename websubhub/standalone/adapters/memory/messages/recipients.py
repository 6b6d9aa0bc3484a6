"""The recipients of a message in memory. Their state mostly follows from their positions."""

from collections.abc import Collection, Iterator

from websubhub.standalone.adapters.memory.kept.messages import KeptMessage
from websubhub.standalone.adapters.memory.records import KeptSubscription
from websubhub.standalone.adapters.memory.state import State
from websubhub.standalone.ports import DeadLetter, DeliveryMode, MessageRecipient, RecipientState


def recipients(state: State, message: KeptMessage, after: str) -> Iterator[MessageRecipient]:
    """Yield the subscriptions that a message was for, by the identity of their callbacks."""
    letters = state.letters.of_update(message.topic, message.sequence)
    for pair in state.pair_order.after((message.topic.identity, after)):
        if pair[0] != message.topic.identity:
            return
        kept = state.subscriptions[pair]
        if kept.number <= message.newest_subscription:
            letter = letters.get(pair[1])
            yield _recipient(state, message, kept, pair[1]) if letter is None else _dead(pair[1], letter)


def waiting(state: State, message: KeptMessage, numbers: Collection[int]) -> list[MessageRecipient]:
    """Return those of these subscriptions that are still waiting for a message, by number."""
    found = (state.recipients.get(number) for number in numbers)
    made = [_recipient(state, message, kept, str(kept.number)) for kept in found if kept is not None]
    return [recipient for recipient in made if recipient.state is RecipientState.WAITING]


def dead(state: State, message: KeptMessage, after: str) -> Iterator[MessageRecipient]:
    """Yield the dead letters of a message, by the identity of their callbacks."""
    letters = state.letters.of_update(message.topic, message.sequence)
    return (_dead(identity, letters[identity]) for identity in sorted(letters) if identity > after)


def _recipient(state: State, message: KeptMessage, kept: KeptSubscription, place: str) -> MessageRecipient:
    retry = state.retries.get(kept.number)
    if kept.position >= message.sequence:
        became = RecipientState.DELIVERED
    elif message.topic.value.delivery_mode is DeliveryMode.LATEST and message.sequence < message.topic.head:
        became = RecipientState.REPLACED
    else:
        became = RecipientState.WAITING
    waits = became is RecipientState.WAITING and retry is not None and retry.sequence == message.sequence
    return MessageRecipient(
        place=place,
        callback=kept.value.callback,
        state=became,
        attempts=retry.attempts if retry and waits else 0,
        due_at=retry.due_at if retry and waits else None,
        reason=retry.reason if retry and waits else "",
    )


def _dead(place: str, letter: DeadLetter) -> MessageRecipient:
    return MessageRecipient(
        place=place,
        callback=letter.callback,
        state=RecipientState.DEAD,
        attempts=letter.attempts,
        reason=letter.reason,
    )
