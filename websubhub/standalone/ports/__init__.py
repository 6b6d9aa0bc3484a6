"""The ports of the standalone hub: protocols for its state, which an adapter satisfies by structure."""

from websubhub.standalone.ports.announcements import AnnouncementStore
from websubhub.standalone.ports.broker import ContentBroker, Delivery
from websubhub.standalone.ports.errors import (
    BacklogFullError,
    DeliverySettledError,
    DiskFullError,
    HostFullError,
    HubFullError,
    StoreClosedError,
    StoreError,
    StoreLockedError,
    StoreVersionError,
)
from websubhub.standalone.ports.letters import EVERY_LETTER, DeadLetterStore, LetterFilter
from websubhub.standalone.ports.limits import SubscriptionLimits
from websubhub.standalone.ports.records import (
    Announcement,
    AnnouncementState,
    AnnouncementStatistics,
    DeadLetter,
    DeliveryMode,
    FailingDelivery,
    FetchedTopic,
    HostPlace,
    HostState,
    PublishKey,
    Statistics,
    StoredSubscription,
    Topic,
    TopicUsage,
    Update,
)
from websubhub.standalone.ports.requests import Mode, PendingVerification
from websubhub.standalone.ports.store import (
    HostAccount,
    HubStore,
    SubscriptionStore,
    TopicStore,
    VerificationStore,
)

__all__ = [
    "EVERY_LETTER",
    "Announcement",
    "AnnouncementState",
    "AnnouncementStatistics",
    "AnnouncementStore",
    "BacklogFullError",
    "ContentBroker",
    "DeadLetter",
    "DeadLetterStore",
    "Delivery",
    "DeliveryMode",
    "DeliverySettledError",
    "DiskFullError",
    "FailingDelivery",
    "FetchedTopic",
    "HostAccount",
    "HostFullError",
    "HostPlace",
    "HostState",
    "HubFullError",
    "HubStore",
    "LetterFilter",
    "Mode",
    "PendingVerification",
    "PublishKey",
    "Statistics",
    "StoreClosedError",
    "StoreError",
    "StoreLockedError",
    "StoreVersionError",
    "StoredSubscription",
    "SubscriptionLimits",
    "SubscriptionStore",
    "Topic",
    "TopicStore",
    "TopicUsage",
    "Update",
    "VerificationStore",
]
