"""The settings of a subscriber: its targets, its URL, and what its callbacks accept."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

import attrs

from _websub.arguments import check_kind, checked_fields
from _websub.grammar.addresses import check_public_url
from _websub.grammar.signature import STRONG_METHODS, check_secret
from _websub.grammar.urls import check_url
from _websub.grammar.vocabulary import MAX_LEASE_SECONDS, SignatureMethod
from _websub.http import NO_HEADERS, Headers, as_headers
from _websub.limits import EdgeLimits
from websubsub._events import Observer

#: Requested leases must be shorter, in seconds.
LEASE_LIMIT = 10**12


@attrs.frozen(kw_only=True, field_transformer=checked_fields)
class Target:
    """Something to subscribe to: a resource to discover, or a known topic at a known hub.

    Attributes:
        resource: The URL to discover topic and hub from. It is discovered again before each renewal.
        hub: The hub, if it is known. With a resource, it replaces the hubs that the resource names.
        topic: The topic, if it is known. With a resource, it replaces the topic that the resource names.
        secret: The secret that deliveries are signed with. By default, each request has a new random one.
        signed: Whether to request signed deliveries. Otherwise, anyone who learns the callback can deliver.
        parameters: Additional parameters for the hub.
        headers: Additional headers for the hub, such as Authorization.
        discovery_headers: Headers for the resource, such as Accept and Accept-Language.

    Raises:
        ValueError: There is neither a resource nor a hub with a topic, or a URL or the secret cannot be used.

    Example:
        ```python
        from websubsub import Target

        discovered = Target(resource="https://example.com/feed")
        known = Target(hub="https://hub.example.com/hub", topic="https://example.com/feed", secret="s3cret")
        ```
    """

    resource: str | None = None
    hub: str | None = None
    topic: str | None = None
    secret: str | None = attrs.field(default=None, repr=False)
    signed: bool = True
    parameters: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    headers: Headers = attrs.field(default=NO_HEADERS, converter=as_headers)
    discovery_headers: Headers = attrs.field(default=NO_HEADERS, converter=as_headers)

    def __attrs_post_init__(self) -> None:
        """Raise ``ValueError`` if this cannot be subscribed to."""
        if self.resource is None and (self.hub is None or self.topic is None):
            raise ValueError("A target is a resource, or a hub together with a topic.")
        for name in ("resource", "hub", "topic"):
            url = getattr(self, name)
            if url is not None:
                check_url(url, f"The {name}")
        if self.secret is not None:
            check_secret(self.secret)

    @property
    def name(self) -> str:
        """The name of the target: its resource, or its hub and topic."""
        return self.resource or f"{self.hub} {self.topic}"


def _targets(value: "str | Target | Iterable[str | Target]") -> tuple[Target, ...]:
    several = (value,) if isinstance(value, str | Target) or not isinstance(value, Iterable) else tuple(value)
    targets = tuple(Target(resource=each) if isinstance(each, str) else each for each in several)
    for target in targets:
        check_kind("A target", target, (str, Target))
    return targets


def _distinct(_: object, __: object, targets: tuple[Target, ...]) -> None:
    if len({target.name for target in targets}) < len(targets):
        raise ValueError("SubscriberConfig.targets has the same target twice.")


def _callback_base(_: object, __: object, url: str | None) -> None:
    if url is None:
        return
    check_public_url(url, "SubscriberConfig.url")
    if "?" in url:
        raise ValueError("SubscriberConfig.url must not have a query.")


def _lease(_: object, __: object, seconds: int | None) -> None:
    if seconds is not None and not 0 < seconds < LEASE_LIMIT:
        raise ValueError(
            "SubscriberConfig.lease_seconds must be a positive number of seconds, with at most twelve digits."
        )


def _methods(values: Iterable[str]) -> frozenset[SignatureMethod]:
    return frozenset(SignatureMethod(value) for value in values)


def _answers(_: object, __: object, status: int) -> None:
    if status // 100 not in {2, 4, 5} or status == HTTPStatus.GONE:
        raise ValueError("CallbackPolicy.rejected_status must be a 2xx, 4xx or 5xx, and not 410, which unsubscribes.")


@attrs.frozen(kw_only=True, field_transformer=checked_fields)
class CallbackPolicy:
    """The rules about what callbacks accept and how they answer.

    Attributes:
        signature_methods: The signature methods to accept. Add ``sha1`` for hubs that support nothing else.
        rejected_status: The status for a delivery with an invalid signature. Its content is dropped in any case.
        challenge_limit: The longest challenge that is echoed, in characters.
        any_challenge: Whether challenges may have other characters than those of W3C 5.3, as from hubs before 2026.
        max_lease_seconds: The longest lease to accept, in seconds. Longer ones are cut to this.
        queue: How many deliveries may wait for the hook after they have been answered. With 0, the hook runs before the
            response.
        remembered: How many message ids to remember, in order to recognise repeated deliveries.
    """

    signature_methods: frozenset[SignatureMethod] = attrs.field(default=STRONG_METHODS, converter=_methods)
    rejected_status: int = attrs.field(default=403, validator=_answers)
    challenge_limit: int = attrs.field(default=512, validator=attrs.validators.ge(1))
    any_challenge: bool = False
    max_lease_seconds: int = attrs.field(default=MAX_LEASE_SECONDS, validator=attrs.validators.ge(1))
    queue: int = attrs.field(default=0, validator=attrs.validators.ge(0))
    remembered: int = attrs.field(default=10_000, validator=attrs.validators.ge(0))


@attrs.frozen(kw_only=True, field_transformer=checked_fields)
class SubscriberConfig:
    """The settings of one subscriber service.

    Attributes:
        url: The public URL of the subscriber. Each callback is below it, with a path that nobody can guess. A
            subscriber that listens on loopback uses its own address by default; any other needs a URL.
        targets: What to subscribe to: one or more URLs of resources or ``Target``s, or nothing.
        lease_seconds: The lease to request, in seconds, or None to leave it to the hub.
        state: The store of subscriptions: ``memory:``, ``sqlite:///FILE``, or a store of your own.
        unsubscribe_on_shutdown: Whether to unsubscribe when the server stops.
        policy: What callbacks accept.
        limits: The limits on requests.
        observer: Called with every ``SubscriberEvent``.

    Raises:
        ValueError: A value cannot be used. The message says which.

    Example:
        ```python
        from websubsub import SubscriberConfig

        config = SubscriberConfig(
            url="https://subscriber.example.com/",
            targets="https://example.com/feed",
            lease_seconds=86_400,
            state="sqlite:///subscriptions.db",
        )
        ```
    """

    url: str | None = attrs.field(default=None, validator=_callback_base)
    targets: tuple[Target, ...] = attrs.field(default=(), converter=_targets, validator=_distinct)
    lease_seconds: int | None = attrs.field(default=None, validator=_lease)
    state: Any = "memory:"
    unsubscribe_on_shutdown: bool = False
    policy: CallbackPolicy = attrs.field(factory=CallbackPolicy)
    limits: EdgeLimits = attrs.field(factory=EdgeLimits)
    observer: Observer | None = None

    @property
    def public_url(self) -> str:
        """The public URL.

        Raises:
            ValueError: The settings have no URL.
        """
        if self.url is None:
            raise ValueError("The subscriber does not know its public URL; set SubscriberConfig(url=...).")
        return self.url

    def served_at(self, base: str) -> "SubscriberConfig":
        """Return these settings with ``base`` as URL, unless they have one."""
        return self if self.url is not None else attrs.evolve(self, url=base)
