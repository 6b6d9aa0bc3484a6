"""The names that users import: what is here is promised, so a change of these lists is a change for the changelog."""

import pkgutil
import subprocess
import sys
from types import ModuleType

import pytest

import websubhub
import websubsub
from websubhub.standalone.ports import StoreError
from websubhub.standalone.settings import SettingsError

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
    assert {name for name in vars(package) if not name.startswith(("_", "@"))} - modules == set(package.__all__)


def test_every_class_and_function_says_where_users_find_it(package: ModuleType) -> None:
    # Classes that both packages share say that they come from the one that was used first.
    both = {each.__name__ for each in PROMISED}
    for name in package.__all__:
        value = vars(package)[name]
        if isinstance(value, type):
            assert value.__module__ == package.__name__ or (
                value.__module__ in both and hasattr(sys.modules[value.__module__], name)
            )
        elif callable(value):
            assert value.__module__ == package.__name__ or value.__module__.startswith("_websub.")


@pytest.mark.parametrize(
    ("program", "printed"),
    [
        ("from websubsub import Target; Target(resource='nonsense')", "websubsub.UrlError: The resource must start"),
        ("from websubsub import Target; Target(resource='http://a.example/', secret='')", "websubsub.SecretError: "),
        ("from websubhub import PublisherClient; PublisherClient('nonsense')", "websubhub.UrlError: The hub's URL"),
        ("import websubhub; raise websubhub.UpdateMessageError('no')", "websubhub.UpdateMessageError: no"),
        ("from websubhub.sync import PublisherClient; PublisherClient('nonsense')", "websubhub.UrlError: The hub"),
        ("from websubsub.sync import DiscoveryClient; DiscoveryClient().discover('')", "websubsub.UrlError: The URL"),
        ("import websubsub; raise websubsub.DiscoveryError('no', url='')", "websubsub.DiscoveryError: no"),
        ("import websubsub; raise websubsub.WebSubError('no')", "websubsub.WebSubError: no"),
    ],
)
def test_an_error_is_printed_under_the_name_that_users_import(program: str, printed: str) -> None:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(printed)


def test_all_public_errors_have_one_base(package: ModuleType) -> None:
    errors = [value for value in map(vars(package).get, package.__all__) if isinstance(value, type)]
    errors = [value for value in errors if issubclass(value, Exception)]
    assert len(errors) > 8
    assert all(issubclass(error, websubhub.WebSubError) for error in errors)
    assert websubhub.WebSubError is websubsub.WebSubError


@pytest.mark.parametrize("error", [SettingsError, StoreError])
def test_the_errors_of_the_standalone_hub_have_it_too(error: type[Exception]) -> None:
    assert issubclass(error, websubhub.WebSubError)


def test_every_class_and_function_has_a_docstring_of_its_own(package: ModuleType) -> None:
    assert not [name for name in package.__all__ if callable(vars(package)[name]) and not vars(package)[name].__doc__]


def test_every_other_module_is_private(package: ModuleType) -> None:
    public = {module.name for module in pkgutil.iter_modules(package.__path__) if not module.name.startswith("_")}
    assert public <= {"cli", "demo", "pytest_plugin", "standalone", "sync", "testing"}
