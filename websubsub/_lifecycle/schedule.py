"""Pure decisions: when to renew, when to try again, and the order of hubs."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from _websub.grammar.addresses import is_loopback_host
from _websub.grammar.urls import host_of, is_https
from websubsub._discovery.discovery import prefer_https

_RENEW_AFTER = 2 / 3
_JITTER = 0.1
_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 300.0
_VERIFICATION_SECONDS = 60.0
_FIRST_DENIAL = 3_600.0
_LONGEST_DENIAL = 86_400.0
_PASSING = frozenset({408, 425, 429})


def renewal_time(verified_at: float, expires_at: float, chance: float) -> float:
    """Return when to renew: after two thirds of the lease, 10 percent sooner or later (W3C 5.3.1).

    Args:
        verified_at: When the lease began, in seconds since 1970.
        expires_at: When it ends, in seconds since 1970.
        chance: A random number from 0 to 1.
    """
    return verified_at + (expires_at - verified_at) * _RENEW_AFTER * (1 + _JITTER * (2 * chance - 1))


def pause_after(failures: int, lease: float | None, chance: float) -> float:
    """Return how many seconds to wait after failures in a row: longer each time, up to five minutes.

    Args:
        failures: The number of failures.
        lease: The lease at stake, in seconds. A short one needs shorter waits.
        chance: A random number from 0 to 1.
    """
    first = _FIRST_PAUSE if lease is None else min(_FIRST_PAUSE, lease / 10)
    pause: float = min(_LONGEST_PAUSE, first * 2.0 ** min(failures - 1, 20))
    return pause * (0.5 + chance / 2)


def verification_limit(lease: float | None) -> float:
    """Return how many seconds to wait for a hub's verification.

    Args:
        lease: The lease to renew, in seconds.
    """
    return _VERIFICATION_SECONDS if lease is None else max(1.0, min(_VERIFICATION_SECONDS, lease / 3))


def pause_after_denials(denials: int, chance: float) -> float:
    """Return how many seconds to wait after a hub denied a renewal: an hour, then longer, up to a day.

    Args:
        denials: The number of denials in a row.
        chance: A random number from 0 to 1.
    """
    pause: float = min(_LONGEST_DENIAL, _FIRST_DENIAL * 2.0 ** min(denials - 1, 20))
    return pause * (1 + _JITTER * (2 * chance - 1))


def hubs_to_ask(hubs: Sequence[str], current: str | None) -> tuple[str, ...]:
    """Return the hubs in the order in which to try them (W3C 4, 8.2).

    The current hub comes first if it is still listed, then those with https, then the others. A hub that is advertised
    with http is tried with https first.
    """
    candidates = dict.fromkeys(each for hub in prefer_https(hubs) for each in _with_https(hub))
    if current in candidates:
        candidates = {current: None, **candidates}
    return tuple(candidates)


def is_passing(status: int) -> bool:
    """Return whether a status is temporary, so that another attempt may succeed. 0 means no response."""
    return status // 100 not in {3, 4} or status in _PASSING


def _with_https(hub: str) -> tuple[str, ...]:
    # A port belongs to one scheme, and on loopback nobody can eavesdrop.
    if is_https(hub) or urlsplit(hub).port is not None or is_loopback_host(host_of(hub)):
        return (hub,)
    return ("https" + hub[len("http") :], hub)
