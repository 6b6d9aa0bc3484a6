"""Subscribe to topics on the web: write a class with a hook for the content that hubs deliver."""

from _websub import __version__ as __version__

TYPE_CHECKING = False  # type checkers know the name; importing typing costs more than the start of the program
if TYPE_CHECKING:
    from _websub.errors import WebSubError
    from _websub.grammar.media import ContentError
    from _websub.grammar.signature import SecretError
    from _websub.grammar.urls import UrlError
    from _websub.limits import EdgeLimits, EdgeLoad
    from websubsub._application import SubscriberApplication, asgi
    from websubsub._config import CallbackPolicy, SubscriberConfig, Target
    from websubsub._discovery.client import DiscoveryClient
    from websubsub._discovery.discovery import (
        Discovery,
        DiscoveryError,
        DiscoveryOptions,
        NoHubError,
        NoTopicError,
    )
    from websubsub._discovery.sniffing import DiscoverySource
    from websubsub._errors import (
        DeniedError,
        InsecureSecretError,
        SubscriptionDeletedError,
        SubscriptionInitiationError,
        SubscriptionVerificationError,
        UnsubscriptionVerificationError,
    )
    from websubsub._events import EventKind, SubscriberEvent
    from websubsub._listener import SubscriberListener
    from websubsub._messages import (
        Acknowledgement,
        ContentDistributionMessage,
        HubError,
        SubscriptionChangeResponse,
        SubscriptionDenied,
        SubscriptionVerification,
        SubscriptionVerificationSuccess,
        UnsubscriptionVerification,
        UnsubscriptionVerificationSuccess,
    )
    from websubsub._service import SubscriberService
    from websubsub._serving import run, serve
    from websubsub._state.file import StateError
    from websubsub._state.state import State, StateStore, Subscription
    from websubsub._subscription_client import SubscriptionClient
else:
    from _websub.lazy import lazily as _lazily

    __getattr__, __dir__ = _lazily(
        globals(),
        {
            "_websub.errors": "WebSubError",
            "_websub.grammar.media": "ContentError",
            "_websub.grammar.signature": "SecretError",
            "_websub.grammar.urls": "UrlError",
            "_websub.limits": "EdgeLimits EdgeLoad",
            "websubsub._application": "SubscriberApplication asgi",
            "websubsub._config": "CallbackPolicy SubscriberConfig Target",
            "websubsub._discovery.client": "DiscoveryClient",
            "websubsub._discovery.discovery": "Discovery DiscoveryError DiscoveryOptions NoHubError NoTopicError",
            "websubsub._discovery.sniffing": "DiscoverySource",
            "websubsub._errors": (
                "DeniedError InsecureSecretError SubscriptionDeletedError SubscriptionInitiationError "
                "SubscriptionVerificationError UnsubscriptionVerificationError"
            ),
            "websubsub._events": "EventKind SubscriberEvent",
            "websubsub._listener": "SubscriberListener",
            "websubsub._messages": (
                "Acknowledgement ContentDistributionMessage HubError SubscriptionChangeResponse "
                "SubscriptionDenied SubscriptionVerification SubscriptionVerificationSuccess "
                "UnsubscriptionVerification UnsubscriptionVerificationSuccess"
            ),
            "websubsub._service": "SubscriberService",
            "websubsub._serving": "run serve",
            "websubsub._state.file": "StateError",
            "websubsub._state.state": "State StateStore Subscription",
            "websubsub._subscription_client": "SubscriptionClient",
        },
    )

del TYPE_CHECKING

__all__ = [  # noqa: RUF022 - in the order of a dictionary, as the documentation lists them
    "Acknowledgement",
    "asgi",
    "CallbackPolicy",
    "ContentDistributionMessage",
    "ContentError",
    "DeniedError",
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
    "SecretError",
    "serve",
    "State",
    "StateError",
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
    "UrlError",
    "WebSubError",
]
