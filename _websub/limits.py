"""Limits of incoming requests."""

import attrs

from _websub.arguments import checked_fields

#: Each piece of a body costs about as much as a small request. This many are free. Each further one must bring enough
#: bytes.
FREE_PIECES = 1_024
_PIECE_BYTES = 64


def are_too_small(pieces: int, size: int) -> bool:
    """Return whether a body comes in too many pieces for its size in bytes."""
    return (pieces - FREE_PIECES) * _PIECE_BYTES > size


@attrs.frozen(kw_only=True, field_transformer=checked_fields)
class EdgeLimits:
    """The limits of one application.

    Attributes:
        body_bytes: The largest request body.
        body_seconds: How long a body may take to arrive.
        bodies: How many bodies may be arriving at once. When another one begins, the oldest body of the client with
            the most of them is answered with 503.
        memory_bytes: How many bytes of bodies may be held at once, arriving or in use. One body is always allowed.
        pending: How many requests and follow-ups may be in progress. More are answered with 503. A request whose body
            is still arriving does not count.
        send_seconds: How long the client may take to receive a response.
        graceful_seconds: How long follow-ups may continue when the application stops.
    """

    body_bytes: int = 10 * 1024 * 1024
    body_seconds: float = 15.0
    bodies: int = 1_000
    memory_bytes: int = 128 * 1024 * 1024
    pending: int = 1_000
    send_seconds: float = 30.0
    graceful_seconds: float = 10.0


@attrs.frozen(kw_only=True)
class EdgeLoad:
    """How busy an application is.

    Attributes:
        pending: How many requests and follow-ups are in progress.
        capacity: How many are allowed.
        arriving: How many bodies are arriving.
        refused: How many requests were refused since the start because the application was too busy.
    """

    pending: int
    capacity: int
    arriving: int
    refused: int

    @property
    def saturated(self) -> bool:
        """Whether the next request would be refused."""
        return self.pending >= self.capacity


@attrs.frozen(kw_only=True)
class Patience:
    """How long to wait for a connection, in seconds.

    Attributes:
        idle: Until the head of the next request is complete.
        read: Between two pieces of a body.
        write: Until the client has received a piece of an answer.
        handshake: Until TLS is set up.
    """

    idle: float = 5.0
    read: float = 20.0
    write: float = 30.0
    handshake: float = 10.0

    @property
    def shortest(self) -> float:
        """The shortest of them."""
        return min(self.idle, self.read, self.write, self.handshake)
