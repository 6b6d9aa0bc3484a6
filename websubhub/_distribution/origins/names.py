"""Addresses of host names: looked up in threads of our own, checked, and remembered for a while."""

import socket
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from ipaddress import ip_address
from time import monotonic

import attrs

from _websub.calls.lookups import Lane
from _websub.grammar.addresses import AddressPolicy
from websubhub._distribution.outcome import DeliveryFailure, is_out_of_descriptors

#: Returns the addresses of a host name as text, or raises ``OSError`` or ``UnicodeError``. It runs in a thread.
Resolve = Callable[[str], Sequence[str]]

_KEPT_SECONDS = 60.0
_FAILURE_KEPT_SECONDS = 30.0
_ADDRESSES = 16


def resolve(host: str) -> Sequence[str]:
    """Return the addresses of a host from the system's resolver, in the order in which they should be tried."""
    return [str(entry[4][0]) for entry in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]


@attrs.frozen(kw_only=True)
class Resolution:
    """The result of a name lookup, valid until ``expires``: the addresses, or why there are none."""

    host: str
    addresses: tuple[str, ...] = ()
    failure: DeliveryFailure | None = None
    detail: str = ""
    expires: float = 0.0


class NameResolver:
    """Looks up names without ever waiting: ``known`` answers at once, ``ask`` starts a lookup, ``answers`` collects.

    One thread in four only takes names that were found before. So dead names can use up the others, and still do not
    delay any subscriber that was reached before.

    Args:
        policy: The addresses that may be called. A name with a single address that is not permitted is refused.
        threads: How many names are looked up at a time.
        notify: Called in a thread when there are answers to collect.
        look_up: The resolver. The default is the system's.
        remembered: How many names are remembered.
    """

    def __init__(
        self,
        policy: AddressPolicy,
        threads: int,
        notify: Callable[[], None],
        look_up: Resolve = resolve,
        remembered: int = 10_000,
    ) -> None:
        self._policy = policy
        self._notify = notify
        self._look_up = look_up
        self._remembered = remembered
        self._known: dict[str, Resolution] = {}
        self._answers: deque[Resolution] = deque()
        reserved = threads // 4
        self._strangers = Lane(threads - reserved)
        self._acquaintances = Lane(reserved) if reserved else self._strangers

    def known(self, host: str, now: float) -> Resolution | None:
        """Return the addresses of a host, if they are known or need no lookup."""
        found = self._known.get(host)
        if found is not None and found.expires > now:
            return found
        try:
            literal = str(ip_address(host))
        except ValueError:
            return None
        return self._remember(self._check(host, [literal]))

    def ask(self, host: str) -> Resolution | None:
        """Start looking up a name. Return a failure at once if too many names are already waiting."""
        before = self._known.get(host)
        met = before is not None and before.failure is None
        lane = self._acquaintances if met else self._strangers
        if lane.put(host, partial(self._work, host)):
            return None
        return _unresolved(host, "Too many names are being looked up.")

    def answers(self) -> list[Resolution]:
        """Return the lookups that have ended since the last call."""
        found = []
        while self._answers:
            found.append(self._remember(self._answers.popleft()))
        return found

    def give_up(self, host: str) -> Resolution:
        """Stop waiting for a name. The failure is remembered like any other, and a late answer replaces it."""
        return self._remember(_unresolved(host, "The name server did not answer in time."))

    def close(self) -> None:
        """Start no more lookups. Those in progress end in their threads, without a notification."""
        self._notify = _nobody
        self._strangers.close()
        self._acquaintances.close()

    def _remember(self, resolution: Resolution) -> Resolution:
        known = self._known
        known.pop(resolution.host, None)
        if len(known) >= self._remembered:
            del known[next(iter(known))]
        known[resolution.host] = resolution
        return resolution

    def _work(self, host: str) -> None:
        try:
            resolution = self._check(host, self._look_up(host))
        except (OSError, UnicodeError) as error:
            words = error.strerror if isinstance(error, OSError) else None
            resolution = _unresolved(host, f"{words or 'The name is not a host name'}.")
            if isinstance(error, OSError) and is_out_of_descriptors(error):  # which says nothing about the name
                resolution = attrs.evolve(resolution, failure=DeliveryFailure.NO_DESCRIPTOR, expires=monotonic())
        except Exception as error:  # noqa: BLE001 - deliveries wait for the answer, whatever the resolver does
            resolution = _unresolved(host, f"The resolver failed: {type(error).__name__}.")
        self._answers.append(resolution)
        self._notify()

    def _check(self, host: str, addresses: Sequence[str]) -> Resolution:
        if not addresses:
            return _unresolved(host, "The name has no address.")
        if not all("%" not in address and self._policy.permits(address) for address in addresses):
            return Resolution(
                host=host,
                failure=DeliveryFailure.REFUSED_ADDRESS,
                detail="The host has an address that must not be called.",
                expires=monotonic() + _FAILURE_KEPT_SECONDS,
            )
        distinct = tuple(dict.fromkeys(addresses))[:_ADDRESSES]
        return Resolution(host=host, addresses=distinct, expires=monotonic() + _KEPT_SECONDS)


def _nobody() -> None:
    """Do nothing."""


def _unresolved(host: str, detail: str) -> Resolution:
    return Resolution(
        host=host,
        failure=DeliveryFailure.UNRESOLVED_NAME,
        detail=detail,
        expires=monotonic() + _FAILURE_KEPT_SECONDS,
    )
