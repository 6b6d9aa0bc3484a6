"""The statistics of a delivery engine."""

import attrs


@attrs.frozen(kw_only=True)
class EngineStatistics:
    """The counts of one moment in a delivery engine.

    Attributes:
        connections: Open connections, idle ones included.
        busy: Those with an exchange under way, from the first packet of the connection to the end of the answer.
        idle: Those kept for the next delivery.
        aside: Those of the busy ones whose servers have not answered for a moment, so that they take no slot.
        suspects: Those of the busy ones whose servers failed the exchange before.
        origins: Servers that are remembered.
        waiting: Deliveries that were taken from their caller and wait for a name or a connection.
    """

    connections: int = 0
    busy: int = 0
    idle: int = 0
    aside: int = 0
    suspects: int = 0
    origins: int = 0
    waiting: int = 0
