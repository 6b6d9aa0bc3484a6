"""The names that users import: what is here is promised, so a change of these lists is a change for the changelog."""

import pkgutil
from types import ModuleType

import pytest

import websubhub
import websubsub

PROMISED: dict[ModuleType, list[str]] = {
    websubhub: [
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
    ],
    websubsub: [
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
    ],
}


def name_of(package: ModuleType) -> str:
    return package.__name__


@pytest.fixture(params=PROMISED, ids=name_of)
def package(request: pytest.FixtureRequest) -> ModuleType:
    module: ModuleType = request.param
    for name in module.__all__:
        getattr(module, name)  # a package loads each of its names when it is first used
    return module


def test_the_promised_names_are_exported(package: ModuleType) -> None:
    assert package.__all__ == PROMISED[package]


def test_nothing_else_is_public(package: ModuleType) -> None:
    modules = {module.name for module in pkgutil.iter_modules(package.__path__)}
    assert {name for name in vars(package) if not name.startswith("_")} - modules == set(package.__all__)


def test_every_class_and_function_says_where_users_find_it(package: ModuleType) -> None:
    # What both packages share cannot say so, and keeps the module it comes from.
    modules = {value.__module__ for value in map(vars(package).get, package.__all__) if callable(value)}
    assert not {module for module in modules if module != package.__name__ and not module.startswith("_websub.")}


def test_every_class_and_function_has_a_docstring_of_its_own(package: ModuleType) -> None:
    assert not [name for name in package.__all__ if callable(vars(package)[name]) and not vars(package)[name].__doc__]


def test_every_other_module_is_private(package: ModuleType) -> None:
    public = {module.name for module in pkgutil.iter_modules(package.__path__) if not module.name.startswith("_")}
    assert public <= {"cli", "demo", "standalone", "testing"}
