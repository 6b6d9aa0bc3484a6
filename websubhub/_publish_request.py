"""Publish requests: those with content, and announcements, which name only the topics.

The first matching row decides. An *announcement form* contains only topics, or nothing.

| ``x-ballerina-publisher`` | Content-Type | body | mode in the query | the request is |
|---|---|---|---|---|
| ``publish`` | any | any | ``publish`` | content, the whole body |
| none, ``event`` | form | a form with ``hub.mode`` | any | of this mode; ``publish`` is an announcement |
| none, ``event`` | none | a form with ``hub.mode=publish`` | any | an announcement |
| ``event`` | any | any | ``publish`` | an announcement |
| none | form or none | an announcement form | ``publish`` | an announcement |
| none | any | any | ``publish`` | content, the whole body |

The topics of an announcement are in the query, in the body, or in both. The topics of content are in the query.
"""

import re

import attrs

from _websub.grammar.forms import Form, FormError, is_text, parse_form, read_form
from _websub.grammar.media import MediaType, is_content_type
from _websub.grammar.urls import UrlError, check_url
from _websub.grammar.vocabulary import FORM, OCTET_STREAM, Header, Mode, Parameter
from _websub.http import Request
from _websub.outcome import Success, WebSubError
from websubhub._messages import MessageType, UpdateMessage

_CONTENT_MARK = "publish"
_ANNOUNCEMENT_MARK = "event"
# Some libraries write a repeated parameter as a list.
_TOPIC_NAMES = frozenset({Parameter.TOPIC, Parameter.URL})
_LIST_OF_TOPICS = re.compile(r"hub\.(?:topic|url)\[[0-9]{0,3}\]", re.ASCII)
_EMPTY = Form(())
_SHOWN_CHARACTERS = 100
_REASONS_SHOWN = 5


@attrs.frozen
class RefusedTopic:
    """A topic in a publish request whose URL is refused.

    Attributes:
        topic: The text that was sent.
        reason: Why it is refused, in one sentence.
    """

    topic: str
    reason: str


Updates = tuple[UpdateMessage | RefusedTopic, ...]


def read_body_form(request: Request, query: Form) -> Form | None:
    """Return the form in the body of a request, or None if the body is content.

    Raises:
        FormError: The body should be a form, but cannot be read as one.
    """
    mark = request.headers.get(Header.PUBLISHER)
    if mark == _CONTENT_MARK:
        return None
    content_type = request.headers.get(Header.CONTENT_TYPE, "")
    is_form = MediaType.parse(content_type).essence == FORM
    if content_type and not is_form and mark != _ANNOUNCEMENT_MARK:
        return None
    publishes = query.every(Parameter.MODE) == (Mode.PUBLISH,)
    if is_form:
        return _typed_form(request, content_type, mark, publishes=publishes)
    if not content_type:
        return _untyped_form(request, mark, publishes=publishes)
    return _EMPTY if publishes else None


def _typed_form(request: Request, content_type: str, mark: str | None, *, publishes: bool) -> Form | None:
    if mark not in {None, _ANNOUNCEMENT_MARK}:
        raise FormError(f"Invalid value for header {Header.PUBLISHER}")
    try:
        form = read_form(request.body, content_type, is_topic_name)
    except FormError:
        if publishes and mark is None:
            return None
        raise
    is_content = publishes and mark is None and not form.every(Parameter.MODE) and not _is_announcement_form(form)
    return None if is_content else form


def _untyped_form(request: Request, mark: str | None, *, publishes: bool) -> Form | None:
    """Return the announcement in a body without Content-Type, or None if it is something else."""
    try:
        form = parse_form(request.body.decode(), is_topic_name)
    except (FormError, UnicodeDecodeError):
        return _EMPTY if mark == _ANNOUNCEMENT_MARK and publishes else None
    modes = form.every(Parameter.MODE)
    is_announcement = publishes and not modes and (mark == _ANNOUNCEMENT_MARK or _is_announcement_form(form))
    return form if is_announcement or modes == (Mode.PUBLISH,) else None


def _is_announcement_form(form: Form) -> bool:
    return all(is_topic_name(name) for name, _ in form.fields)


def is_topic_name(name: str) -> bool:
    """Return whether a field of a publish request names a topic."""
    return name in _TOPIC_NAMES or _LIST_OF_TOPICS.fullmatch(name) is not None


def read_announcement(request: Request, query: Form, form: Form) -> Updates:
    """Return the announced updates, one for each topic in the query or the body.

    Raises:
        FormError, UrlError: No topic is named, or only malformed ones.
    """
    return _updates(request, Form((*form.fields, *query.fields)))


def read_content(request: Request, query: Form) -> Updates:
    """Return the updates whose content is the whole body, one for each topic in the query.

    Raises:
        FormError, UrlError: The mode is not ``publish``, the Content-Type is malformed, or no valid topic is named.
    """
    content_type = request.headers.get(Header.CONTENT_TYPE, "")
    mode = query.one(Parameter.MODE)
    if mode is None:
        raise FormError(f"The Content-Type must be {FORM}, unless the request publishes content.", status=415)
    if mode != Mode.PUBLISH:
        raise FormError(f"Requests that do not publish content must have the Content-Type {FORM}.", status=415)
    if content_type and not is_content_type(content_type):
        raise FormError("The Content-Type is malformed.")
    return _updates(request, query, content_type or OCTET_STREAM)


def _updates(request: Request, form: Form, content_type: str = "") -> Updates:
    """Return one update for each topic, whether ``hub.topic`` or ``hub.url`` names it."""
    topics: dict[str, None] = {}
    extras: dict[str, str] = {}
    for name, value in form.fields:
        if name == Parameter.MODE:
            continue
        if not is_topic_name(name):
            extras.setdefault(name, value)
        elif value:
            topics[value] = None
    if not topics:
        raise FormError(f"Empty value found for parameter '{Parameter.TOPIC}'")
    kind = MessageType.PUBLISH if content_type else MessageType.EVENT
    updates: list[UpdateMessage | RefusedTopic] = []
    refusal: UrlError | None = None
    for topic in topics:
        try:
            _check_topic(topic)
        except UrlError as error:
            refusal = refusal or error
            # Bytes that are not UTF-8 cannot be written again.
            updates.append(RefusedTopic(topic.encode("utf-8", "replace").decode(), str(error)))
            continue
        body = request.body if content_type else b""
        message = UpdateMessage(
            topic=topic,
            type=kind,
            content_type=content_type,
            body=body,
            headers=request.headers,
            client=request.client,
            extras=extras,
        )
        updates.append(message)
    if refusal is not None and all(isinstance(update, RefusedTopic) for update in updates):
        raise refusal
    return tuple(updates)


def _check_topic(topic: str) -> None:
    if not is_text(topic):
        raise UrlError(f"{Parameter.TOPIC} is not valid UTF-8.")
    check_url(topic, Parameter.TOPIC)


def answer_for_all(outcomes: list[tuple[str, Success | WebSubError]]) -> Success | WebSubError:
    """Return one answer to a publish of several topics.

    If some topics were accepted, the request is accepted, with a ``hub.reason`` that names the others. But if one of
    the errors is temporary (5xx or 429), that error is the answer, so that the publisher tries again. If no topic was
    accepted and no error is temporary, the first error is the answer.

    Args:
        outcomes: The topics and their outcomes.
    """
    taken = [outcome for _, outcome in outcomes if isinstance(outcome, Success)]
    refused = [(topic, outcome) for topic, outcome in outcomes if isinstance(outcome, WebSubError)]
    passing = [error for _, error in refused if error.status >= 500 or error.status == 429]  # noqa: PLR2004
    if passing or not taken:
        return (passing or [error for _, error in refused])[0]
    headers = dict.fromkeys(pair for outcome in taken for pair in outcome.headers.pairs)
    body = taken[0].body | ({Parameter.REASON: _reasons(refused)} if refused else {})
    return attrs.evolve(taken[0], headers=tuple(headers), body=body)


def _reasons(refused: list[tuple[str, WebSubError]]) -> str:
    shown = [f"{_shortened(topic)}: {error.reason}" for topic, error in refused[:_REASONS_SHOWN]]
    more = len(refused) - len(shown)
    return " ".join([f"Not accepted: {'; '.join(shown)}", *([f"(and {more} more)"] if more else [])])


def _shortened(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."
