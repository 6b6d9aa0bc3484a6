"""Write a WebSub hub as a class with hooks, publish to one, and deliver to its subscribers."""

TYPE_CHECKING = False  # as type checkers know it; that of typing costs more than the start of the program
if TYPE_CHECKING:
    from _websub.addresses import is_loopback_host, is_loopback_url
    from _websub.asgi import AsgiEdge
    from _websub.budgets import AccountState, Budget, Budgets, Spending
    from _websub.closed import ClosedApplication
    from _websub.content import Payload
    from _websub.hosts import authority_of, canonical_authority, host_of
    from _websub.http import Answer, Headers, Request, Response
    from _websub.limits import EdgeLimits, EdgeLoad
    from _websub.listening import AppListener
    from _websub.media import ContentError
    from _websub.numbers import whole_number
    from _websub.origins import refusal_on_loopback
    from _websub.outcome import Success, WebSubError
    from _websub.paths import Paths
    from _websub.refusals import Refusals
    from _websub.retry_after import retry_after_seconds
    from _websub.serving import Binding
    from _websub.serving import run as run_app
    from _websub.serving import serve as serve_app
    from _websub.urls import UrlError, check_url, url_identity
    from _websub.vocabulary import SignatureMethod
    from websubhub._advertisement import Advertiser, feed_links, html_links, link_header
    from websubhub._application import HubApplication, asgi, run, serve
    from websubhub._config import HubConfig
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
    from websubhub._feed_diff import FeedEntry, feed_entries, without_entries
    from websubhub._hub_client import HubClient
    from websubhub._intent import IntentVerification, VerificationAttempt
    from websubhub._listener import HubListener
    from websubhub._messages import (
        Acknowledgement,
        ContentDistributionMessage,
        ContentDistributionSuccess,
        MessageType,
        Subscription,
        SubscriptionAccepted,
        SubscriptionPermanentRedirect,
        SubscriptionTemporaryRedirect,
        TopicDeregistration,
        TopicDeregistrationSuccess,
        TopicRegistration,
        TopicRegistrationSuccess,
        Unsubscription,
        UnsubscriptionAccepted,
        UpdateMessage,
        VerifiedSubscription,
        VerifiedUnsubscription,
    )
    from websubhub._publisher_client import PublisherClient
    from websubhub._retry import RetryPolicy
    from websubhub._service import HubService
    from websubhub._topic_client import TopicClient, TopicContent, TopicHead
    from websubhub._verification_budget import VerificationBudget
else:
    from _websub.lazy import lazily as _lazily

    __getattr__, __dir__ = _lazily(
        globals(),
        {
            "_websub.addresses": "is_loopback_host is_loopback_url",
            "_websub.asgi": "AsgiEdge",
            "_websub.budgets": "AccountState Budget Budgets Spending",
            "_websub.closed": "ClosedApplication",
            "_websub.content": "Payload",
            "_websub.hosts": "authority_of canonical_authority host_of",
            "_websub.http": "Answer Headers Request Response",
            "_websub.limits": "EdgeLimits EdgeLoad",
            "_websub.listening": "AppListener",
            "_websub.media": "ContentError",
            "_websub.numbers": "whole_number",
            "_websub.origins": "refusal_on_loopback",
            "_websub.outcome": "Success WebSubError",
            "_websub.paths": "Paths",
            "_websub.refusals": "Refusals",
            "_websub.retry_after": "retry_after_seconds",
            "_websub.serving": "Binding run_app=run serve_app=serve",
            "_websub.urls": "UrlError check_url url_identity",
            "_websub.vocabulary": "SignatureMethod",
            "websubhub._advertisement": "Advertiser feed_links html_links link_header",
            "websubhub._application": "HubApplication asgi run serve",
            "websubhub._config": "HubConfig",
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
            "websubhub._feed_diff": "FeedEntry feed_entries without_entries",
            "websubhub._hub_client": "HubClient",
            "websubhub._intent": "IntentVerification VerificationAttempt",
            "websubhub._listener": "HubListener",
            "websubhub._messages": (
                "Acknowledgement ContentDistributionMessage ContentDistributionSuccess MessageType Subscription "
                "SubscriptionAccepted SubscriptionPermanentRedirect SubscriptionTemporaryRedirect "
                "TopicDeregistration TopicDeregistrationSuccess TopicRegistration TopicRegistrationSuccess "
                "Unsubscription UnsubscriptionAccepted UpdateMessage VerifiedSubscription VerifiedUnsubscription"
            ),
            "websubhub._publisher_client": "PublisherClient",
            "websubhub._retry": "RetryPolicy",
            "websubhub._service": "HubService",
            "websubhub._topic_client": "TopicClient TopicContent TopicHead",
            "websubhub._verification_budget": "VerificationBudget",
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
