"""The routes of the admin API on messages and failed attempts."""

from collections.abc import Sequence

import attrs

from websubhub.standalone.admin.http.route import Parameter, Route
from websubhub.standalone.admin.http.schemas import FLAG, TEXT, TIME, WHOLE, array, listing, one_of, record, schema_of
from websubhub.standalone.admin.messages import LISTED_STATES, MessageOperations
from websubhub.standalone.admin.operations import Operations
from websubhub.standalone.ports import AttemptOutcome, FailedAttempt, Message, MessageRecipient

_PATH = "/admin/messages"
_URL = {"type": "string", "format": "uri"}
_COUNT = {"type": "integer", "minimum": 0, "maximum": 2**63 - 1}
_MESSAGE, _ATTEMPT = schema_of(Message), schema_of(FailedAttempt)
_ID = Parameter(name="id", text="The id of the message.", schema=TEXT, required=True)
_ITS_TOPIC = Parameter(name="topic", text="Its topic, if several have a message with this id.", schema=_URL)
_STATE = Parameter(
    name="state",
    text="Only subscriptions that are waiting for it, or for which the hub gave up on it.",
    schema=one_of(LISTED_STATES),
)
_OF_TOPIC = Parameter(name="topic", text="Only for this topic.", schema=_URL)
_PAGE = (
    Parameter(name="after", text="The next value from the previous page.", schema=TEXT),
    Parameter(name="limit", text="The size of the page, 100 by default and at most 1000.", schema=_COUNT),
)
_ATTEMPT_FILTERS = (
    Parameter(name="message", text="Only for messages with this id.", schema=TEXT),
    _OF_TOPIC,
    Parameter(name="callback", text="Only for this callback.", schema=_URL),
    Parameter(
        name="host", text="Only for callbacks on this host; include the port unless it is 80 or 443.", schema=TEXT
    ),
    Parameter(name="outcome", text="Only with this outcome.", schema=one_of(AttemptOutcome)),
)
CONTENT = record(
    topic=TEXT,
    message_id=TEXT,
    content_type=TEXT,
    content_length=WHOLE,
    published_at=TIME,
    content_base64=TEXT,
    truncated=FLAG,
)


def message_routes(operations: Operations) -> Sequence[Route]:
    """Return the routes for messages and failed attempts."""
    return (*_lists(operations), *_of_one(operations.messages))


def _lists(operations: Operations) -> Sequence[Route]:
    return (
        Route(
            method="GET",
            path=_PATH,
            operation=operations.messages.page,
            answer=listing("messages", _MESSAGE),
            parameters=(_OF_TOPIC, attrs.evolve(_ID, text="Only with this id.", required=False), *_PAGE),
        ),
        Route(
            method="GET",
            path="/admin/attempts",
            operation=operations.attempts.page,
            answer=listing("attempts", _ATTEMPT),
            parameters=(*_ATTEMPT_FILTERS, *_PAGE),
        ),
    )


def _of_one(messages: MessageOperations) -> Sequence[Route]:
    return (
        Route(
            method="GET",
            path=f"{_PATH}/{{id}}",
            operation=messages.one,
            answer=record(messages=array(_MESSAGE), attempts=array(_ATTEMPT)),
            parameters=(_ID, _ITS_TOPIC),
            statuses=(404,),
        ),
        Route(
            method="GET",
            path=f"{_PATH}/{{id}}/recipients",
            operation=messages.recipients,
            answer=listing("recipients", schema_of(MessageRecipient, without=("place",), host=TEXT)),
            parameters=(_ID, _ITS_TOPIC, _STATE, *_PAGE),
            statuses=(404,),
        ),
        Route(
            method="GET",
            path=f"{_PATH}/{{id}}/content",
            operation=messages.content,
            answer=CONTENT,
            parameters=(_ID, _ITS_TOPIC),
            statuses=(404,),
        ),
        Route(
            method="POST",
            path=f"{_PATH}/redeliver",
            operation=messages.redeliver,
            answer=record(redelivered=WHOLE),
            parameters=(
                _ID,
                _ITS_TOPIC,
                Parameter(name="callback", text="The callback to redeliver it to, instead of all.", schema=_URL),
            ),
            statuses=(404,),
        ),
    )
