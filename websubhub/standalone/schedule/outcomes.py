"""The effects of a claim's outcome on the board."""

from websubhub.standalone.ports import DeliveryMode
from websubhub.standalone.schedule.board import Board
from websubhub.standalone.schedule.claims import Claim
from websubhub.standalone.schedule.states import IDLE, IN_FLIGHT

_EVERY = DeliveryMode.EVERY  # a global is faster than a class attribute


class Outcomes:
    """Settles claims. Each method returns whether the subscription is still active, so that the outcome is stored."""

    def __init__(self, board: Board) -> None:
        self._board = board

    def done(self, claim: Claim, now: float) -> bool:
        """Settle a claim whose update arrived."""
        self._board.hosts.succeeded(claim.host.key, claim.began)
        return self._board.land(claim) and self._move_on(claim, now)

    def done_simply(self, claim: Claim) -> bool:
        """Do what ``done`` does in the usual case. In any other case, do nothing and return False."""
        board, log, segment, index, host = self._board, claim.log, claim.segment, claim.index, claim.host
        if (
            segment.states[index] != IN_FLIGHT
            or claim.sequence != segment.positions[index] + 1  # a replay, or claimed in another mode
            or claim.repeated
            or log.letters
            or log.mode is not _EVERY
            or host.failures
            or (host.in_flight <= 1 and board.hosts.crowded())
        ):
            return False
        host.in_flight -= 1
        if claim.began > host.well_at:  # noqa: PLR1730 - a call of max takes several times as long
            host.well_at = claim.began
        board.in_flight -= 1
        segment.claimed -= 1
        segment.positions[index] = claim.sequence
        log.waiting -= 1
        board.waiting -= 1
        if claim.sequence < log.head:
            board.ready(log, segment, index)
        else:
            segment.states[index] = IDLE
        if segment.ended:
            log.shrink(segment)
        if host.parked is not None:
            board.hosts.call_parked(host)
        return True

    def dead(self, claim: Claim, now: float, *, host_failed: bool) -> bool:
        """Settle a claim that becomes a dead letter."""
        self._leave_host(claim, now, host_failed=host_failed)
        return self._board.land(claim) and self._move_on(claim, now)

    def retry(self, claim: Claim, due_at: float, now: float, *, firm: bool, host_failed: bool) -> float | None:
        """Settle a claim that should be retried. Return when it is due, or None if the subscription has ended."""
        self._leave_host(claim, now, host_failed=host_failed)
        if not self._board.land(claim):
            return None
        board, log, segment, index = self._board, claim.log, claim.segment, claim.index
        segment.fail(index, attempted=now)
        if claim.letter:
            board.rest(log, segment, index, now)
            return due_at
        if claim.early and not firm:
            due_at = max(segment.dues[index], now)
        board.wait(log, segment, index, due_at, firm=firm)
        return due_at

    def gone(self, claim: Claim) -> bool:
        """Settle a claim whose subscription ends."""
        self._board.hosts.succeeded(claim.host.key, claim.began)
        if not self._board.land(claim):
            return False
        self._board.end(claim.log, claim.segment, claim.index)
        claim.log.shrink(claim.segment)
        return True

    def _leave_host(self, claim: Claim, now: float, *, host_failed: bool) -> None:
        if host_failed:
            self._board.hosts.failed(claim.host.key, now, began=claim.began, repeated=claim.repeated)
        else:
            self._board.hosts.succeeded(claim.host.key, claim.began)

    def _move_on(self, claim: Claim, now: float) -> bool:
        board, log, segment, index = self._board, claim.log, claim.segment, claim.index
        if not claim.letter:
            owed = log.owed(segment, index)
            segment.positions[index] = claim.sequence
            board.owe(log, log.owed(segment, index) - owed)
            board.settle_retry(segment, index)
        board.rest(log, segment, index, now)
        log.shrink(segment)
        return True
