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
from websubhub.standalone.ports.limits import SubscriptionLimits
from websubhub.standalone.ports.records import (
    TOPIC_OPTIONS,
    Announcement,
    AnnouncementState,
    AnnouncementStatistics,
    DeadLetter,
    DeliveryMode,
    FailingDelivery,
    FetchedTopic,
    HostState,
    Published,
    PublishKey,
    Statistics,
    StoredSubscription,
    Topic,
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
    "TOPIC_OPTIONS",
    "Announcement",
    "AnnouncementState",
    "AnnouncementStatistics",
    "AnnouncementStore",
    "BacklogFullError",
    "ContentBroker",
    "DeadLetter",
    "Delivery",
    "DeliveryMode",
    "DeliverySettledError",
    "DiskFullError",
    "FailingDelivery",
    "FetchedTopic",
    "HostAccount",
    "HostFullError",
    "HostState",
    "HubFullError",
    "HubStore",
    "Mode",
    "PendingVerification",
    "PublishKey",
    "Published",
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
    "Update",
    "VerificationStore",
]
