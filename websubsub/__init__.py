"""Subscribe to topics of the web: write a class with a hook for the content that hubs deliver."""

import importlib as _importlib

TYPE_CHECKING = False  # as type checkers know it; that of typing costs more than the start of the program
if TYPE_CHECKING:
    from websubsub._public import (
        Acknowledgement,
        CallbackPolicy,
        ContentDistributionMessage,
        ContentError,
        Discovery,
        DiscoveryClient,
        DiscoveryError,
        DiscoveryOptions,
        DiscoverySource,
        EdgeLimits,
        EdgeLoad,
        EventKind,
        HubError,
        InsecureSecretError,
        NoHubError,
        NoTopicError,
        State,
        StateStore,
        SubscriberApplication,
        SubscriberConfig,
        SubscriberEvent,
        SubscriberListener,
        SubscriberService,
        Subscription,
        SubscriptionChangeResponse,
        SubscriptionClient,
        SubscriptionDeletedError,
        SubscriptionDenied,
        SubscriptionInitiationError,
        SubscriptionVerification,
        SubscriptionVerificationError,
        SubscriptionVerificationSuccess,
        Target,
        UnsubscriptionVerification,
        UnsubscriptionVerificationError,
        UnsubscriptionVerificationSuccess,
        WebSubError,
        asgi,
        run,
        serve,
    )

del TYPE_CHECKING

__all__ = [  # noqa: RUF022 - in the order of a dictionary, as the documentation lists them
    "Acknowledgement",
    "asgi",
    "CallbackPolicy",
    "ContentDistributionMessage",
    "ContentError",
    "Discovery",
    "DiscoveryClient",
    "DiscoveryError",
    "DiscoveryOptions",
    "DiscoverySource",
    "EdgeLimits",
    "EdgeLoad",
    "EventKind",
    "HubError",
    "InsecureSecretError",
    "NoHubError",
    "NoTopicError",
    "run",
    "serve",
    "State",
    "StateStore",
    "SubscriberApplication",
    "SubscriberConfig",
    "SubscriberEvent",
    "SubscriberListener",
    "SubscriberService",
    "Subscription",
    "SubscriptionChangeResponse",
    "SubscriptionClient",
    "SubscriptionDeletedError",
    "SubscriptionDenied",
    "SubscriptionInitiationError",
    "SubscriptionVerification",
    "SubscriptionVerificationError",
    "SubscriptionVerificationSuccess",
    "Target",
    "UnsubscriptionVerification",
    "UnsubscriptionVerificationError",
    "UnsubscriptionVerificationSuccess",
    "WebSubError",
]


def __getattr__(name: str) -> object:
    """Load everything when the first public name is asked for, so that help and ``--version`` need not wait for it."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    public = _importlib.import_module("websubsub._public")
    for each in __all__:
        globals()[each] = getattr(public, each)
    return globals()[name]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
