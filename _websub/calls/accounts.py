"""Accounts of hosts and addresses: the recent exchanges of each, and whether another one may begin now."""

import math
from collections import OrderedDict
from collections.abc import Callable

import attrs
from attrs.validators import ge, gt

_MINUTE = 60.0
#: How long to wait for a place that may become free at any moment.
CROWDED_SECONDS = 1.0
#: How long a wanted exchange proves that its host or address wants more.
PROVEN_SECONDS = 3600.0
_LONGEST_LINE_SECONDS = 300.0


@attrs.frozen(kw_only=True)
class Budget:
    """The limits of one host, or of one address.

    Attributes:
        at_once: Exchanges at the same time.
        burst: Exchanges after a quiet time, before the rate applies.
        per_minute: Exchanges per minute from then on.
        burst_bytes: Bytes after a quiet time, before the rate of bytes applies. The exchange that exceeds it may
            finish. Each exchange in progress counts as much as the largest recent one.
        bytes_per_minute: Bytes per minute from then on.
        failures: Unwanted exchanges in a row that pause the account; 0 for no pause.
        pause_seconds: The length of the pause.
        proven_factor: For an hour after a wanted exchange, the limits on exchanges are multiplied by this, and there is
            no pause. This is for addresses, which many hosts may share.
    """

    at_once: int = attrs.field(default=10, validator=ge(1))
    burst: int = attrs.field(default=10, validator=ge(1))
    per_minute: float = attrs.field(default=10.0, validator=gt(0))
    burst_bytes: float = attrs.field(default=math.inf, validator=gt(0))
    bytes_per_minute: float = attrs.field(default=math.inf, validator=gt(0))
    failures: int = attrs.field(default=0, validator=ge(0))
    pause_seconds: float = attrs.field(default=3600.0, validator=ge(0))
    proven_factor: float = attrs.field(default=1.0, validator=ge(1))


@attrs.frozen(kw_only=True)
class AccountState:
    """The state of an account.

    Attributes:
        name: Its host, address or network.
        under_way: Exchanges in progress.
        failures: Unwanted exchanges in a row.
        resumes_at: The time when its pause ends, or None if it is not paused.
    """

    name: str
    under_way: int
    failures: int
    resumes_at: float | None


class _Account:
    """The recent exchanges of one host or address, which count less with time."""

    __slots__ = (
        "at", "exchanges", "failures", "in_line", "largest", "paused_until", "proven_until", "running", "size",
    )  # fmt: skip

    def __init__(self, now: float) -> None:
        self.at = now
        self.running = 0
        self.exchanges = 0.0
        self.size = 0.0
        self.largest = 0
        self.failures = 0
        self.in_line = 0
        self.paused_until = -math.inf
        self.proven_until = -math.inf

    def recover(self, budget: Budget, now: float) -> None:
        minutes = max(0.0, now - self.at) / _MINUTE
        self.at = now
        self.exchanges = max(0.0, self.exchanges - budget.per_minute * self.factor(budget) * minutes)
        # An infinite rate times zero is not a number.
        self.size = max(0.0, self.size - budget.bytes_per_minute * minutes) if minutes else self.size
        if not self.size:
            self.largest = 0
        if not self.exchanges:
            self.in_line = 0

    def factor(self, budget: Budget) -> float:
        return budget.proven_factor if self.proven_until > self.at else 1.0

    def worth(self, budget: Budget) -> int:
        """Return how important it is to remember an account. Call ``recover`` first.

        Accounts that must not be called now matter most, then those that wanted something, then those that were called.
        """
        factor = self.factor(budget)
        if self.paused_until > self.at or self.exchanges + 1 > budget.burst * factor or self.size > budget.burst_bytes:
            return 3
        if self.proven_until > self.at:
            return 2
        return int(bool(self.exchanges or self.size or self.failures))


class Accounts:
    """Accounts with the same budget. When there are too many, the least important ones are forgotten.

    Args:
        budget: The limits of each account.
        clock: Returns the time in seconds, and never goes back.
        remembered: How many accounts to keep.
    """

    def __init__(self, budget: Budget, clock: Callable[[], float], remembered: int) -> None:
        self.budget = budget
        self._clock = clock
        self._remembered = remembered
        self._accounts: OrderedDict[str, _Account] = OrderedDict()

    def __len__(self) -> int:
        return len(self._accounts)

    def failing(self, name: str) -> bool:
        """Return whether the last exchange of an account was unwanted."""
        account = self._accounts.get(name)
        return account is not None and account.failures > 0

    def proven(self, name: str) -> bool:
        """Return whether an exchange of an account was wanted within the last hour."""
        account = self._accounts.get(name)
        return account is not None and account.proven_until > self._clock()

    def wait(self, name: str) -> float:
        """Return the seconds until an exchange may begin: 0 for now, infinity if another one must end first."""
        account = self._accounts.get(name)
        if account is None:
            return 0.0
        budget, now = self.budget, self._clock()
        account.recover(budget, now)
        factor = account.factor(budget)
        if account.running >= budget.at_once * factor:
            return math.inf
        size = account.size + account.running * account.largest
        rate = budget.per_minute * factor
        waits = [
            account.paused_until - now,
            (account.exchanges + 1 - budget.burst * factor) / rate * _MINUTE,
            (size - budget.burst_bytes) / budget.bytes_per_minute * _MINUTE if size else 0.0,
        ]
        return max(0.0, *waits)

    def stand_in_line(self, name: str) -> float:
        """Return the seconds after which to ask again. They grow with each caller that has to wait."""
        account, wait = self._accounts[name], self.wait(name)
        account.in_line += 1
        line = account.in_line / self.budget.per_minute / account.factor(self.budget) * _MINUTE
        return max(CROWDED_SECONDS if wait == math.inf else wait, min(line, _LONGEST_LINE_SECONDS))

    def begin(self, name: str) -> None:
        """Begin an exchange. ``end`` or ``cancel`` must follow."""
        account = self._accounts.get(name)
        if account is None:
            account = self._accounts[name] = _Account(self._clock())
        self._accounts.move_to_end(name)
        account.running += 1
        account.exchanges += 1
        account.in_line = max(0, account.in_line - 1)
        self._forget()

    def end(self, name: str, *, size: int, wanted: bool, failed: bool) -> bool:
        """End an exchange. Return whether the account is paused from now on."""
        account, budget = self._accounts[name], self.budget
        account.recover(budget, self._clock())
        account.running -= 1
        account.size += size
        account.largest = max(account.largest, size)
        if wanted:
            self._refund(account)
            account.failures = 0
            account.proven_until = account.at + PROVEN_SECONDS
        elif failed:
            account.failures += 1
        pauses = 0 < budget.failures <= account.failures and account.factor(budget) == 1.0
        if pauses:
            account.failures = 0
            account.paused_until = account.at + budget.pause_seconds
        return pauses

    def cancel(self, name: str) -> None:
        """Undo ``begin`` for an exchange that did not take place."""
        account = self._accounts[name]
        account.running -= 1
        self._refund(account)

    def resume(self, name: str) -> bool:
        """End the pause of an account and forget its failures. Return whether it was paused."""
        account = self._accounts.get(name)
        if account is None or account.paused_until <= self._clock():
            return False
        account.paused_until = -math.inf
        account.failures = 0
        account.exchanges = 0.0
        return True

    def states(self) -> list[AccountState]:
        """Return the states of the accounts that are paused, failing or busy."""
        now = self._clock()
        return [
            AccountState(
                name=name,
                under_way=account.running,
                failures=account.failures,
                resumes_at=account.paused_until if account.paused_until > now else None,
            )
            for name, account in self._accounts.items()
            if account.running or account.failures or account.paused_until > now
        ]

    def _refund(self, account: _Account) -> None:
        account.exchanges = max(0.0, account.exchanges - 1)

    def _forget(self) -> None:
        """Drop the least important and oldest accounts above the limit, except those in use."""
        surplus = len(self._accounts) - self._remembered
        if surplus <= 0:
            return
        now = self._clock()
        for account in self._accounts.values():
            account.recover(self.budget, now)
        idle = [name for name, account in self._accounts.items() if not account.running]
        idle.sort(key=lambda name: self._accounts[name].worth(self.budget))
        # Drop a few more than needed, so that not every new account requires looking at all others.
        for name in idle[: surplus + self._remembered // 16]:
            del self._accounts[name]
