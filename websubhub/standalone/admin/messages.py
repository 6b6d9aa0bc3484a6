"""Operations of the admin API on messages and failed delivery attempts."""

from typing import Any

import attrs

from websubhub import authority_of
from websubhub.standalone.admin.contents import shown_content
from websubhub.standalone.admin.controls import Controls
from websubhub.standalone.admin.cursors import next_cursor, read_cursor
from websubhub.standalone.admin.parameters import (
    OperationError,
    read_host_filter,
    read_limit,
    read_text,
    read_url,
    shown,
)
from websubhub.standalone.events.events import Events
from websubhub.standalone.hub.intake import record_published
from websubhub.standalone.ports import (
    AttemptOutcome,
    FailedAttempt,
    HubStore,
    Message,
    MessageRecipient,
    RecipientState,
    Update,
)

LISTED_STATES = (RecipientState.WAITING, RecipientState.DEAD)
"""The states that can be listed separately: the interesting ones, which usually have few subscriptions."""

_ATTEMPTS = 100
_OPERATOR = "operator"


class MessageOperations:
    """Lists messages, shows what happened to each, and redelivers them.

    Args:
        store: The store.
        controls: The controls of the hub.
        events: Where to record redeliveries.
    """

    def __init__(self, store: HubStore, controls: Controls, events: Events) -> None:
        self._store = store
        self._controls = controls
        self._events = events

    async def page(self, parameters: dict[str, Any]) -> object:
        """Return a page of messages, newest first: all, those of a topic, or those with an id."""
        limit, cursor = read_limit(parameters), read_cursor(parameters, int)
        page = await self._store.messages.page(
            topic=read_text(parameters, "topic"),
            message_id=read_text(parameters, "id"),
            before=cursor[0] if cursor else None,
            limit=limit,
        )
        return {
            "messages": [shown(message) for message in page],
            "next": next_cursor(page, limit, page[-1].number) if page else None,
        }

    async def one(self, parameters: dict[str, Any]) -> object:
        """Return the messages with an id, one for each topic that has it, and the newest failed attempts at them."""
        found = await self._known(parameters)
        attempts = await self._store.messages.attempts(
            message_id=found[0].id, topic=read_text(parameters, "topic"), limit=_ATTEMPTS
        )
        return {
            "messages": [shown(message) for message in found],
            "attempts": [shown_attempt(attempt) for attempt in attempts],
        }

    async def recipients(self, parameters: dict[str, Any]) -> object:
        """Return a page of the subscriptions that a message was for, with its state for each."""
        limit, cursor = read_limit(parameters), read_cursor(parameters, str)
        if cursor is None and read_text(parameters, "after") is not None:
            raise OperationError(400, "after must be the next value from a page of this list.")
        message = _newest(await self._known(parameters))
        page = await self._store.messages.recipients(
            message.number, only=_read_state(parameters), after=cursor[0] if cursor else "", limit=limit
        )
        return {
            "recipients": [_shown_recipient(recipient) for recipient in page],
            "next": next_cursor(page, limit, page[-1].place) if page else None,
        }

    async def content(self, parameters: dict[str, Any]) -> object:
        """Return the content of a message, or the beginning of very large content."""
        update = await self._update(parameters)
        return shown_content(update)

    async def redeliver(self, parameters: dict[str, Any]) -> object:
        """Redeliver a message to one callback, or to all current subscriptions as a new update with the same id."""
        if read_text(parameters, "callback") is None:
            return {"redelivered": await self._redeliver_to_all(parameters)}
        message = _newest(await self._known(parameters))
        if not await self._store.messages.redeliver(message.number, read_url(parameters, "callback")):
            raise OperationError(404, "There is no such subscription.")
        return {"redelivered": 1}

    async def _redeliver_to_all(self, parameters: dict[str, Any]) -> int:
        update = await self._update(parameters)
        again = attrs.evolve(update, published_at=self._controls.clock(), publisher=_OPERATOR)
        published = await self._store.broker.publish(again)
        record_published(self._events, again, published)
        return published.recipients or 0

    async def _known(self, parameters: dict[str, Any]) -> list[Message]:
        message_id = read_text(parameters, "id")
        if message_id is None:
            raise OperationError(400, "id is missing.")
        found = await self._store.messages.page(topic=read_text(parameters, "topic"), message_id=message_id)
        if not found:
            text = "There is no such message. It is no longer kept, or its topic had no subscriptions when it arrived."
            raise OperationError(404, text)
        return found

    async def _update(self, parameters: dict[str, Any]) -> Update:
        message = _newest(await self._known(parameters))
        update = await self._store.messages.update(message.number)
        if update is None:
            raise OperationError(404, "There is no such message.")
        return update


class AttemptOperations:
    """Lists failed delivery attempts.

    Args:
        store: The store.
    """

    def __init__(self, store: HubStore) -> None:
        self._store = store

    async def page(self, parameters: dict[str, Any]) -> object:
        """Return a page of the failed attempts that match all filters, newest first."""
        limit, cursor = read_limit(parameters), read_cursor(parameters, int)
        page = await self._store.messages.attempts(
            message_id=read_text(parameters, "message"),
            topic=read_text(parameters, "topic"),
            callback=read_text(parameters, "callback"),
            host=read_host_filter(parameters),
            outcome=_read_outcome(parameters),
            before=cursor[0] if cursor else None,
            limit=limit,
        )
        return {
            "attempts": [shown_attempt(attempt) for attempt in page],
            "next": next_cursor(page, limit, page[-1].number) if page else None,
        }


def shown_attempt(attempt: FailedAttempt) -> dict[str, Any]:
    """Return a failed attempt as a JSON object, with the callback's answer as text."""
    return {**shown(attempt), "answer": attempt.answer.decode("utf-8", "replace")}


def _newest(found: list[Message]) -> Message:
    """Return the newest of the messages with an id. They must all belong to the same topic."""
    if len({message.topic for message in found}) > 1:
        raise OperationError(400, "Several topics have a message with this id. Give the topic too.")
    return found[0]


def _read_outcome(parameters: dict[str, Any]) -> AttemptOutcome | None:
    text = read_text(parameters, "outcome")
    try:
        return None if text is None else AttemptOutcome(text)
    except ValueError:
        raise OperationError(400, f"outcome must be one of {', '.join(AttemptOutcome)}.") from None


def _shown_recipient(recipient: MessageRecipient) -> dict[str, Any]:
    """Return the state of a message for one subscription, as a JSON object."""
    found = shown(recipient)
    del found["place"]
    return {**found, "host": authority_of(recipient.callback)}


def _read_state(parameters: dict[str, Any]) -> RecipientState | None:
    text = read_text(parameters, "state")
    if text not in {None, *LISTED_STATES}:
        raise OperationError(400, f"state must be one of {', '.join(LISTED_STATES)}.")
    return None if text is None else RecipientState(text)
