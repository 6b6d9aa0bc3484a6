"""The bounds that the delivery engine keeps, whatever its peers do."""

import attrs
from attrs.validators import ge, gt


@attrs.frozen(kw_only=True)
class EngineLimits:
    """How many connections a delivery engine may open, how long it waits, and how much of an answer it reads.

    They are in one class because an engine is given all of them together.

    Attributes:
        connections: Exchanges under way in all, those apart whose servers have not answered for a moment.
        connections_per_origin: Open connections to one scheme, host and port.
        unanswered: Connections that may be open beyond that, whose servers have not answered for a moment, so that they
            keep no others waiting; by default four times as many, and never more than a quarter of the open files.
        connections_per_address: Open connections to one address, or one IPv6 network of the size /64, whatever the
            names and ports that lead there. An engine that may call its own machine has no such bounds there.
        failing_per_minute: Deliveries that fail in a minute at an address that has taken none for an hour, beyond which
            it gets no further ones.
        idle_connections: Connections that are kept for the next delivery. With the unanswered ones, they take no more
            than a third of the open files, or all but 8,192 where that is more. When there are too many, those stay
            whose servers are called often.
        idle_seconds: How long an unused connection is kept for the next delivery.
        idle_tls_seconds: The same for https, where a new connection costs many times as much; by default four times as
            long.
        connect_seconds: For name lookup aside, the connection and its TLS handshake, over all addresses of the host.
        total_seconds: From the start of the connection to the end of the answer.
        lookup_seconds: For one name lookup.
        lookups: Names that are looked up at a time, each in a thread of its own.
        waiting: Deliveries of one batch that may wait for their origin while others overtake them.
        origins: Origins that are remembered, with their TLS sessions.
        head_bytes: The status line and the header fields of one answer, informational answers included.
        ignored_body_bytes: What is read of a body that nobody wants, to keep the connection for the next delivery.
    """

    connections: int = attrs.field(default=256, validator=ge(1))
    connections_per_origin: int = attrs.field(default=8, validator=ge(1))
    unanswered: int = attrs.field(validator=ge(0))
    connections_per_address: int = attrs.field(default=64, validator=ge(1))
    failing_per_minute: int = attrs.field(default=60, validator=ge(1))
    idle_connections: int = attrs.field(default=10_000, validator=ge(0))
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
