"""The errors of a store. Every message is one sentence that may be shown to an operator."""


class StoreError(Exception):
    """The store could not do what was asked; nothing that was accepted before is lost.

    Attributes:
        public: What to tell strangers, who are to learn nothing of the machine.
    """

    public = "the hub can store nothing at present"


class StoreClosedError(StoreError):
    """The store was closed, so that it takes no more work."""


class StoreLockedError(StoreError):
    """Another process has the store open."""


class StoreVersionError(StoreError):
    """The store was written by a newer version of this program."""


class BacklogFullError(StoreError):
    """Too many deliveries are waiting; the publisher is to try again later (503 with Retry-After)."""

    public = "too many deliveries are waiting"


class HostFullError(StoreError):
    """A host has as many subscriptions as it may have; some have to end before there can be new ones."""

    public = "this hub takes no more subscriptions for the host of this callback"


class HubFullError(StoreError):
    """There are as many subscriptions as there may be; some have to end before there can be new ones."""

    public = "this hub takes no more subscriptions at present"


class DiskFullError(StoreError):
    """No space is left for new updates; deliveries go on, and publishing works again once there is space."""

    public = "the hub has no space for more at present"


class DeliverySettledError(RuntimeError):
    """A delivery was settled a second time."""
