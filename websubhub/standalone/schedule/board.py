"""The board: the state of topics, hosts and queues, and the counts of what is owed."""

from collections import deque

from websubhub.standalone.schedule.claims import Claim
from websubhub.standalone.schedule.columns import Segment, TopicLog
from websubhub.standalone.schedule.hosts import Hosts
from websubhub.standalone.schedule.limits import DeliveryLimits
from websubhub.standalone.schedule.queues import DueTimes, SubscriptionQueue
from websubhub.standalone.schedule.states import (
    ADMITTED,
    BLOCKED_BY_HOST,
    IDLE,
    IN_FLIGHT,
    READY,
    RETRY_DUE,
    RETRY_FIRM,
    RETRY_WAITING,
)


class Board:
    """The state that ``Members``, ``Turns`` and ``Outcomes`` work on. Topics and subscriptions are numbers here.

    Only this class changes the counts, except for ``Outcomes.done_simply``, which runs for nearly every delivery.

    Attributes:
        limits: The limits.
        hosts: The hosts of callbacks.
        logs: The topics by number.
        ring: The topics that may have READY or RETRY_EARLY subscriptions, and take turns.
        admitted: Subscriptions with a slot of their host, for a first attempt, and where they were then.
        admitted_retries: Subscriptions with a slot of their host, for a repeated attempt.
        retries: RETRY_DUE subscriptions.
        times: When to check the subscriptions that are waiting for a retry.
        subscriptions: How many subscriptions have not ended.
        waiting: How many deliveries are owed.
        in_flight: How many claims are not settled.
        repeated_in_flight: How many of those are repeated attempts.
        retrying: How many subscriptions had a failed attempt at their next update.
    """

    def __init__(self, limits: DeliveryLimits) -> None:
        self.limits = limits
        self.hosts: Hosts = Hosts(limits, self._call)
        self.logs: dict[int, TopicLog] = {}
        self.ring: deque[TopicLog] = deque()
        self.admitted: deque[tuple[int, TopicLog, Segment, int]] = deque()
        self.admitted_retries: deque[tuple[int, int]] = deque()
        self.retries: SubscriptionQueue = SubscriptionQueue()
        self.times: DueTimes = DueTimes()
        self.subscriptions: int = 0
        self.waiting: int = 0
        self.in_flight: int = 0
        self.repeated_in_flight: int = 0
        self.retrying: int = 0

    def find(self, topic: int, subscription: int) -> tuple[TopicLog, Segment, int] | None:
        """Return the place of a subscription, or None if it has ended."""
        log = self.logs.get(topic)
        place = log and log.find(subscription)
        return (log, *place) if log and place else None

    def fly(self, claim: Claim) -> None:
        """Make a subscription wait for the outcome of a claim."""
        segment = claim.segment
        segment.states[claim.index] = IN_FLIGHT
        segment.claimed += 1
        self.in_flight += 1
        self.repeated_in_flight += claim.repeated

    def flying(self, segment: Segment, more: int) -> None:
        """Count claims whose subscriptions have become IN_FLIGHT."""
        segment.claimed += more
        self.in_flight += more

    def land(self, claim: Claim) -> bool:
        """Stop counting a claim. Return whether its subscription is still IN_FLIGHT, and has not ended meanwhile."""
        segment = claim.segment
        segment.claimed -= 1
        self.in_flight -= 1
        self.repeated_in_flight -= claim.repeated
        if segment.states[claim.index] == IN_FLIGHT:
            return True
        claim.log.shrink(segment)
        return False

    def add(self, log: TopicLog, subscription: int, position: int, host: int, expires_at: float) -> None:
        """Add a subscription, whose number is above all others, and owe it the updates after its position."""
        self.subscriptions += 1
        self.owe(log, log.append(subscription, position, host, expires_at))
        self.enter(log)

    def owe(self, log: TopicLog, more: int) -> None:
        """Count deliveries that are owed from now on, or no longer owed if negative."""
        log.waiting += more
        self.waiting += more

    def enter(self, log: TopicLog) -> None:
        """Make a topic take turns while it has segments to search."""
        if not log.turning and log.queue:
            log.turning = True
            self.ring.append(log)

    def ready(self, log: TopicLog, segment: Segment, index: int) -> None:
        """Make a subscription wait for its turn."""
        segment.states[index] = READY
        if not segment.queued:
            log.enqueue(segment)
        if not log.turning:
            self.enter(log)

    def queue_retry(self, log: TopicLog, segment: Segment, index: int) -> None:
        """Make a subscription whose retry is due wait for its turn."""
        segment.states[index] = RETRY_DUE
        self.retries.push(log.number, segment.ids[index])

    def rest(self, log: TopicLog, segment: Segment, index: int, now: float) -> None:
        """Make a subscription that is no longer IN_FLIGHT wait for what it is still owed."""
        due = segment.dues[index]
        if segment.ids[index] in log.letters:
            self.ready(log, segment, index)
        elif due > now:
            self.wait(log, segment, index, due, firm=False)
        elif due:
            self.queue_retry(log, segment, index)
        elif segment.positions[index] < log.head:
            self.ready(log, segment, index)
        else:
            segment.states[index] = IDLE

    def wait(self, log: TopicLog, segment: Segment, index: int, due: float, *, firm: bool) -> None:
        """Make a subscription wait for its retry."""
        if not segment.dues[index]:
            self.retrying += 1
        segment.fail(index, due=due)
        segment.states[index] = RETRY_FIRM if firm else RETRY_WAITING
        self.times.add(due, log.number, segment.ids[index])

    def settle_retry(self, segment: Segment, index: int) -> None:
        """Clear the failed attempts of a subscription."""
        if segment.dues[index]:
            segment.fail(index, due=0.0)
            self.retrying -= 1

    def end(self, log: TopicLog, segment: Segment, index: int) -> None:
        """End a subscription."""
        self.owe(log, -log.owed(segment, index))
        self.subscriptions -= 1
        self.settle_retry(segment, index)
        admitted, host = segment.states[index] == ADMITTED, segment.hosts[index]
        log.end(segment, index)
        if admitted:
            self.hosts.released(host)

    def _call(self, topic: int, subscription: int) -> bool:
        place = self.find(topic, subscription)
        if place is None:
            return False
        _, segment, index = place
        if segment.states[index] != BLOCKED_BY_HOST:
            return False
        segment.states[index] = ADMITTED
        if segment.dues[index]:
            self.admitted_retries.append((topic, subscription))
        else:
            self.admitted.append((subscription, *place))
        return True
