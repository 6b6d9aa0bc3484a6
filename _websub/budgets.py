"""What one host may be made to take: how many exchanges at once and in a minute, and how many bytes.

A stranger decides whom a hub calls, so the budget is the victim's: it is kept for each host, however many URLs, ports
and subscriptions lead there. What a host confirms that it wanted costs nothing of it. And as one stranger can name many
hosts, those that fail share half of all places.
"""

import math
from collections import OrderedDict
from collections.abc import Callable

import attrs
from attrs.validators import ge, gt

_MINUTE = 60.0
_CROWDED_SECONDS = 1.0


@attrs.frozen(kw_only=True)
class Budget:
    """The bounds for one host.

    Attributes:
        at_once: Exchanges under way.
        burst: Exchanges after a quiet time, before the rate counts.
        per_minute: Exchanges in a minute from then on.
        burst_bytes: Bytes after a quiet time, before their rate counts; the exchange that passes it is finished, and
            each one under way counts as much as the largest one lately.
        bytes_per_minute: Bytes in a minute from then on.
        failures: Exchanges in a row that the host did not want, after which it is left alone; 0 for never.
        pause_seconds: For how long.
    """

    at_once: int = attrs.field(default=10, validator=ge(1))
    burst: int = attrs.field(default=10, validator=ge(1))
    per_minute: float = attrs.field(default=10.0, validator=gt(0))
    burst_bytes: float = attrs.field(default=math.inf, validator=gt(0))
    bytes_per_minute: float = attrs.field(default=math.inf, validator=gt(0))
    failures: int = attrs.field(default=0, validator=ge(0))
    pause_seconds: float = attrs.field(default=3600.0, validator=ge(0))


class _Account:
    """What one host was made to take lately; it recovers with time."""

    __slots__ = ("at", "crowding", "exchanges", "failures", "largest", "paused_until", "running", "size")

    def __init__(self, now: float) -> None:
        self.at = now
        self.running = 0
        self.crowding = 0
        self.exchanges = 0.0
        self.size = 0.0
        self.largest = 0
        self.failures = 0
        self.paused_until = -math.inf

    def recover(self, budget: Budget, now: float) -> None:
        minutes = max(0.0, now - self.at) / _MINUTE
        self.at = now
        self.exchanges = max(0.0, self.exchanges - budget.per_minute * minutes)
        # An infinite rate times no time at all is no number.
        self.size = max(0.0, self.size - budget.bytes_per_minute * minutes) if minutes else self.size
        if not self.size:
            self.largest = 0

    def is_clean(self, now: float) -> bool:
        """Return whether a new account would be the same."""
        return not (self.running or self.exchanges or self.size or self.failures or self.paused_until > now)


class Budgets:
    """The accounts of all hosts, of which those that matter least are forgotten beyond a number.

    Args:
        budget: The bounds for each.
        clock: Seconds that only grow.
        places: How many exchanges may be under way with all hosts; half of them with hosts that failed last.
        remembered: How many accounts are kept.
    """

    def __init__(
        self, budget: Budget, clock: Callable[[], float], *, places: float = math.inf, remembered: int = 20_000
    ) -> None:
        self._budget = budget
        self._free = places
        self._free_for_failing = places / 2
        self._clock = clock
        self._remembered = remembered
        self._accounts: OrderedDict[str, _Account] = OrderedDict()

    def __len__(self) -> int:
        return len(self._accounts)

    @property
    def is_full(self) -> bool:
        """Whether all places are taken, so that no host can be called."""
        return self._free < 1

    def wait(self, host: str) -> float:
        """Return how many seconds from now an exchange may begin: 0 at once, infinity when another must end first."""
        account = self._accounts.get(host)
        if self.is_full:
            return math.inf
        if account is None:
            return 0.0
        budget, now = self._budget, self._clock()
        account.recover(budget, now)
        if account.running >= budget.at_once:
            return math.inf
        size = account.size + account.running * account.largest
        waits = [
            account.paused_until - now,
            (account.exchanges + 1 - budget.burst) / budget.per_minute * _MINUTE,
            (size - budget.burst_bytes) / budget.bytes_per_minute * _MINUTE if size else 0.0,
            _CROWDED_SECONDS if account.failures and self._free_for_failing < 1 else 0.0,
        ]
        return max(0.0, *waits)

    def begin(self, host: str) -> bool:
        """Begin an exchange if the budget allows it now. Return whether it does; then ``end`` must follow."""
        if self.wait(host) > 0:
            return False
        account = self._accounts.get(host)
        if account is None:
            account = self._accounts[host] = _Account(self._clock())
        self._accounts.move_to_end(host)
        self._take_place(account)
        account.exchanges += 1
        self._forget()
        return True

    def end(self, host: str, *, wanted: bool, size: int = 0, failed: bool = True) -> bool:
        """End an exchange that was begun.

        Args:
            host: Its host.
            wanted: Whether the host showed that it wanted it, so that it costs nothing.
            size: How many bytes the host had to send.
            failed: Whether it is the host's fault that it was not wanted, so that it counts as a failure.

        Returns:
            Whether the host is left alone from now on.
        """
        account, budget = self._accounts[host], self._budget
        account.recover(budget, self._clock())
        self._give_place_back(account)
        account.size += size
        account.largest = max(account.largest, size)
        if wanted:
            account.exchanges = max(0.0, account.exchanges - 1)
            account.failures = 0
        elif failed:
            account.failures += 1
        pauses = 0 < budget.failures <= account.failures
        if pauses:
            account.failures = 0
            account.paused_until = account.at + budget.pause_seconds
        return pauses

    def _take_place(self, account: _Account) -> None:
        account.running += 1
        self._free -= 1
        if account.failures:
            account.crowding += 1
            self._free_for_failing -= 1

    def _give_place_back(self, account: _Account) -> None:
        account.running -= 1
        self._free += 1
        if account.crowding:
            account.crowding -= 1
            self._free_for_failing += 1

    def _forget(self) -> None:
        """Drop accounts beyond the number: clean ones and old ones first, never one with an exchange under way."""
        surplus = len(self._accounts) - self._remembered
        if surplus <= 0:
            return
        now = self._clock()
        idle = [host for host, account in self._accounts.items() if not account.running]
        for account in self._accounts.values():
            account.recover(self._budget, now)
        idle.sort(key=lambda host: not self._accounts[host].is_clean(now))
        # A few more than needed, so that not every new host costs a look at all the others.
        for host in idle[: surplus + self._remembered // 16]:
            del self._accounts[host]
