"""The states of a subscription and their transitions. The diagram in the documentation is generated from this table."""

from collections.abc import Mapping
from enum import Enum
from typing import Final

IDLE: Final = 0
"""Has every update."""
READY: Final = 1
"""Is owed an update, and is only waiting for its turn."""
BLOCKED_BY_HOST: Final = 2
"""Is waiting for a slot of its host."""
ADMITTED: Final = 3
"""Has a slot of its host, and is waiting for its turn."""
IN_FLIGHT: Final = 4
"""A delivery is claimed."""
RETRY_WAITING: Final = 5
"""Is waiting for a retry."""
RETRY_FIRM: Final = 6
"""Is waiting for a retry at a time that the callback asked for."""
RETRY_EARLY: Final = 7
"""Is waiting for a retry, but its topic was updated, so another attempt may be made earlier (W3C 7)."""
RETRY_DUE: Final = 8
"""Its retry is due, and is waiting for its turn."""
EXPIRED: Final = 9
"""Its lease has expired. It gets nothing unless it is renewed before it ends."""
ENDED: Final = 10
"""Gets no more deliveries."""

NAMES: Final = (
    "IDLE", "READY", "BLOCKED_BY_HOST", "ADMITTED", "IN_FLIGHT", "RETRY_WAITING", "RETRY_FIRM", "RETRY_EARLY",
    "RETRY_DUE", "EXPIRED", "ENDED",
)  # fmt: skip
"""The names of the states, by number."""


class Cause(Enum):
    """The causes of a subscription's state changes, in the words of the diagram."""

    RESTORED = "restart"
    PUBLISHED = "update"
    REPLAYED = "replay"
    DROPPED = "replay dropped"
    HOST_FULL = "no slot"
    SLOT_FREE = "slot"
    CLAIMED = "claim"
    ARRIVED = "arrived or given up"
    FAILED = "failed"
    PUT_BACK = "put back"
    RETRY_CAME = "due"
    TOO_EARLY = "too early"
    LEASE_OVER = "lease over"
    RENEWED = "renewed"
    ENDED = "ended"


_TURN = (READY, ADMITTED, RETRY_DUE)
_REST = (IDLE, READY, RETRY_WAITING, RETRY_DUE)

STARTS: Final = (IDLE, READY)
"""The first state: READY for a subscription that is behind its topic when it is added."""

TRANSITIONS: Final[Mapping[Cause, Mapping[int, tuple[int, ...]]]] = {
    Cause.RESTORED: {READY: (RETRY_WAITING, RETRY_FIRM)},
    Cause.PUBLISHED: {IDLE: (READY,), RETRY_WAITING: (RETRY_EARLY,)},
    Cause.REPLAYED: dict.fromkeys((IDLE, RETRY_WAITING), (READY,)),
    Cause.DROPPED: dict.fromkeys((READY, ADMITTED), (IDLE,)),
    Cause.HOST_FULL: dict.fromkeys((READY, RETRY_DUE), (BLOCKED_BY_HOST,)),
    Cause.SLOT_FREE: {BLOCKED_BY_HOST: (ADMITTED,)},
    Cause.CLAIMED: dict.fromkeys(_TURN, (IN_FLIGHT,)),
    Cause.ARRIVED: {IN_FLIGHT: _REST},
    Cause.FAILED: {IN_FLIGHT: (RETRY_WAITING, RETRY_FIRM)},
    Cause.PUT_BACK: {IN_FLIGHT: _REST},
    Cause.RETRY_CAME: dict.fromkeys((RETRY_WAITING, RETRY_FIRM, RETRY_EARLY), (RETRY_DUE,)),
    Cause.TOO_EARLY: {RETRY_EARLY: (RETRY_WAITING,)},
    Cause.LEASE_OVER: dict.fromkeys(_TURN, (EXPIRED,)),
    Cause.RENEWED: {EXPIRED: _REST},
    Cause.ENDED: dict.fromkeys(range(ENDED), (ENDED,)),
}
"""The states that each cause may lead to, by the state before. It cannot happen in states that are not listed.

``ARRIVED`` leads to what is owed next: nothing, an update, or, after a replay, the retry that was waiting before it.
"""

UPDATED: Final = bytes(TRANSITIONS[Cause.PUBLISHED].get(state, (state,))[0] for state in range(256))
"""The states after an update of the topic, by the states before. It changes a million subscriptions in one step."""


def ways() -> dict[tuple[int, int], list[Cause]]:
    """Return the causes that lead from one state to another, by both states."""
    found: dict[tuple[int, int], list[Cause]] = {}
    for event, rows in TRANSITIONS.items():
        for before, afters in rows.items():
            for after in afters:
                found.setdefault((before, after), []).append(event)
    return found
