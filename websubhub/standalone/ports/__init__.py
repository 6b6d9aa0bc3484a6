"""What the standalone hub asks of whatever keeps its state; an adapter satisfies all of it, by structure."""

from websubhub.standalone.ports.broker import ContentBroker, Delivery
from websubhub.standalone.ports.errors import (
    BacklogFullError,
    DeliverySettledError,
    DiskFullError,
    StoreClosedError,
    StoreError,
    StoreLockedError,
    StoreVersionError,
)
from websubhub.standalone.ports.records import (
    Announcement,
    DeadLetter,
    DeliveryMode,
    FailingDelivery,
    FetchedTopic,
    HostState,
    Mode,
    PendingVerification,
    Statistics,
    StoredSubscription,
    Topic,
    Update,
)
from websubhub.standalone.ports.store import (
    AnnouncementStore,
    HubStore,
    SubscriptionStore,
    TopicStore,
    VerificationStore,
)

__all__ = [
    "Announcement",
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
    "HostState",
    "HubStore",
    "Mode",
    "PendingVerification",
    "Statistics",
    "StoreClosedError",
    "StoreError",
    "StoreLockedError",
    "StoreVersionError",
    "StoredSubscription",
    "SubscriptionStore",
    "Topic",
    "TopicStore",
    "Update",
    "VerificationStore",
]
