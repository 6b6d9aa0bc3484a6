"""Forms and queries, as a hub and a subscriber read them."""

from contextlib import suppress
from urllib.parse import parse_qsl

from _websub.grammar.forms import FIELD_LIMIT, FormError, parse_form, parse_notice, read_form, write_form
from _websub.grammar.media import MediaType
from _websub.grammar.signature import SecretError, check_secret
from _websub.grammar.urls import UrlError, check_url
from _websub.http import Request, Response
from tests.fuzz.target import Target, parts_of, text_of, unicode_of, words
from websubhub._clients.publisher_client import _read
from websubhub._config import HubConfig
from websubhub._errors import UpdateMessageError
from websubhub._messages import Acknowledgement, UpdateMessage
from websubhub._protocol import read_request
from websubhub._publish_request import RefusedTopic
from websubhub._subscriptions import Subscription, Unsubscription
from websubsub._config import CallbackPolicy
from websubsub._protocol import Callback

_WORDS = (
    *words(
        "hub.mode= subscribe unsubscribe publish register deregister denied hub-error hub.topic= hub.callback= "
        "hub.lease_seconds= hub.secret= hub.challenge= hub.reason= hub.url= hub.topic[]= hub.url[0]= & = % + %26 %3D "
        "%00 %FF %C3%A9 %ED%A0%80 https://topic.example/ http://cb.example/ ; &amp; x-www-form-urlencoded charset="
    ),
    b"\n",
)
_FORM = b"application/x-www-form-urlencoded"
_CONFIG = HubConfig(url="https://hub.example/hub")
_CALLBACK = Callback(
    hub="https://hub.example/hub",
    topic="https://topic.example/",
    url="https://sub.example/cb/token?own=1",
    lease_seconds=100,
    policy=CallbackPolicy(),
)


def form(data: bytes) -> None:
    """A form is read as everybody reads it, or refused; what was read can be written and read again."""
    try:
        read = read_form(data, "application/x-www-form-urlencoded")
    except FormError:
        return
    expected = parse_qsl(data.decode(), keep_blank_values=True, errors="strict")
    assert list(read.fields) == expected, "urllib reads something else"
    assert parse_form(write_form(read.fields)).fields == read.fields, "something else after it was written"
    assert len(read.fields) <= FIELD_LIMIT, "too many fields"


def hub_request(data: bytes) -> None:
    """A request to a hub is refused with a reason, or becomes messages that can be kept and sent."""
    content_type, mark, query, body = parts_of(data, 4)
    headers = [("Content-Type", text_of(content_type))] if content_type else []
    headers += [("x-ballerina-publisher", text_of(mark))] if mark else []
    request = Request(method="POST", url=f"http://hub.example/hub?{text_of(query)}", headers=headers, body=body)
    try:
        messages = read_request(request, _CONFIG)
    except (FormError, UrlError, SecretError) as error:
        _is_printable(str(error))
        return
    assert messages, "neither an error nor a message"
    for message in messages:
        if isinstance(message, RefusedTopic):
            assert len(messages) > 1, "refused without an error"
            continue
        check_url(message.topic)
        if isinstance(message, Subscription | Unsubscription):
            check_url(message.callback)
            assert message.secret is None or check_secret(message.secret), "a secret that cannot be used"
        if isinstance(message, Subscription):
            assert _CONFIG.min_lease_seconds <= message.lease_seconds <= _CONFIG.max_lease_seconds, "an unclamped lease"
        if isinstance(message, UpdateMessage):
            MediaType.parse(message.content_type)


def _is_printable(reason: str) -> None:
    assert reason.isprintable(), "a reason that steers a terminal"


def notice(data: bytes) -> None:
    """What a hub asks of a callback is refused, or understood; a challenge that is echoed is harmless."""
    with suppress(FormError):
        parse_notice(unicode_of(data), ("hub.topic",))
    request = Request(method="GET", url=f"https://sub.example/cb/token?own=1&{text_of(data)}")
    try:
        message = _CALLBACK.read(request)
    except FormError as error:
        _is_refusal(error.status)
        return
    challenge = getattr(message, "challenge", "")
    assert challenge.isascii() and len(challenge) <= 512, "a challenge that must not be echoed"  # noqa: PT018
    lease = getattr(message, "lease_seconds", 1)
    assert 0 < lease <= 10**9, "a lease without end"


def _is_refusal(status: int) -> None:
    assert status in {400, 404}, "another status"


def hub_answer(data: bytes) -> None:
    """What a hub answers to a publisher is a yes or a no, with a reason in any case."""
    status, content_type, body = parts_of(data, 3)
    code = int(status) if status.isdigit() and len(status) == 3 else 200
    response = Response(status=code, headers=[("Content-Type", text_of(content_type))], body=body)
    try:
        success = _read(response, Acknowledgement, UpdateMessageError)
    except UpdateMessageError as error:
        success, reason = None, error.reason
    else:
        reason = "taken"
    assert reason, "no reason"
    assert success is None or (response.ok and success.status == code), "a failure that is taken for a success"


TARGETS = (
    Target(
        "form",
        form,
        (
            b"hub.mode=subscribe&hub.topic=https%3A%2F%2Ftopic.example%2F&hub.callback=http%3A%2F%2Fcb.example%2F",
            b"hub.mode=publish&hub.url=https://topic.example/&hub.url=b&x=%C3%A9+%20",
        ),
        _WORDS,
    ),
    Target(
        "hub-request",
        hub_request,
        (
            _FORM + b"\n\n\nhub.mode=subscribe&hub.topic=https%3A%2F%2Ftopic.example%2F&hub.callback="
            b"http%3A%2F%2Fcb.example%2F&hub.lease_seconds=60&hub.secret=s",
            _FORM + b"\n\n\nhub.mode=unsubscribe&hub.topic=https://topic.example/&hub.callback=http://cb.example/",
            _FORM + b"\n\n\nhub.mode=publish&hub.url=https://topic.example/&hub.topic=https://other.example/",
            _FORM + b"\nevent\nhub.mode=publish&hub.topic=https://topic.example/\n",
            b"text/plain\npublish\nhub.mode=publish&hub.topic=https://topic.example/\ncontent",
            b"\n\nhub.mode=publish&hub.topic[]=https://topic.example/\nhub.url=https://topic.example/b",
            _FORM + b"\n\n\nhub.mode=register&hub.topic=https://topic.example/",
        ),
        _WORDS,
    ),
    Target(
        "notice",
        notice,
        (
            b"hub.mode=subscribe&hub.topic=https%3A%2F%2Ftopic.example%2F&hub.challenge=abc&hub.lease_seconds=100",
            b"hub.mode=unsubscribe&hub.topic=https://topic.example/&hub.challenge=abc",
            b"hub.mode=denied&hub.topic=https://topic.example/&hub.reason=no",
        ),
        _WORDS,
    ),
    Target(
        "hub-answer",
        hub_answer,
        (
            b"200\napplication/x-www-form-urlencoded\nhub.mode=denied&hub.reason=no",
            b"404\ntext/plain\nThere is no such topic.",
            b"202\n\n",
        ),
        (*_WORDS, b"text/plain", b"200", b"500"),
    ),
)
