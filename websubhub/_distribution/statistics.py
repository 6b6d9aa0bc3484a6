"""The statistics of a delivery engine."""

import attrs


@attrs.frozen(kw_only=True)
class EngineStatistics:
    """The counts of a delivery engine at one moment.

    Attributes:
        connections: Open connections, including idle ones.
        busy: Connections in use, from the first packet of the connection to the end of the response.
        idle: Connections kept for the next delivery.
        aside: Busy connections whose servers have not answered for a moment, so that they take no slot.
        suspects: Busy connections whose servers failed the previous exchange.
        origins: Servers that are remembered.
        waiting: Deliveries that were taken from their caller, and wait for a name or a connection.
    """

    connections: int = 0
    busy: int = 0
    idle: int = 0
    aside: int = 0
    suspects: int = 0
    origins: int = 0
    waiting: int = 0
