"""The operations of the admin API, as functions that map JSON to JSON."""

from websubhub.standalone.admin.announcements import AnnouncementOperations
from websubhub.standalone.admin.controls import Controls
from websubhub.standalone.admin.doctor import DoctorOperations
from websubhub.standalone.admin.events import EventOperations
from websubhub.standalone.admin.hosts import HostOperations
from websubhub.standalone.admin.letters import LetterOperations
from websubhub.standalone.admin.messages import AttemptOperations, MessageOperations
from websubhub.standalone.admin.overview import About, OverviewOperations
from websubhub.standalone.admin.subscriptions import SubscriptionOperations
from websubhub.standalone.admin.topics import TopicOperations
from websubhub.standalone.admin.verifications import VerificationOperations
from websubhub.standalone.events.events import Events
from websubhub.standalone.measuring.series import Series
from websubhub.standalone.ports import HubStore


class Operations:
    """The operations of the admin API, grouped by subject. Each takes parameters and returns a JSON value.

    Args:
        store: The store.
        controls: The controls of the hub.
        events: The events of the hub.
        series: The last 24 hours of the hub.
        about: The facts about the hub since its start.

    Attributes:
        topics: The operations on topics.
        subscriptions: The operations on subscriptions.
        letters: The operations on dead letters.
        hosts: The operations on hosts of callbacks.
        verifications: The operations on requests that await verification.
        announcements: The operations on announced topics.
        messages: The operations on messages.
        attempts: The operations on failed attempts.
        events: The operations on events.
        overview: The operations on the hub as a whole.
        doctor: The operation that examines the hub.
    """

    def __init__(self, store: HubStore, controls: Controls, events: Events, series: Series, about: About) -> None:
        self.topics: TopicOperations = TopicOperations(store, controls)
        self.subscriptions: SubscriptionOperations = SubscriptionOperations(store, controls, events)
        self.letters: LetterOperations = LetterOperations(store)
        self.hosts: HostOperations = HostOperations(store.broker, controls.verifications)
        self.verifications: VerificationOperations = VerificationOperations(store, controls)
        self.announcements: AnnouncementOperations = AnnouncementOperations(store.announcements, controls.announced)
        self.messages: MessageOperations = MessageOperations(store, controls, events)
        self.attempts: AttemptOperations = AttemptOperations(store)
        self.events: EventOperations = EventOperations(events)
        self.overview: OverviewOperations = OverviewOperations(store, self.announcements, series, about)
        self.doctor: DoctorOperations = DoctorOperations(store, about)
