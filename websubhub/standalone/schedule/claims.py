"""A claim: a delivery that has been taken but not yet settled."""

from websubhub.standalone.schedule.columns import Segment, TopicLog
from websubhub.standalone.schedule.hosts import Host

Key = tuple[int, int]
"""The key of an update: the number of its topic, and its sequence number in the topic's log."""


class Claim:
    """An update to be delivered to a subscription.

    Attributes:
        log: The topic.
        segment: The segment of the subscription.
        index: Its index there.
        subscription: Its number.
        host: The host of its callback, on which it has a slot.
        sequence: The sequence number of the update.
        repeated: Whether an attempt failed before, so that it counts as a retry.
        early: Whether it is an attempt outside the retry schedule.
        letter: The dead letter that it replays, or 0.
        began: When it was claimed.
    """

    __slots__ = ("began", "early", "host", "index", "letter", "log", "repeated", "segment", "sequence", "subscription")

    def __init__(self, log: TopicLog, segment: Segment, index: int, host: Host, sequence: int, began: float) -> None:
        self.log: TopicLog = log
        self.segment: Segment = segment
        self.index: int = index
        self.subscription: int = segment.ids[index]
        self.host: Host = host
        self.sequence: int = sequence
        self.repeated: bool = False
        self.early: bool = False
        self.letter: int = 0
        self.began: float = began
