"""The errors that a subscriber's hooks return or raise, and that the subscription client raises.

::

    WebSubError
    ├── SubscriptionVerificationError     404
    ├── UnsubscriptionVerificationError   404
    ├── SubscriptionDeletedError          410: no more deliveries for this subscription
    └── SubscriptionInitiationError       the hub refused a request; ``status`` is that of its response, or 0
        ├── DeniedError                   the hub accepted the request and denied it later
        └── InsecureSecretError           nothing was sent, since the secret would have been readable
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
    """The subscription has ended. The hub is told to stop delivering (W3C 7)."""

    status = 410


class AnsweredError(SubscriptionDeletedError):
    """Another program answered a delivery with an error. The subscription ends only if that is a 410."""


class SubscriptionInitiationError(WebSubError):
    """The hub refused a request. ``status`` is that of its response, or 0 if there was none."""

    status = 0


class DeniedError(SubscriptionInitiationError):
    """The hub accepted the request, and denied the subscription later (W3C 5.2)."""


class InsecureSecretError(SubscriptionInitiationError):
    """The secret was not sent over plain http to another machine, since that is not allowed (W3C 5.1)."""
