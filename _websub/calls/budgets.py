"""What one host may be made to take: how many exchanges at once and in a minute, and how many bytes.

A stranger decides whom a hub calls, so the budget is the victim's: it is kept for each host, however many URLs, ports
and subscriptions lead there, and for each address, however many names lead there. What a host confirms that it wanted
costs nothing of it. And as one stranger can name many hosts, those that fail share half of all places, and with those
that nothing good is known of they share three quarters.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from _websub.calls.accounts import CROWDED_SECONDS, Accounts, AccountState, Budget
from _websub.grammar.addresses import address_block

__all__ = ["AccountState", "Budget", "Budgets", "Spending"]

# What lies between an exchange and its connections has no place for it.
_current: ContextVar["Spending | None"] = ContextVar("_current", default=None)


class Budgets:
    """The accounts of all hosts, and of the addresses that they lead to.

    Args:
        budget: The bounds for each host.
        clock: Seconds that only grow.
        addresses: The bounds for each address, and with IPv6 for each network of the size /64; those of a host unless
            given.
        places: How many exchanges may be under way with all hosts; half of them with those that failed last, three
            quarters with those and with hosts that wanted nothing within the last hour.
        remembered: How many accounts of hosts are kept, and how many of addresses.

    Attributes:
        for_strangers: How many exchanges may be under way with hosts that wanted nothing within the last hour.
    """

    def __init__(
        self,
        budget: Budget,
        clock: Callable[[], float],
        *,
        addresses: Budget | None = None,
        places: float = math.inf,
        remembered: int = 20_000,
    ) -> None:
        self._hosts = Accounts(budget, clock, remembered)
        self._addresses = Accounts(addresses or budget, clock, remembered)
        self._free = places
        self._free_for_failing = places / 2
        self.for_strangers = self._free_for_unproven = places * 3 / 4

    def __len__(self) -> int:
        return max(len(self._hosts), len(self._addresses))

    @property
    def is_full(self) -> bool:
        """Whether all places are taken, so that no host can be called."""
        return self._free < 1

    @property
    def is_full_for_strangers(self) -> bool:
        """Whether no host can be called but one that wanted something within the last hour."""
        return self.is_full or self._free_for_unproven < 1

    def proven(self, host: str) -> bool:
        """Return whether a host wanted something within the last hour, so that it is no stranger."""
        return self._hosts.proven(host)

    def wait(self, host: str) -> float:
        """Return how many seconds from now an exchange may begin: 0 at once, infinity when another must end first."""
        if self.is_full:
            return math.inf
        wait = self._hosts.wait(host)
        crowded = self._is_crowded(self._hosts, host) or (self._free_for_unproven < 1 and not self._hosts.proven(host))
        return max(wait, CROWDED_SECONDS) if crowded else wait

    def begin(self, host: str) -> "Spending | None":
        """Begin an exchange if the budget allows it now, and return it; its ``end`` or ``cancel`` must follow."""
        if self.wait(host) > 0:
            return None
        spending = Spending(self, host)
        self._free -= 1
        spending.unproven = not self._hosts.proven(host)
        self._free_for_unproven -= spending.unproven
        self._crowd(spending, self._hosts, host)
        self._hosts.begin(host)
        return spending

    def _reach(self, spending: "Spending", block: str) -> float:
        addresses = self._addresses
        if block in spending.blocks:
            return 0.0
        if addresses.wait(block):
            return addresses.stand_in_line(block)
        if not spending.crowds and self._is_crowded(addresses, block):
            return CROWDED_SECONDS
        self._crowd(spending, addresses, block)
        addresses.begin(block)
        spending.blocks.append(block)
        return 0.0

    def _end(self, spending: "Spending", *, wanted: bool, size: int, failed: bool) -> bool:
        self._give_place_back(spending)
        paused = self._hosts.end(spending.host, wanted=wanted, size=size, failed=failed)
        for block in spending.blocks:
            paused |= self._addresses.end(block, wanted=wanted, size=size, failed=failed)
        return paused

    def _cancel(self, spending: "Spending") -> None:
        self._give_place_back(spending)
        self._hosts.cancel(spending.host)
        for block in spending.blocks:
            self._addresses.cancel(block)

    def resume(self, name: str) -> bool:
        """Call a host, an address or a network again that is left alone. Return whether it was."""
        host, address = self._hosts.resume(name), self._addresses.resume(name)  # a host may be an address
        return host or address

    def states(self) -> list[AccountState]:
        """The hosts and addresses that are left alone, that failed last, or that are being called."""
        states = {state.name: state for state in [*self._addresses.states(), *self._hosts.states()]}
        return list(states.values())

    def _is_crowded(self, accounts: Accounts, name: str) -> bool:
        return self._free_for_failing < 1 and accounts.failing(name)

    def _crowd(self, spending: "Spending", accounts: Accounts, name: str) -> None:
        if not spending.crowds and accounts.failing(name):
            spending.crowds = True
            self._free_for_failing -= 1

    def _give_place_back(self, spending: "Spending") -> None:
        self._free += 1
        self._free_for_failing += spending.crowds
        self._free_for_unproven += spending.unproven


class Spending:
    """One exchange under way, on the accounts of its host and of the addresses that it is made to.

    Args:
        budgets: Where the accounts are.
        host: Its host.

    Attributes:
        host: Its host.
        blocks: The addresses that are charged.
        crowds: Whether it takes one of the places for those that failed.
        unproven: Whether it takes one of those for hosts that nothing good is known of.
    """

    __slots__ = ("_budgets", "blocks", "crowds", "host", "unproven")

    def __init__(self, budgets: Budgets, host: str) -> None:
        self._budgets = budgets
        self.host = host
        self.blocks: list[str] = []
        self.crowds = False
        self.unproven = False

    @contextmanager
    def charging(self) -> Iterator[None]:
        """Charge the addresses that are connected to within the block to this exchange."""
        token = _current.set(self)
        try:
            yield
        finally:
            _current.reset(token)

    @staticmethod
    def current() -> "Spending | None":
        """Return the exchange that connections are charged to now, or None."""
        return _current.get()

    def reach(self, address: str) -> float:
        """Charge an address before it is connected to. Return 0 if that may be now, else the seconds until it may."""
        return self._budgets._reach(self, address_block(address))  # noqa: SLF001 - of one mind

    def end(self, *, wanted: bool, size: int = 0, failed: bool = True) -> bool:
        """End the exchange.

        Args:
            wanted: Whether the host showed that it wanted it, so that it costs nothing.
            size: How many bytes the host had to send.
            failed: Whether it is the host's fault that it was not wanted, so that it counts as a failure.

        Returns:
            Whether the host, or an address, is left alone from now on.
        """
        return self._budgets._end(self, wanted=wanted, size=size, failed=failed)  # noqa: SLF001

    def cancel(self) -> None:
        """Take the exchange back: it was not made after all, so that it costs nothing and proves nothing."""
        self._budgets._cancel(self)  # noqa: SLF001
