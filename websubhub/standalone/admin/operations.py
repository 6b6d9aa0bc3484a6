"""The operations of the admin API, as functions from JSON to JSON."""

from collections.abc import Callable

from websubhub import VerificationBudget
from websubhub.standalone.admin.announcements import AnnouncementOperations
from websubhub.standalone.admin.hosts import HostOperations
from websubhub.standalone.admin.letters import LetterOperations
from websubhub.standalone.admin.overview import OverviewOperations
from websubhub.standalone.admin.subscriptions import Deny, SubscriptionOperations
from websubhub.standalone.admin.topics import TopicOperations
from websubhub.standalone.ports import HubStore


class Operations:
    """The operations of the admin API, by what they are about. Each takes parameters and returns a JSON value.

    Args:
        store: The store.
        hub: The hub's public URL.
        deny: Notifies a subscriber that its subscription has ended.
        announced: Called when a topic is to be fetched.
        verifications: The budgets of callbacks' hosts.

    Attributes:
        topics: The operations on topics.
        subscriptions: The operations on subscriptions.
        letters: The operations on dead letters.
        hosts: The operations on hosts of callbacks.
        announcements: The operations on announced topics.
        overview: The operations on the hub as a whole.
    """

    def __init__(
        self,
        store: HubStore,
        hub: str,
        deny: Deny,
        announced: Callable[[], None],
        verifications: VerificationBudget,
    ) -> None:
        self.topics = TopicOperations(store)
        self.subscriptions = SubscriptionOperations(store, hub, deny)
        self.letters = LetterOperations(store.broker)
        self.hosts = HostOperations(store.broker, verifications)
        self.announcements = AnnouncementOperations(store.announcements, announced)
        self.overview = OverviewOperations(store, self.announcements)
