"""Write a WebSub hub as a class with hooks, publish to one, and deliver to its subscribers."""

from _websub import __version__ as __version__

TYPE_CHECKING = False  # type checkers know the name; importing typing costs more than the start of the program
if TYPE_CHECKING:
    from _websub.asgi.closed import ClosedApplication
    from _websub.asgi.edge import AsgiEdge
    from _websub.asgi.origins import refusal_on_loopback
    from _websub.asgi.paths import Paths
    from _websub.asgi.refusals import Refusals
    from _websub.calls.budgets import AccountState, Budget, Budgets, Spending
    from _websub.errors import WebSubError
    from _websub.grammar.addresses import is_loopback_host, is_loopback_url
    from _websub.grammar.content import Payload
    from _websub.grammar.hosts import authority_of, canonical_authority, host_of
    from _websub.grammar.media import ContentError
    from _websub.grammar.numbers import whole_number
    from _websub.grammar.retry_after import retry_after_seconds
    from _websub.grammar.urls import UrlError, check_url, url_identity
    from _websub.grammar.vocabulary import SignatureMethod
    from _websub.headers import Headers
    from _websub.http import Answer, Request, Response
    from _websub.limits import EdgeLimits, EdgeLoad
    from _websub.outcome import Success
    from _websub.server.listening import AppListener
    from _websub.server.serving import Binding
    from _websub.server.serving import run as run_app
    from _websub.server.serving import serve as serve_app
    from websubhub._advertisement import Advertiser, feed_links, html_links, link_header
    from websubhub._application import HubApplication, asgi, run, serve
    from websubhub._clients.hub_client import HubClient
    from websubhub._clients.publisher_client import PublisherClient
    from websubhub._clients.retry import RetryPolicy
    from websubhub._clients.topic_client import TopicClient
    from websubhub._clients.topic_content import TopicContent, TopicHead
    from websubhub._config import HubConfig
    from websubhub._dispatch.intent import IntentVerification, VerificationAttempt
    from websubhub._dispatch.verification_budget import VerificationBudget
    from websubhub._distribution.delivery import Delivery, SharedContent
    from websubhub._distribution.distributor import ContentDistributor, Recipient
    from websubhub._distribution.limits import EngineLimits
    from websubhub._distribution.outcome import DeliveryFailure, DeliveryOutcome
    from websubhub._errors import (
        BadSubscriptionError,
        BadUnsubscriptionError,
        ContentDeliveryError,
        IntentVerificationError,
        InternalSubscriptionError,
        InternalUnsubscriptionError,
        RequestPostponedError,
        SubscriptionDeletedError,
        SubscriptionDeniedError,
        TopicDeregistrationError,
        TopicFetchError,
        TopicRegistrationError,
        UnsubscriptionDeniedError,
        UpdateMessageError,
    )
    from websubhub._feed_diff import FeedEntry, feed_entries, feed_entries_in_steps, without_entries
    from websubhub._listener import HubListener
    from websubhub._messages import (
        Acknowledgement,
        ContentDistributionMessage,
        ContentDistributionSuccess,
        MessageType,
        TopicDeregistration,
        TopicDeregistrationSuccess,
        TopicRegistration,
        TopicRegistrationSuccess,
        UpdateMessage,
    )
    from websubhub._service import HubService
    from websubhub._subscriptions import (
        Subscription,
        SubscriptionAccepted,
        SubscriptionPermanentRedirect,
        SubscriptionTemporaryRedirect,
        Unsubscription,
        UnsubscriptionAccepted,
        VerifiedSubscription,
        VerifiedUnsubscription,
    )
else:
    from _websub.lazy import lazily as _lazily
    from _websub.namesake import warn_of_foreign_subscriber as _warn_of_foreign_subscriber

    _warn_of_foreign_subscriber()

    __getattr__, __dir__ = _lazily(
        globals(),
        {
            "_websub.asgi.closed": "ClosedApplication",
            "_websub.asgi.edge": "AsgiEdge",
            "_websub.asgi.origins": "refusal_on_loopback",
            "_websub.asgi.paths": "Paths",
            "_websub.asgi.refusals": "Refusals",
            "_websub.calls.budgets": "AccountState Budget Budgets Spending",
            "_websub.errors": "WebSubError",
            "_websub.grammar.addresses": "is_loopback_host is_loopback_url",
            "_websub.grammar.content": "Payload",
            "_websub.grammar.hosts": "authority_of canonical_authority host_of",
            "_websub.grammar.media": "ContentError",
            "_websub.grammar.numbers": "whole_number",
            "_websub.grammar.retry_after": "retry_after_seconds",
            "_websub.grammar.urls": "UrlError check_url url_identity",
            "_websub.grammar.vocabulary": "SignatureMethod",
            "_websub.headers": "Headers",
            "_websub.http": "Answer Request Response",
            "_websub.limits": "EdgeLimits EdgeLoad",
            "_websub.outcome": "Success",
            "_websub.server.listening": "AppListener",
            "_websub.server.serving": "Binding run_app=run serve_app=serve",
            "websubhub._advertisement": "Advertiser feed_links html_links link_header",
            "websubhub._application": "HubApplication asgi run serve",
            "websubhub._clients.hub_client": "HubClient",
            "websubhub._clients.publisher_client": "PublisherClient",
            "websubhub._clients.retry": "RetryPolicy",
            "websubhub._clients.topic_client": "TopicClient",
            "websubhub._clients.topic_content": "TopicContent TopicHead",
            "websubhub._config": "HubConfig",
            "websubhub._dispatch.verification_budget": "VerificationBudget",
            "websubhub._distribution.delivery": "Delivery SharedContent",
            "websubhub._distribution.distributor": "ContentDistributor Recipient",
            "websubhub._distribution.limits": "EngineLimits",
            "websubhub._distribution.outcome": "DeliveryFailure DeliveryOutcome",
            "websubhub._errors": (
                "BadSubscriptionError BadUnsubscriptionError ContentDeliveryError IntentVerificationError "
                "InternalSubscriptionError InternalUnsubscriptionError RequestPostponedError "
                "SubscriptionDeletedError SubscriptionDeniedError TopicDeregistrationError TopicFetchError "
                "TopicRegistrationError UnsubscriptionDeniedError UpdateMessageError"
            ),
            "websubhub._feed_diff": "FeedEntry feed_entries feed_entries_in_steps without_entries",
            "websubhub._dispatch.intent": "IntentVerification VerificationAttempt",
            "websubhub._listener": "HubListener",
            "websubhub._messages": (
                "Acknowledgement ContentDistributionMessage ContentDistributionSuccess MessageType "
                "TopicDeregistration TopicDeregistrationSuccess TopicRegistration TopicRegistrationSuccess "
                "UpdateMessage"
            ),
            "websubhub._service": "HubService",
            "websubhub._subscriptions": (
                "Subscription SubscriptionAccepted SubscriptionPermanentRedirect SubscriptionTemporaryRedirect "
                "Unsubscription UnsubscriptionAccepted VerifiedSubscription VerifiedUnsubscription"
            ),
        },
    )

del TYPE_CHECKING

__all__ = [
    "AccountState",
    "Acknowledgement",
    "Advertiser",
    "Answer",
    "AppListener",
    "AsgiEdge",
    "BadSubscriptionError",
    "BadUnsubscriptionError",
    "Binding",
    "Budget",
    "Budgets",
    "ClosedApplication",
    "ContentDeliveryError",
    "ContentDistributionMessage",
    "ContentDistributionSuccess",
    "ContentDistributor",
    "ContentError",
    "Delivery",
    "DeliveryFailure",
    "DeliveryOutcome",
    "EdgeLimits",
    "EdgeLoad",
    "EngineLimits",
    "FeedEntry",
    "Headers",
    "HubApplication",
    "HubClient",
    "HubConfig",
    "HubListener",
    "HubService",
    "IntentVerification",
    "IntentVerificationError",
    "InternalSubscriptionError",
    "InternalUnsubscriptionError",
    "MessageType",
    "Paths",
    "Payload",
    "PublisherClient",
    "Recipient",
    "Refusals",
    "Request",
    "RequestPostponedError",
    "Response",
    "RetryPolicy",
    "SharedContent",
    "SignatureMethod",
    "Spending",
    "Subscription",
    "SubscriptionAccepted",
    "SubscriptionDeletedError",
    "SubscriptionDeniedError",
    "SubscriptionPermanentRedirect",
    "SubscriptionTemporaryRedirect",
    "Success",
    "TopicClient",
    "TopicContent",
    "TopicDeregistration",
    "TopicDeregistrationError",
    "TopicDeregistrationSuccess",
    "TopicFetchError",
    "TopicHead",
    "TopicRegistration",
    "TopicRegistrationError",
    "TopicRegistrationSuccess",
    "Unsubscription",
    "UnsubscriptionAccepted",
    "UnsubscriptionDeniedError",
    "UpdateMessage",
    "UpdateMessageError",
    "UrlError",
    "VerificationAttempt",
    "VerificationBudget",
    "VerifiedSubscription",
    "VerifiedUnsubscription",
    "WebSubError",
    "asgi",
    "authority_of",
    "canonical_authority",
    "check_url",
    "feed_entries",
    "feed_entries_in_steps",
    "feed_links",
    "host_of",
    "html_links",
    "is_loopback_host",
    "is_loopback_url",
    "link_header",
    "refusal_on_loopback",
    "retry_after_seconds",
    "run",
    "run_app",
    "serve",
    "serve_app",
    "url_identity",
    "whole_number",
    "without_entries",
]
