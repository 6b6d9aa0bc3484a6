"""The order of claims: fair between topics, limited per host, with slots reserved for first attempts."""

from collections.abc import Callable
from typing import Generic, TypeVar

from websubhub.standalone.ports import DeliveryMode
from websubhub.standalone.schedule.board import Board
from websubhub.standalone.schedule.claims import Claim
from websubhub.standalone.schedule.columns import Segment, TopicLog
from websubhub.standalone.schedule.hosts import Host
from websubhub.standalone.schedule.states import (
    ADMITTED,
    BLOCKED_BY_HOST,
    EXPIRED,
    IDLE,
    IN_FLIGHT,
    READY,
    RETRY_DUE,
    RETRY_EARLY,
    RETRY_WAITING,
    TRANSITIONS,
    Cause,
)

_EVERY = DeliveryMode.EVERY  # a global is faster than a class attribute
_TURN = 64  # subscriptions of one topic before it is another topic's turn
_RETRIES = frozenset(TRANSITIONS[Cause.RETRY_CAME])  # the states of subscriptions that are waiting for a time
_STEPS = 2048  # subscriptions examined in one call, so that the event loop is not blocked for long


C = TypeVar("C", bound=Claim)


class Turns(Generic[C]):
    """Claims the deliveries that are due.

    Args:
        board: The board.
        make: Makes a claim: ``Claim`` or a subclass.
    """

    def __init__(self, board: Board, make: Callable[[TopicLog, Segment, int, Host, int, float], C]) -> None:
        self._board = board
        self._make = make
        self._steps = 0

    def take(self, limit: int, now: float) -> list[C]:
        """Claim at most ``limit`` due deliveries. If there are none, ``next_time`` tells when to call this again."""
        claims: list[C] = []
        self._steps = _STEPS
        self._look_at_times(now)
        self._take_admitted(claims, limit, now)
        self._take_retries(claims, limit, now)
        self._take_ready(claims, limit, now)
        return claims

    def next_time(self, now: float) -> float | None:
        """Return when ``take`` may find more: ``now``, a later time, or None if something else has to happen first."""
        board = self._board
        if board.ring or board.admitted or (self._has_retries() and self._may_retry()):
            return now
        times = [time for time in (board.times.next_due(), board.hosts.next_probe()) if time is not None]
        return min(times, default=None)

    def put_back(self, claim: C, now: float) -> None:
        """Undo a claim that was not delivered."""
        self._board.hosts.released(claim.host.key)
        if not self._board.land(claim):
            return
        if claim.letter:
            claim.log.add_letter(claim.subscription, claim.letter, claim.sequence, first=True)
        self._board.rest(claim.log, claim.segment, claim.index, now)

    def _look_at_times(self, now: float) -> None:
        board = self._board
        board.hosts.probe(now)
        for topic, subscription in board.times.take(now, _STEPS):
            place = board.find(topic, subscription)
            if place is None:
                continue
            log, segment, index = place
            state = segment.states[index]
            if state in _RETRIES and (segment.dues[index] <= now or self._is_early(*place, now)):
                board.queue_retry(log, segment, index)

    def _is_early(self, log: TopicLog, segment: Segment, index: int, now: float) -> bool:
        attempted = segment.attempted[index]
        return (
            segment.states[index] == RETRY_WAITING
            and log.published_at >= attempted
            and attempted + self._board.limits.early_seconds <= now
        )

    def _take_admitted(self, claims: list[C], limit: int, now: float) -> None:
        admitted = self._board.admitted
        while admitted and len(claims) < limit:
            subscription, log, segment, index = admitted.popleft()
            place: tuple[TopicLog, Segment, int] | None = (log, segment, index)
            if not segment.has(subscription, index):  # it has moved, since others have ended
                place = self._board.find(log.number, subscription)
            if place is not None and place[1].states[place[2]] == ADMITTED:
                self._claim(claims, place, self._board.hosts.busy(place[1].hosts[place[2]]), now)

    def _has_retries(self) -> bool:
        return bool(self._board.admitted_retries or self._board.retries)

    def _may_retry(self) -> bool:
        return self._board.repeated_in_flight < self._board.limits.retries

    def _take_retries(self, claims: list[C], limit: int, now: float) -> None:
        board = self._board
        while self._has_retries() and self._may_retry() and len(claims) < limit and self._steps:
            self._steps -= 1
            admitted = bool(board.admitted_retries)
            place = board.find(*(board.admitted_retries.popleft() if admitted else board.retries.pop()))
            if place is None or place[1].states[place[2]] != (ADMITTED if admitted else RETRY_DUE):
                continue
            _, segment, index = place
            key = segment.hosts[index]
            host = board.hosts.busy(key) if admitted else board.hosts.acquire(key)
            if host is not None:
                self._claim(claims, place, host, now)
            else:
                self._block(*place)

    def _take_ready(self, claims: list[C], limit: int, now: float) -> None:
        ring = self._board.ring
        while ring and len(claims) < limit and self._steps > 0:
            log = ring.popleft()
            segment, log.queue = log.queue[0], log.queue[1:]
            if self._search(claims, log, segment, limit, now):
                log.queue += (segment,)
            else:
                segment.queued = False
            log.shrink(segment)
            if log.queue:
                ring.append(log)
            else:
                log.turning = False

    def _search(self, claims: list[C], log: TopicLog, segment: Segment, limit: int, now: float) -> bool:
        """Claim from a segment, and return whether there may be more in it."""
        turn, flying = min(_TURN, limit - len(claims)), 0
        acquire, states, cursor = self._board.hosts.acquire, segment.states, segment.cursor
        hosts, dues, expiries, positions = segment.hosts, segment.dues, segment.expiries, segment.positions
        # Nearly all subscriptions are simple, often a million in a row. For the others, ``_claim`` takes twice as long.
        simple, make = log.mode is _EVERY and not log.letters, self._make
        while turn > 0:
            # After an update, the next one is nearly always READY, and checking it is cheaper than searching.
            index = cursor if cursor < len(states) and states[cursor] == READY else states.find(READY, cursor)
            if index < 0:
                if not cursor:
                    break
                cursor = 0
                continue
            cursor = index + 1
            turn -= 1
            host = acquire(hosts[index])
            if host is None:
                self._block(log, segment, index)
            elif simple and not dues[index] and expiries[index] > now:
                states[index] = IN_FLIGHT
                flying += 1
                claims.append(make(log, segment, index, host, positions[index] + 1, now))
            else:
                self._claim(claims, (log, segment, index), host, now)
        self._board.flying(segment, flying)
        self._steps -= _TURN - turn
        segment.cursor = cursor
        return self._search_early(log, segment, now) or turn <= 0

    def _search_early(self, log: TopicLog, segment: Segment, now: float) -> bool:
        index = segment.states.find(RETRY_EARLY)
        for _ in range(_TURN):
            if index < 0:
                return False
            early = segment.attempted[index] + self._board.limits.early_seconds
            if early <= now:
                self._board.queue_retry(log, segment, index)
            else:
                segment.states[index] = RETRY_WAITING
                self._board.times.add(early, log.number, segment.ids[index])
            self._steps -= 1
            index = segment.states.find(RETRY_EARLY, index)
        return True

    def _block(self, log: TopicLog, segment: Segment, index: int) -> None:
        segment.states[index] = BLOCKED_BY_HOST
        fresh = not segment.dues[index]
        self._board.hosts.park(segment.hosts[index], log.number, segment.ids[index], fresh=fresh)

    def _claim(self, claims: list[C], place: tuple[TopicLog, Segment, int], host: Host, now: float) -> None:
        """Turn a subscription with a slot of its host into a claim, unless it is no longer owed anything."""
        board, (log, segment, index) = self._board, place
        if segment.expiries[index] <= now:
            segment.states[index] = EXPIRED
            board.hosts.released(host.key)
            return
        if log.owes_nothing(segment, index):  # the dead letter that it waited for was dropped
            segment.states[index] = IDLE
            board.hosts.released(host.key)
            return
        sequence = segment.positions[index] + 1 if log.mode is _EVERY else log.head
        claim = self._make(log, segment, index, host, sequence, now)
        if log.letters:
            _replay(claim)
        due = segment.dues[index]
        if due:
            claim.repeated = True
            claim.early = due > now
        board.fly(claim)
        claims.append(claim)


def _replay(claim: Claim) -> None:
    letter = claim.log.take_letter(claim.subscription)
    if letter is not None:
        claim.letter, claim.sequence = letter
