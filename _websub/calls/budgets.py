"""Budgets of hosts: how many exchanges at once and per minute, and how many bytes.

Strangers decide which hosts a hub calls, so budgets protect the victims. There is one for each host, however many URLs,
ports and subscriptions lead there, and one for each address, however many names lead there. Exchanges that a host
confirms it wanted are free. A stranger can also name many hosts, so failing hosts share half of all places, and failing
and unproven hosts together share three quarters.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from _websub.calls.accounts import CROWDED_SECONDS, Accounts, AccountState, Budget
from _websub.grammar.addresses import address_block

__all__ = ["AccountState", "Budget", "Budgets", "Spending"]

# A context variable, since the code between an exchange and its connections cannot pass the exchange on.
_current: ContextVar["Spending | None"] = ContextVar("_current", default=None)


class Budgets:
    """The accounts of all hosts and of their addresses.

    Args:
        budget: The limits of each host.
        clock: Returns the time in seconds, and never goes back.
        addresses: The limits of each address, or /64 network of IPv6. By default, those of a host.
        places: How many exchanges may be in progress in total. At most half of them may be with hosts whose last
            exchange failed, and three quarters with those and with hosts that wanted nothing within the last hour.
        remembered: How many accounts of hosts to keep, and how many of addresses.

    Attributes:
        places: How many exchanges may be in progress in total.
        for_strangers: How many of them may be with hosts that wanted nothing within the last hour.
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
        self.places = self._free = places
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
        """Whether no strangers can be called: hosts that wanted nothing within the last hour."""
        return self.is_full or self._free_for_unproven < 1

    def proven(self, host: str) -> bool:
        """Return whether a host wanted something within the last hour, and so is not a stranger."""
        return self._hosts.proven(host)

    def wait(self, host: str) -> float:
        """Return the seconds until an exchange may begin: 0 for now, infinity if another one must end first."""
        if self.is_full:
            return math.inf
        wait = self._hosts.wait(host)
        crowded = self._is_crowded(self._hosts, host) or (self._free_for_unproven < 1 and not self._hosts.proven(host))
        return max(wait, CROWDED_SECONDS) if crowded else wait

    def begin(self, host: str) -> "Spending | None":
        """Begin an exchange and return it, or None if the budget does not allow it now.

        Call its ``end`` or ``cancel`` afterwards.
        """
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
        self._free_place(spending)
        paused = self._hosts.end(spending.host, wanted=wanted, size=size, failed=failed)
        for block in spending.blocks:
            paused |= self._addresses.end(block, wanted=wanted, size=size, failed=failed)
        return paused

    def _cancel(self, spending: "Spending") -> None:
        self._free_place(spending)
        self._hosts.cancel(spending.host)
        for block in spending.blocks:
            self._addresses.cancel(block)

    def resume(self, name: str) -> bool:
        """End the pause of a host, an address or a network. Return whether it was paused."""
        host, address = self._hosts.resume(name), self._addresses.resume(name)  # a host may be an address
        return host or address

    def states(self) -> list[AccountState]:
        """Return the states of the hosts and addresses that are paused, failing or busy."""
        states = {state.name: state for state in [*self._addresses.states(), *self._hosts.states()]}
        return list(states.values())

    def _is_crowded(self, accounts: Accounts, name: str) -> bool:
        return self._free_for_failing < 1 and accounts.failing(name)

    def _crowd(self, spending: "Spending", accounts: Accounts, name: str) -> None:
        if not spending.crowds and accounts.failing(name):
            spending.crowds = True
            self._free_for_failing -= 1

    def _free_place(self, spending: "Spending") -> None:
        self._free += 1
        self._free_for_failing += spending.crowds
        self._free_for_unproven += spending.unproven


class Spending:
    """One exchange in progress, charged to the accounts of its host and its addresses.

    Args:
        budgets: The accounts.
        host: Its host.

    Attributes:
        host: Its host.
        blocks: The addresses, or /64 networks, that are charged.
        crowds: Whether it takes one of the places for failing hosts.
        unproven: Whether it takes one of the places for unproven hosts.
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
        """Charge this exchange to the addresses that the ``with`` block connects to."""
        token = _current.set(self)
        try:
            yield
        finally:
            _current.reset(token)

    @staticmethod
    def current() -> "Spending | None":
        """Return the exchange that new connections belong to, or None."""
        return _current.get()

    def reach(self, address: str) -> float:
        """Charge an address before connecting to it. Return 0 if that is allowed now, or the seconds until it is."""
        return self._budgets._reach(self, address_block(address))  # noqa: SLF001 - both classes are one unit

    def end(self, *, wanted: bool, size: int = 0, failed: bool = True) -> bool:
        """End the exchange.

        Args:
            wanted: Whether the host showed that it wanted the exchange, which makes it free.
            size: How many bytes the host sent.
            failed: Whether an unwanted exchange counts as a failure of the host.

        Returns:
            Whether the host, or one of the addresses, is paused from now on.
        """
        return self._budgets._end(self, wanted=wanted, size=size, failed=failed)  # noqa: SLF001

    def cancel(self) -> None:
        """Undo an exchange that did not take place. It costs nothing and proves nothing."""
        self._budgets._cancel(self)  # noqa: SLF001
