"""The bounds of what comes in."""

import attrs


@attrs.frozen(kw_only=True)
class EdgeLimits:
    """The bounds of one application.

    Attributes:
        body_bytes: The largest request body.
        body_seconds: How long a body may take to arrive.
        pending: How many requests and follow-ups may be under way; more are answered 503.
        graceful_seconds: How long follow-ups may go on when the application stops.
    """

    body_bytes: int = 10 * 1024 * 1024
    body_seconds: float = 15.0
    pending: int = 1_000
    graceful_seconds: float = 10.0
