"""The records of topics and subscriptions in memory."""

from collections import Counter

from attrs import define, field

from websubhub.standalone.indexes.pairs import Pair
from websubhub.standalone.ports import FetchedTopic, StoredSubscription, Topic, Update


@define(eq=False)
class KeptTopic:
    """A topic, its updates by sequence number, and the counts of what depends on it.

    Attributes:
        letters: How many dead letters each update has.
    """

    number: int
    identity: str
    value: Topic
    head: int = 0
    subscriptions: int = 0
    fetched: FetchedTopic | None = None
    updates: dict[int, Update] = field(factory=dict)
    letters: Counter[int] = field(factory=Counter)


@define(eq=False)
class KeptSubscription:
    """A subscription, and the sequence number of the last update that it has.

    Attributes:
        turned_away: The last update that its callback turned away.
        delivered_at: When a delivery to it last arrived, or None if none has.
    """

    number: int
    pair: Pair = field(repr=False)
    topic: KeptTopic
    value: StoredSubscription = field(repr=False)
    position: int
    turned_away: int = 0
    delivered_at: float | None = None
