"""The controls of a running hub: everything that operations use besides the store."""

from collections.abc import Awaitable, Callable

import attrs

from websubhub import ContentDistributor, Subscription, VerificationBudget
from websubhub.standalone.hub.given_up import GivenUpVerifications
from websubhub.standalone.hub.last_fetches import LastFetches

Deny = Callable[[Subscription, str], Awaitable[None]]


@attrs.frozen(kw_only=True)
class Controls:
    """The controls of a running hub.

    Args:
        hub: The hub's public URL.
        deny: Notifies a subscriber that its subscription has ended.
        announced: Called when a topic should be fetched.
        accepted: Called when a request should be verified.
        verifications: The budgets of the hosts of callbacks.
        distributor: Sends test deliveries.
        clock: Returns the time, in seconds since 1970.
        given_up: The verifications that the hub gave up on.
        fetches: The last fetches of topics.
    """

    hub: str
    deny: Deny
    announced: Callable[[], None]
    accepted: Callable[[], None]
    verifications: VerificationBudget
    distributor: ContentDistributor
    clock: Callable[[], float]
    given_up: GivenUpVerifications = attrs.field(factory=GivenUpVerifications)
    fetches: LastFetches = attrs.field(factory=LastFetches)
