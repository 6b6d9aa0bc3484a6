"""The errors of a store. Each message is one sentence for operators."""

from websubhub import WebSubError


class StoreError(WebSubError):
    """A store operation failed. Nothing that was accepted before is lost.

    Attributes:
        public: The message for strangers. It reveals nothing about the machine.
    """

    public = "the hub can store nothing at present"


class StoreClosedError(StoreError):
    """The store is closed."""


class StoreLockedError(StoreError):
    """Another process has the store open."""


class StoreVersionError(StoreError):
    """The store was written by a newer version of this program."""


class BacklogFullError(StoreError):
    """Too many deliveries are waiting. The publisher should try again later (503 with Retry-After)."""

    public = "too many deliveries are waiting"


class HostFullError(StoreError):
    """A host has reached its limit of subscriptions. Some must end before it can have new ones."""

    public = "this hub takes no more subscriptions for the host of this callback"


class HubFullError(StoreError):
    """The hub has reached its limit of subscriptions. Some must end before there can be new ones."""

    public = "this hub takes no more subscriptions at present"


class DiskFullError(StoreError):
    """No space is left for new updates. Deliveries continue, and publishing works again once there is space."""

    public = "the hub has no space for more at present"


class DeliverySettledError(RuntimeError):
    """A delivery was settled a second time."""
