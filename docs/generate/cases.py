"""The requests whose answers are shown."""

from collections.abc import Callable, Mapping

import attrs

from docs.generate.asking import CALLBACK, FORM, HUB, TOPIC, Ask
from websubhub import (
    BadSubscriptionError,
    EdgeLimits,
    HubConfig,
    IntentVerificationError,
    SubscriptionAccepted,
    SubscriptionDeniedError,
    SubscriptionPermanentRedirect,
    SubscriptionTemporaryRedirect,
    TopicRegistrationError,
    TopicRegistrationSuccess,
    UnsubscriptionDeniedError,
    UpdateMessageError,
)
from websubhub.testing import RecordingSubscriber


def _nobody() -> None:
    return None


@attrs.frozen
class Case:
    """A row of the page: a request, and what the hub's hooks decide.

    Attributes:
        text: The description of the request, in the row's first cell.
        ask: The request.
        script: The outcomes of the hooks, by their names.
        config: The hub's settings, if they matter.
        subscriber: Creates the subscriber that answers at the callback.
    """

    text: str
    ask: Ask
    script: Mapping[str, object] = attrs.field(factory=dict)
    config: HubConfig | None = None
    subscriber: Callable[[], RecordingSubscriber | None] = _nobody


_REGISTER = {"hub.mode": "register", "hub.topic": TOPIC}
_DEREGISTER = {"hub.mode": "deregister", "hub.topic": TOPIC}
_PING = {"hub.mode": "publish", "hub.topic": TOPIC}
_SUBSCRIBE = {"hub.mode": "subscribe", "hub.topic": TOPIC, "hub.callback": CALLBACK}
_UNSUBSCRIBE = {"hub.mode": "unsubscribe", "hub.topic": TOPIC, "hub.callback": CALLBACK}
_UNEXPECTED = RuntimeError("the database is down")


def _wrong(**changes: str | None) -> Ask:
    """Return a subscription request with some fields changed. None omits a field."""
    fields = {**_SUBSCRIBE, **{f"hub.{name}": value for name, value in changes.items()}}
    return Ask(fields={name: value for name, value in fields.items() if value is not None})


def _limited(limits: EdgeLimits) -> HubConfig:
    return HubConfig(url=HUB, limits=limits)


_TRANSPORT = [
    Case("another path", Ask(fields=_SUBSCRIBE, path="/elsewhere")),
    Case("GET, or any method except POST", Ask(method="GET", content_type=None)),
    Case("neither a form nor a publish request", Ask(body=b"{}", content_type="application/json")),
    Case(
        "a mode other than `publish` in the query, with content",
        Ask(body=b"{}", content_type="text/plain", query=_SUBSCRIBE),
    ),
    Case("a form in a charset other than UTF-8", Ask(body=b"", content_type=f"{FORM}; charset=latin-1")),
    Case("bytes that are not UTF-8", Ask(body=b"hub.mode=\xff")),
    Case("an escape that is not UTF-8", Ask(body=b"hub.mode=%ff")),
    Case("a form of more than 50 fields", Ask(fields={f"x{number}": "1" for number in range(51)})),
    Case("a form of more than 64 KiB", Ask(body=b"x=" + b"1" * 70_000)),
    Case("a body larger than the limit in the config", Ask(body=b"x" * 11), config=_limited(EdgeLimits(body_bytes=10))),
    Case("a body that takes too long", Ask(body=b"x", slow=True), config=_limited(EdgeLimits(body_seconds=0.05))),
    Case("one request too many", Ask(fields=_SUBSCRIBE), config=_limited(EdgeLimits(pending=0))),
]
_FIELDS = [
    Case("no `hub.mode`, or an unknown one", _wrong(mode="notify")),
    Case("no `hub.topic`", _wrong(topic=None)),
    Case("a topic that is not an absolute http(s) URL", _wrong(topic="feed.xml")),
    Case("a topic with a fragment", _wrong(topic=f"{TOPIC}#new")),
    Case("no `hub.callback`", _wrong(callback=None)),
    Case("a callback with user information", _wrong(callback="https://me:pw@subscriber.example/")),
    Case("a callback with another scheme", _wrong(callback="ftp://subscriber.example/")),
    Case("a repeated parameter", Ask(body=b"hub.mode=subscribe&hub.mode=subscribe")),
    Case("a lease that is not a positive whole number", _wrong(lease_seconds="-1")),
    Case("a secret of 200 bytes or more", _wrong(secret="s" * 200)),
    Case(
        "`x-ballerina-publisher` other than `publish` and `event`",
        Ask(fields=_PING, headers={"x-ballerina-publisher": "x"}),
    ),
    Case("content with a malformed Content-Type", Ask(body=b"{}", content_type="json", query=_PING)),
]
_TOPICS = [
    Case("register: success", Ask(fields=_REGISTER)),
    Case(
        "register: success with a status, a header and fields",
        Ask(fields=_REGISTER),
        {"on_register_topic": TopicRegistrationSuccess(status=201, headers={"Location": "/7"}, body={"id": "7"})},
    ),
    Case(
        "register: `TopicRegistrationError`",
        Ask(fields=_REGISTER),
        {"on_register_topic": TopicRegistrationError("It is there & taken.")},
    ),
    Case(
        "register: `TopicRegistrationError` with a status, a header and fields",
        Ask(fields=_REGISTER),
        {
            "on_register_topic": TopicRegistrationError(
                "A token is needed.", status=401, headers={"WWW-Authenticate": "Bearer"}, body={"help": "/doc"}
            )
        },
    ),
    Case("register: any other exception", Ask(fields=_REGISTER), {"on_register_topic": _UNEXPECTED}),
    Case("register: a hook that returns something else", Ask(fields=_REGISTER), {"on_register_topic": "ok"}),
    Case("deregister: success", Ask(fields=_DEREGISTER)),
    Case("deregister: any other exception", Ask(fields=_DEREGISTER), {"on_deregister_topic": _UNEXPECTED}),
]
_PUBLISH = [
    Case("content, with mode and topic in the query", Ask(body=b"{}", content_type="application/json", query=_PING)),
    Case("an announcement, as a form", Ask(fields=_PING)),
    Case("an announcement, with `hub.url` for the topic", Ask(fields={"hub.mode": "publish", "hub.url": TOPIC})),
    Case(
        "`UpdateMessageError`",
        Ask(fields=_PING),
        {"on_update_message": UpdateMessageError("The topic is not registered.")},
    ),
    Case("any other exception", Ask(fields=_PING), {"on_update_message": _UNEXPECTED}),
    Case("an announcement in the query, with an empty form", Ask(body=b"", query=_PING)),
    Case("an announcement without a Content-Type", Ask(fields=_PING, content_type=None)),
    Case(
        "an announcement of several topics, one of them invalid",
        Ask(body=f"hub.mode=publish&hub.url={TOPIC}&hub.url=feed.xml".encode()),
    ),
]
_SUBSCRIPTION = [
    Case("no `on_subscription`", Ask(fields=_SUBSCRIBE)),
    Case("`SubscriptionAccepted`", Ask(fields=_SUBSCRIBE), {"on_subscription": SubscriptionAccepted()}),
    Case(
        "`SubscriptionAccepted` with another status: nothing follows",
        Ask(fields=_SUBSCRIBE),
        {"on_subscription": SubscriptionAccepted(status=204)},
    ),
    Case(
        "`SubscriptionTemporaryRedirect`",
        Ask(fields=_SUBSCRIBE),
        {"on_subscription": SubscriptionTemporaryRedirect(location="https://other.example/hub")},
    ),
    Case(
        "`SubscriptionPermanentRedirect`",
        Ask(fields=_SUBSCRIBE),
        {"on_subscription": SubscriptionPermanentRedirect(location="https://other.example/hub")},
    ),
    Case("`BadSubscriptionError`", Ask(fields=_SUBSCRIBE), {"on_subscription": BadSubscriptionError("Use https.")}),
    Case(
        "`BadSubscriptionError` with fields",
        Ask(fields=_SUBSCRIBE),
        {"on_subscription": BadSubscriptionError("Use https.", body={"help": "/doc"})},
    ),
    Case("any other exception", Ask(fields=_SUBSCRIBE), {"on_subscription": _UNEXPECTED}),
    Case("unsubscribe, no `on_unsubscription`", Ask(fields=_UNSUBSCRIBE)),
    Case("unsubscribe, any other exception", Ask(fields=_UNSUBSCRIBE), {"on_unsubscription": _UNEXPECTED}),
]


def _refusing() -> RecordingSubscriber:
    subscriber = RecordingSubscriber()
    subscriber.confirms = False
    return subscriber


_AFTERWARDS = [
    Case("subscribe: the callback confirms", Ask(fields=_SUBSCRIBE), subscriber=RecordingSubscriber),
    Case(
        "subscribe, for ten minutes",
        Ask(fields={**_SUBSCRIBE, "hub.lease_seconds": "600"}),
        subscriber=RecordingSubscriber,
    ),
    Case("subscribe: the callback does not confirm", Ask(fields=_SUBSCRIBE), subscriber=_refusing),
    Case(
        "subscribe: the callback cannot be reached, three attempts",
        Ask(fields=_SUBSCRIBE),
        config=HubConfig(url=HUB, verification_delays=(0, 0, 0)),
    ),
    Case(
        "subscribe: `SubscriptionDeniedError`",
        Ask(fields=_SUBSCRIBE),
        {"on_subscription_validation": SubscriptionDeniedError("Members only.")},
        subscriber=RecordingSubscriber,
    ),
    Case(
        "subscribe: any other exception during validation",
        Ask(fields=_SUBSCRIBE),
        {"on_subscription_validation": _UNEXPECTED},
        subscriber=RecordingSubscriber,
    ),
    Case(
        "subscribe: `SubscriptionAccepted(verified=True)`",
        Ask(fields=_SUBSCRIBE),
        {"on_subscription": SubscriptionAccepted(verified=True)},
        subscriber=RecordingSubscriber,
    ),
    Case(
        "subscribe: `SubscriptionAccepted(lease_seconds=86_400)`",
        Ask(fields=_SUBSCRIBE),
        {"on_subscription": SubscriptionAccepted(lease_seconds=86_400)},
        subscriber=RecordingSubscriber,
    ),
    Case(
        "subscribe: `IntentVerificationError` after the verification",
        Ask(fields=_SUBSCRIBE),
        {"on_subscription_intent_verified": IntentVerificationError("The disk is full.")},
        subscriber=RecordingSubscriber,
    ),
    Case(
        "subscribe: any other exception after the verification",
        Ask(fields=_SUBSCRIBE),
        {"on_subscription_intent_verified": _UNEXPECTED},
        subscriber=RecordingSubscriber,
    ),
    Case("unsubscribe: the callback confirms", Ask(fields=_UNSUBSCRIBE), subscriber=RecordingSubscriber),
    Case(
        "unsubscribe: `UnsubscriptionDeniedError`",
        Ask(fields=_UNSUBSCRIBE),
        {"on_unsubscription_validation": UnsubscriptionDeniedError("Stay.")},
        subscriber=RecordingSubscriber,
    ),
]

Chapter = tuple[str, str, list[Case]]

IMMEDIATE: list[Chapter] = [
    ("Malformed requests", "The hub refuses them before it calls any hook.", _TRANSPORT),
    (
        "Requests with wrong parameters",
        "The hub refuses them before it calls any hook, with a sentence that names the parameter.",
        _FIELDS,
    ),
    (
        "Topics",
        "For an error without a status, the hub answers 200 with `hub.mode=denied`, as Ballerina's hub does.",
        _TOPICS,
    ),
    ("Publishing", "A publisher sends an update or announces one.", _PUBLISH),
    (
        "Subscription requests",
        "A refusal is plain text, as W3C 5.1.2 asks for, unless the error has fields.",
        _SUBSCRIPTION,
    ),
]
FOLLOWING: list[Chapter] = [
    (
        "After the 202",
        f"Only after a 202 does the hub send requests to the callback, here `{CALLBACK}`.",
        _AFTERWARDS,
    ),
]
