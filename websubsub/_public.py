"""The names that users import."""

from _websub.grammar.media import ContentError
from _websub.limits import EdgeLimits, EdgeLoad
from _websub.outcome import WebSubError
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
from websubsub._state.state import State, StateStore, Subscription
from websubsub._subscription_client import SubscriptionClient

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

for _name in __all__:
    if globals()[_name].__module__.startswith("websubsub."):
        globals()[_name].__module__ = "websubsub"
