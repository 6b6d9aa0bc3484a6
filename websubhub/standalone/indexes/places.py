"""Deciding which requests of unsubscribed pairs find a place, and which ones give way to them."""

from collections.abc import Mapping

from websubhub.standalone.indexes.pending import KeptVerification, Pending
from websubhub.standalone.ports import HostFullError, HubFullError, SubscriptionLimits


def check_limits(
    held: Mapping[str, int], subscriptions: int, pending: Pending, host: str, limits: SubscriptionLimits
) -> None:
    """Check that there would not be too many subscriptions if all pending requests and a new one were confirmed.

    Args:
        held: How many subscriptions each host has.
        subscriptions: How many subscriptions there are.
        pending: The pending verifications.
        host: The host of the new request's callback.
        limits: How many subscriptions there may be.

    Raises:
        HostFullError, HubFullError: There would be too many.
    """
    if held.get(host, 0) + pending.strangers[host] >= limits.per_host:
        raise HostFullError(f"{host} has {limits.per_host} subscriptions.")
    if subscriptions + pending.all_strangers() >= limits.in_all:
        raise HubFullError(f"There are {limits.in_all} subscriptions.")


def find_place(pending: Pending, own: str, places: int, now: float) -> tuple[bool, KeptVerification | None]:
    """Return whether there is a place for a request of a new pair, and the request that gives way to it, if any.

    Args:
        pending: The pending verifications.
        own: The host of the callback.
        places: How many requests of new pairs may be pending.
        now: The time.
    """
    strangers = pending.strangers
    if strangers[own] < places - pending.all_strangers():
        return True, None
    # A request that is waiting for another attempt is not in progress, so no subscriber is confirming it now.
    waiting = pending.waiting_strangers(now)
    greediest = max((kept.host for kept in waiting), key=strangers.__getitem__, default="")
    # The host with the most requests gives way, even to itself.
    if strangers[greediest] <= strangers[own] - (greediest == own):
        return False, None
    candidates = [kept for kept in waiting if kept.host == greediest]
    victim = min(candidates, key=lambda kept: (-kept.value.attempts, kept.value.due_at), default=None)
    return victim is not None, victim
