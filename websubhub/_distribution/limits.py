"""The limits of the delivery engine."""

import attrs
from attrs.validators import ge, gt

from _websub.arguments import checked_fields


@attrs.frozen(kw_only=True, field_transformer=checked_fields)
class EngineLimits:
    """How many connections a delivery engine may open, how long it waits, and how much of an answer it reads.

    They are in one class because an engine gets all of them together.

    Attributes:
        connections: Exchanges at a time in total, not counting those whose servers have not answered for a moment.
        connections_per_origin: Open connections to one scheme, host and port.
        unanswered: Additional connections whose servers have not answered for a moment, so that they do not delay
            others. The default is four times as many, and at most a quarter of the open files.
        connections_per_address: Open connections to one address, or one /64 network of IPv6, with any name and port. An
            engine that may call its own machine has no such limit there.
        failing_per_minute: Failed deliveries per minute to an address that has accepted none for an hour. Beyond that,
            it gets no more.
        idle_connections: Connections that are kept for the next delivery. With the unanswered ones, they take no more
            than a third of the open files, or all but 5,120 and ``connections`` if that is more. When there are too
            many, those to servers that are called often stay.
        idle_seconds: How long an idle connection is kept for the next delivery.
        idle_tls_seconds: The same for https, where a new connection costs many times as much; by default four times as
            long.
        connect_seconds: The longest time for the connection and its TLS handshake, over all addresses of the host,
            without the name lookup.
        total_seconds: The longest time from the start of the connection to the end of the response.
        lookup_seconds: The longest time of a name lookup.
        lookups: Name lookups at a time, each in a thread of its own.
        waiting: Deliveries of one batch that may wait for their origin while others overtake them.
        origins: Origins that are remembered, with their TLS sessions.
        head_bytes: The largest status line and header fields of one response, including informational responses.
        ignored_body_bytes: How much to read of an unwanted body, to keep the connection for the next delivery.
    """

    connections: int = attrs.field(default=256, validator=ge(1))
    connections_per_origin: int = attrs.field(default=8, validator=ge(1))
    unanswered: int = attrs.field(validator=ge(0))
    connections_per_address: int = attrs.field(default=64, validator=ge(1))
    failing_per_minute: int = attrs.field(default=60, validator=ge(1))
    idle_connections: int = attrs.field(default=25_000, validator=ge(0))
    idle_seconds: float = attrs.field(default=60.0, validator=ge(0))
    idle_tls_seconds: float = attrs.field(validator=ge(0))
    connect_seconds: float = attrs.field(default=5.0, validator=gt(0))
    total_seconds: float = attrs.field(default=15.0, validator=gt(0))
    lookup_seconds: float = attrs.field(default=3.0, validator=gt(0))
    lookups: int = attrs.field(default=32, validator=ge(1))
    waiting: int = attrs.field(default=2048, validator=ge(1))
    origins: int = attrs.field(default=25_000, validator=ge(1))
    head_bytes: int = attrs.field(default=32 * 1024, validator=ge(1024))
    ignored_body_bytes: int = attrs.field(default=16 * 1024, validator=ge(0))

    @unanswered.default
    def _unanswered(self) -> int:
        return 4 * self.connections

    @idle_tls_seconds.default
    def _idle_tls_seconds(self) -> float:
        return 4 * self.idle_seconds
