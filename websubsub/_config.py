"""How a subscriber is set up: what it wants, where it can be reached, and what its callbacks accept."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

import attrs

from _websub.grammar.signature import STRONG_METHODS, check_secret
from _websub.grammar.urls import check_url
from _websub.grammar.vocabulary import MAX_LEASE_SECONDS, SignatureMethod
from _websub.http import NO_HEADERS, Headers, as_headers
from _websub.limits import EdgeLimits
from websubsub._events import Observer

#: Leases to ask for are shorter, in seconds.
LEASE_LIMIT = 10**12


@attrs.frozen(kw_only=True)
class Target:
    """Something to subscribe to: a resource to discover, or a topic at a hub that are known.

    Attributes:
        resource: The URL to discover topic and hub from; discovered again before each renewal.
        hub: The hub, where it is known; with a resource, instead of the hubs that it names.
        topic: The topic, where it is known; with a resource, instead of the one that it names.
        secret: The key that deliveries are signed with; by default a new random one for each request.
        signed: Whether to ask for signed deliveries; without, anyone who learns the callback can deliver.
        parameters: Further parameters for the hub.
        headers: Further headers for the hub, such as Authorization.
        discovery_headers: Headers for the resource, such as Accept and Accept-Language.

    Raises:
        ValueError: It is neither a resource nor a hub with a topic, or a URL or the secret cannot be used.
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
        """Refuse what cannot be subscribed to."""
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
        """What the target is known by: its resource, or its hub and topic."""
        return self.resource or f"{self.hub} {self.topic}"


def _targets(value: "str | Target | Iterable[str | Target]") -> tuple[Target, ...]:
    several = (value,) if isinstance(value, str | Target) else value
    return tuple(Target(resource=each) if isinstance(each, str) else each for each in several)


def _distinct(_: object, __: object, targets: tuple[Target, ...]) -> None:
    if len({target.name for target in targets}) < len(targets):
        raise ValueError("SubscriberConfig.targets has one target twice.")


def _callback_base(_: object, __: object, url: str | None) -> None:
    if url is None:
        return
    check_url(url, "SubscriberConfig.url")
    if "?" in url:
        raise ValueError("SubscriberConfig.url must not have a query.")


def _lease(_: object, __: object, seconds: int | None) -> None:
    if seconds is not None and not 0 < seconds < LEASE_LIMIT:
        raise ValueError(
            "SubscriberConfig.lease_seconds must be a positive number of seconds, of at most twelve digits."
        )


def _methods(values: Iterable[str]) -> frozenset[SignatureMethod]:
    return frozenset(SignatureMethod(value) for value in values)


def _answers(_: object, __: object, status: int) -> None:
    if status // 100 not in {2, 4, 5} or status == HTTPStatus.GONE:
        raise ValueError("CallbackPolicy.rejected_status must be a 2xx, 4xx or 5xx, and not 410, which unsubscribes.")


@attrs.frozen(kw_only=True)
class CallbackPolicy:
    """What the callbacks accept, and how they answer.

    Attributes:
        signature_methods: The methods strong enough to prove a delivery; add ``sha1`` for hubs that know nothing else.
        rejected_status: The status for a delivery whose signature proves nothing; the content is dropped in any case.
        challenge_limit: The longest challenge that is echoed, in characters.
        any_challenge: Whether hubs from before 2026 may send other characters than those of W3C 5.3.
        max_lease_seconds: The longest lease that is believed, in seconds.
        queue: How many deliveries may wait for the hook after they were answered; 0 runs it before the answer.
        remembered: How many message ids are remembered to recognise what is delivered twice.
    """

    signature_methods: frozenset[SignatureMethod] = attrs.field(default=STRONG_METHODS, converter=_methods)
    rejected_status: int = attrs.field(default=403, validator=_answers)
    challenge_limit: int = attrs.field(default=512, validator=attrs.validators.ge(1))
    any_challenge: bool = False
    max_lease_seconds: int = attrs.field(default=MAX_LEASE_SECONDS, validator=attrs.validators.ge(1))
    queue: int = attrs.field(default=0, validator=attrs.validators.ge(0))
    remembered: int = attrs.field(default=10_000, validator=attrs.validators.ge(0))


@attrs.frozen(kw_only=True)
class SubscriberConfig:
    """The settings of one subscriber service.

    Attributes:
        url: The public URL below which the callbacks live; each gets a path of its own that nobody can guess. Without
            one, a subscriber that listens on loopback takes its own address; any other needs one.
        targets: What to subscribe to: URLs of resources, or ``Target``s; one or many, or none.
        lease_seconds: The lease to ask for, in seconds; None leaves it to the hub.
        state: Where subscriptions are kept: ``memory:``, ``sqlite:///FILE``, or a store of your own.
        unsubscribe_on_shutdown: Whether to unsubscribe when the server stops.
        policy: What the callbacks accept.
        limits: The bounds of a request.
        observer: Called with every ``SubscriberEvent``.

    Raises:
        ValueError: A value cannot be used; the text says which.
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
            ValueError: None was given.
        """
        if self.url is None:
            raise ValueError("The subscriber does not know its public URL; set SubscriberConfig(url=...).")
        return self.url

    def served_at(self, base: str) -> "SubscriberConfig":
        """These settings with ``base`` as URL, unless one was given."""
        return self if self.url is not None else attrs.evolve(self, url=base)
