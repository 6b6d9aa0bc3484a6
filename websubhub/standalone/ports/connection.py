"""The connection to a store that is elsewhere."""

from attrs import frozen


@frozen(kw_only=True)
class StoreConnection:
    """How this process is connected to a store that is elsewhere.

    Args:
        connected: Whether it is connected now.
        losses: How often the connection was lost since the start.
        partitions: How many partitions of the callbacks' hosts this process delivers to.
        complete: Whether each partition has a process that answers. Otherwise, what the store counts and lists may
            lack what another process knows.
    """

    connected: bool
    losses: int
    partitions: int
    complete: bool
