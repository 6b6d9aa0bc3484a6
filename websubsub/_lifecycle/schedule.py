"""When to renew, when to try again, and in which order hubs are asked: pure decisions."""

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
    """When to renew: after two thirds of the lease, 10 percent sooner or later (W3C 5.3.1).

    Args:
        verified_at: When the lease began, in seconds since 1970.
        expires_at: When it ends.
        chance: A random number from 0 to 1.
    """
    return verified_at + (expires_at - verified_at) * _RENEW_AFTER * (1 + _JITTER * (2 * chance - 1))


def pause_after(failures: int, lease: float | None, chance: float) -> float:
    """How long to wait after failures in a row, in seconds: longer each time, never longer than five minutes.

    Args:
        failures: How many there were.
        lease: The lease that is at stake, in seconds: a short one is worth more hurry.
        chance: A random number from 0 to 1.
    """
    first = _FIRST_PAUSE if lease is None else min(_FIRST_PAUSE, lease / 10)
    pause: float = min(_LONGEST_PAUSE, first * 2.0 ** min(failures - 1, 20))
    return pause * (0.5 + chance / 2)


def verification_limit(lease: float | None) -> float:
    """How long to wait for a hub to verify, in seconds.

    Args:
        lease: The lease that is to be renewed, in seconds.
    """
    return _VERIFICATION_SECONDS if lease is None else max(1.0, min(_VERIFICATION_SECONDS, lease / 3))


def pause_after_denials(denials: int, chance: float) -> float:
    """How long to wait until a hub that denied a renewal is asked again, in seconds: an hour, up to a day.

    Args:
        denials: How many there were in a row.
        chance: A random number from 0 to 1.
    """
    pause: float = min(_LONGEST_DENIAL, _FIRST_DENIAL * 2.0 ** min(denials - 1, 20))
    return pause * (1 + _JITTER * (2 * chance - 1))


def hubs_to_ask(hubs: Sequence[str], current: str | None) -> tuple[str, ...]:
    """The hubs in the order in which they are asked until one takes a request (W3C 4, 8.2).

    The current one comes first if it still is one, then those with https, then the others. A hub that is advertised
    with http is asked with https before.
    """
    candidates = dict.fromkeys(each for hub in prefer_https(hubs) for each in _with_https(hub))
    if current in candidates:
        candidates = {current: None, **candidates}
    return tuple(candidates)


def is_passing(status: int) -> bool:
    """Whether what a server answered may be another answer soon; 0 is no answer."""
    return status // 100 not in {3, 4} or status in _PASSING


def _with_https(hub: str) -> tuple[str, ...]:
    # A port belongs to its scheme, and on this machine nobody listens in.
    if is_https(hub) or urlsplit(hub).port is not None or is_loopback_host(host_of(hub)):
        return (hub,)
    return ("https" + hub[len("http") :], hub)
