"""The values that a store keeps and returns.

Times are in seconds since 1970 by the clock of the store, durations in seconds.
"""

from enum import StrEnum

from attrs import field, frozen


class DeliveryMode(StrEnum):
    """The updates of a topic that a subscription gets when it has fallen behind."""

    EVERY = "every"
    """Every update, in publish order."""
    LATEST = "latest"
    """Only the newest update, which replaces one that is still waiting."""


@frozen(kw_only=True)
class Topic:
    """A topic and its options.

    Args:
        url: The topic URL. Two spellings of one URL are the same topic (``url_identity``).
        registered: Whether a publisher registered it. Otherwise a subscription added it.
        delivery_mode: The updates that a subscription gets when it has fallen behind.
        feed_diff: Whether to leave already delivered entries out of Atom and RSS feeds.
    """

    url: str
    registered: bool = False
    delivery_mode: DeliveryMode = DeliveryMode.EVERY
    feed_diff: bool = False


TOPIC_OPTIONS = ("registered", "delivery_mode", "feed_diff")
"""The options of a topic."""


@frozen(kw_only=True)
class FetchedTopic:
    """The record of a topic's last fetch, for conditional requests and for detecting changes.

    Args:
        etag: The entity tag of the response, if it had a strong one.
        last_modified: The date of the response, if it had a strong one.
        found_at: The URL that responded, after redirects. The two validators apply only to it.
        digest: The SHA-256 of the last content, or an empty string if there was none.
        message_id: The id of the update with that content, or an empty string if there was none.
        canonical: The canonical URL that the topic named, or None.
        hubs: The hubs that the topic named.
        entries: The identities of already delivered feed entries, for topics with ``feed_diff``.
        fetched_at: When this content was fetched, or None if that is unknown.
    """

    etag: str | None = None
    last_modified: str | None = None
    found_at: str = ""
    digest: str = ""
    message_id: str = ""
    canonical: str | None = None
    hubs: tuple[str, ...] = ()
    entries: tuple[str, ...] = ()
    fetched_at: float | None = None


@frozen(kw_only=True)
class TopicUsage:
    """The counts of what depends on a topic.

    Args:
        subscriptions: How many subscriptions it has.
        updates: How many of its updates are kept because they are owed or belong to dead letters.
        dead_letters: How many dead letters it has.
        published_at: When the newest of its kept updates was published, or None.
    """

    subscriptions: int
    updates: int
    dead_letters: int
    published_at: float | None


class AnnouncementState(StrEnum):
    """The state of an announcement."""

    PENDING = "pending"
    """The topic will be fetched. No fetch has failed since it was announced."""
    FAILING = "failing"
    """A fetch has failed, and will be retried."""
    DEAD = "dead"
    """The hub gave up. An operator can replay or drop it, and another announcement revives it."""


@frozen(kw_only=True)
class Announcement:
    """The announcement that a topic has new content to fetch.

    Args:
        id: Its number.
        topic: The topic URL.
        count: How often it has been announced since it was last fetched.
        announced_at: When it was first announced since then.
        attempts: How many fetches have failed since it was last announced.
        due_at: When the next fetch is due.
        status: The status of the last response, 0 if there was none, or None before the first fetch.
        reason: What last went wrong, in one sentence, or an empty string.
        died_at: When the hub gave up, or None.
    """

    id: int
    topic: str
    count: int = 1
    announced_at: float
    attempts: int = 0
    due_at: float
    status: int | None = None
    reason: str = ""
    died_at: float | None = None

    @property
    def state(self) -> AnnouncementState:
        """Its state."""
        if self.died_at is not None:
            return AnnouncementState.DEAD
        return AnnouncementState.FAILING if self.attempts else AnnouncementState.PENDING


@frozen(kw_only=True)
class AnnouncementStatistics:
    """The counts of announcements that operators watch.

    Args:
        pending: How many topics are waiting to be fetched.
        failing: How many topics could not be fetched and will be retried.
        dead: How many are dead, and have been neither replayed nor dropped.
        oldest_announced_at: When the oldest pending or failing one was announced, or None.
    """

    pending: int
    failing: int
    dead: int
    oldest_announced_at: float | None


@frozen(kw_only=True)
class StoredSubscription:
    """A verified subscription, identified by its topic and callback (W3C 5.1).

    Args:
        topic: The topic URL.
        callback: The callback URL, as the subscriber wrote it.
        secret: The secret for signatures, or None.
        lease_seconds: The granted lease.
        requested_at: When the verification request was sent. The lease begins then (W3C 5.3).
    """

    topic: str
    callback: str = field(repr=False)
    secret: str | None = field(default=None, repr=False)
    lease_seconds: int
    requested_at: float

    @property
    def expires_at(self) -> float:
        """When the lease ends."""
        return self.requested_at + self.lease_seconds


@frozen(kw_only=True)
class Update:
    """One update of a topic, to be delivered byte for byte.

    Args:
        id: The message id of every delivery of this update.
        topic: The topic URL.
        content: The body.
        content_type: Its Content-Type, exactly as the publisher gave it.
        canonical: The topic URL to name in its deliveries, if it differs from ``topic`` (W3C 7, rel=self).
        hubs: The hubs to name in its deliveries; empty for only this hub (W3C 7, rel=hub).
        published_at: When it was accepted.
        publisher: The name of the publisher's token, empty without one, or None if the hub fetched the content.
        trace: Its ``traceparent`` and, after a space, any ``tracestate`` (W3C Trace Context), or an empty string.
    """

    id: str
    topic: str
    content: bytes = field(repr=False)
    content_type: str
    canonical: str | None = None
    hubs: tuple[str, ...] = ()
    published_at: float
    publisher: str | None = field(default="", eq=False)
    trace: str = field(default="", eq=False)


@frozen(kw_only=True)
class PublishKey:
    """The key of an update, which identifies a repeated publish request.

    Args:
        publisher: The publisher: a digest of its token, or an empty string without one.
        id: The message id that the publisher chose.
    """

    publisher: str = field(repr=False)
    id: str


HostPlace = tuple[int, int, int, str]
"""The place of a host among others. More urgent hosts sort first."""


@frozen(kw_only=True)
class HostState:
    """A host of callbacks that is busy, failing or paused.

    Args:
        host: Its canonical name, with the port unless it is 80 or 443.
        in_flight: How many deliveries to it are in flight.
        parked: How many subscriptions are waiting for it to accept deliveries again.
        failures: How many deliveries to it have failed in a row.
        resumes_at: When the next delivery is attempted, if it is failing, or None.
        paused: Whether an operator paused it.
    """

    host: str
    in_flight: int = 0
    parked: int = 0
    failures: int = 0
    resumes_at: float | None = None
    paused: bool = False

    @property
    def place(self) -> HostPlace:
        """Its place among the hosts, most urgent first."""
        return int(not self.paused), -self.failures, -self.in_flight, self.host


@frozen(kw_only=True)
class Statistics:
    """The counts that operators watch.

    Args:
        topics: How many topics there are.
        subscriptions: How many subscriptions are active.
        waiting: How many deliveries are owed, including those in flight and those to be retried.
        in_flight: How many deliveries are claimed and not settled.
        retrying: How many subscriptions are waiting for a retry.
        dead_letters: How many dead letters have been neither replayed nor dropped.
        oldest_published_at: When the oldest update that is still owed was published, or None.
        partial: Whether a process of the hub did not answer, or deliveries are between two processes, so that the
            counts may be too low.
    """

    topics: int
    subscriptions: int
    waiting: int
    in_flight: int
    retrying: int
    dead_letters: int
    oldest_published_at: float | None
    partial: bool = False
