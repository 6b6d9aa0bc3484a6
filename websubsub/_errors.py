"""What a subscriber says no with, and what the subscription client raises.

::

    WebSubError
    ├── SubscriptionVerificationError     404
    ├── UnsubscriptionVerificationError   404
    ├── SubscriptionDeletedError          410: no more deliveries for this subscription
    └── SubscriptionInitiationError       the hub did not take a request; ``status`` is its answer, 0 if there was none
        ├── DeniedError                   the hub took the request and denied it later
        └── InsecureSecretError           nothing was sent, since the secret would be readable on its way
"""

from _websub.outcome import WebSubError

__all__ = ["WebSubError"]


class SubscriptionVerificationError(WebSubError):
    """The subscription is not confirmed (W3C 5.3.1)."""

    status = 404


class UnsubscriptionVerificationError(WebSubError):
    """The unsubscription is not confirmed (W3C 5.3.1)."""

    status = 404


class SubscriptionDeletedError(WebSubError):
    """The subscription is over: the hub is told not to deliver any more (W3C 7)."""

    status = 410


class AnsweredError(SubscriptionDeletedError):
    """What another program answered to a delivery; the subscription is over only if that is 410."""


class SubscriptionInitiationError(WebSubError):
    """The hub did not take a request; ``status`` is its answer, 0 if there was none."""

    status = 0


class DeniedError(SubscriptionInitiationError):
    """The hub took the request and denied the subscription after that (W3C 5.2)."""


class InsecureSecretError(SubscriptionInitiationError):
    """A secret is not sent over plain http to another machine unless that is allowed (W3C 5.1)."""
