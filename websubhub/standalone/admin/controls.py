"""The controls of a running hub: what operations act through, besides its store."""

from collections.abc import Awaitable, Callable

import attrs

from websubhub import ContentDistributor, Subscription, VerificationBudget

Deny = Callable[[Subscription, str], Awaitable[None]]


@attrs.frozen(kw_only=True)
class Controls:
    """The controls of a running hub.

    Args:
        hub: The hub's public URL.
        deny: Notifies a subscriber that its subscription has ended.
        announced: Called when a topic is to be fetched.
        accepted: Called when a request is to be verified.
        verifications: The budgets of callbacks' hosts.
        distributor: Sends test deliveries.
        clock: Returns the time, in seconds since 1970.
    """

    hub: str
    deny: Deny
    announced: Callable[[], None]
    accepted: Callable[[], None]
    verifications: VerificationBudget
    distributor: ContentDistributor
    clock: Callable[[], float]
