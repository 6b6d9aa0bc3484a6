"""What users make by hand: settings, messages, successes and errors."""

from typing import Any

import attrs
import pytest

import websubhub
from tests.conformance.hubs import HUB, TOPIC, a_subscription
from websubhub import (
    ContentDeliveryError,
    ContentDistributionMessage,
    Headers,
    HubConfig,
    SubscriptionAccepted,
    SubscriptionDeletedError,
    SubscriptionPermanentRedirect,
    SubscriptionTemporaryRedirect,
    Success,
    TopicRegistrationError,
    UrlError,
    VerifiedSubscription,
    WebSubError,
)

PUBLIC = [getattr(websubhub, name) for name in websubhub.__all__]
ERRORS = [each for each in PUBLIC if isinstance(each, type) and issubclass(each, WebSubError)]
VALUES = [each for each in PUBLIC if isinstance(each, type) and attrs.has(each)]
# A Delivery is made for each subscription of each update, by the million, and a frozen one takes twice as long to make.
FROZEN = [each for each in VALUES if each is not websubhub.Delivery]


@pytest.mark.spec("H-06", "H-40", "SEC-05")
def test_the_default_lease_is_ten_days_and_no_lease_is_perpetual() -> None:
    config = HubConfig()
    assert config.grant(None) == config.lease_seconds == 10 * 24 * 3600
    assert config.grant(10**10) == config.max_lease_seconds <= 31 * 24 * 3600
    assert config.grant(1) == config.min_lease_seconds >= 60


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"url": "hub.example"}, "url"),
        ({"url": "ftp://hub.example/"}, "url"),
        ({"url": "https://hub.example/#x"}, "url"),
        ({"min_lease_seconds": 0}, "lease"),
        ({"min_lease_seconds": -5}, "lease"),
        ({"lease_seconds": 10}, "lease"),
        ({"lease_seconds": 10**9}, "lease"),
        ({"max_lease_seconds": 400}, "lease"),
        ({"verification_delays": ()}, "verification_delays"),
        ({"verification_delays": (0, -1)}, "verification_delays"),
    ],
    ids=str,
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, Any], word: str) -> None:
    with pytest.raises(ValueError, match=word) as caught:
        HubConfig(**wrong)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        ({"url": "https://hub.example/hub"}, "/hub"),
        ({"url": "https://hub.example"}, "/"),
        ({"url": "https://hub.example/a/b/?c=d"}, "/a/b/"),
        ({"url": "https://hub.example/outside", "path": "/inside"}, "/inside"),
    ],
    ids=str,
)
def test_a_hub_answers_at_the_path_of_its_url_unless_told_otherwise(settings: dict[str, str], path: str) -> None:
    assert HubConfig(**settings).local_path == path  # type: ignore[arg-type]  # only text settings are given


@pytest.mark.parametrize("cls", FROZEN, ids=lambda cls: cls.__name__)
@pytest.mark.parity("H73", "H74", "H75", "H76", "H77", "H78")
def test_every_value_is_frozen(cls: type) -> None:
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        setattr(object.__new__(cls), attrs.fields(cls)[0].name, "changed")


@pytest.mark.parametrize("cls", VALUES, ids=lambda cls: cls.__name__)
def test_every_value_hides_callback_and_secret(cls: type) -> None:
    assert [field.name for field in attrs.fields(cls) if field.name in {"secret", "callback"} and field.repr] == []


@pytest.mark.parametrize("cls", ERRORS, ids=lambda cls: cls.__name__)
def test_every_error_says_its_reason_and_keeps_what_it_is_given(cls: type[WebSubError]) -> None:
    if issubclass(cls, ContentDeliveryError):
        error: WebSubError = cls("Why.", status=418, headers={"A": "b"}, content=b"c")
        assert error.content == b"c"  # type: ignore[attr-defined]  # is a ContentDeliveryError
    else:
        error = cls("Why.", status=418, headers={"A": "b"}, body={"c": "d"})
        assert error.body == {"c": "d"}
    assert (str(error), error.reason, error.status, error.headers["a"]) == ("Why.", "Why.", 418, "b")
    assert cls("Why.").status == cls.status
    assert cls().reason == ""
    assert isinstance(error, Exception)


@pytest.mark.parity("H1", "H57")
def test_errors_have_the_status_that_they_are_answered_with() -> None:
    assert {cls.__name__: cls.status for cls in ERRORS} == {
        "WebSubError": 500,
        "ContentError": 400,
        "UrlError": 400,
        "TopicRegistrationError": 200,
        "TopicDeregistrationError": 200,
        "UpdateMessageError": 200,
        "BadSubscriptionError": 400,
        "BadUnsubscriptionError": 400,
        "InternalSubscriptionError": 500,
        "InternalUnsubscriptionError": 500,
        "SubscriptionDeniedError": 406,
        "UnsubscriptionDeniedError": 406,
        "RequestPostponedError": 503,
        "IntentVerificationError": 500,
        "TopicFetchError": 0,
        "ContentDeliveryError": 0,
        "SubscriptionDeletedError": 410,
    }
    assert issubclass(SubscriptionDeletedError, ContentDeliveryError)


def test_a_status_of_one_error_is_not_that_of_its_class() -> None:
    assert TopicRegistrationError("no", status=409).status == 409
    assert TopicRegistrationError.status == 200


def test_successes_have_the_status_that_they_are_answered_with() -> None:
    assert Success().status == 200
    assert SubscriptionAccepted().status == 202
    assert SubscriptionTemporaryRedirect(location=HUB).status == 307
    assert SubscriptionPermanentRedirect(location=HUB).status == 308


@pytest.mark.spec("H-18", "H-19")
@pytest.mark.parametrize("redirect", [SubscriptionTemporaryRedirect, SubscriptionPermanentRedirect])
def test_the_status_of_a_redirect_is_fixed(redirect: Any) -> None:
    with pytest.raises(TypeError):
        redirect(location=HUB, status=302)


def test_values_are_made_with_names_only_and_compare_by_content() -> None:
    with pytest.raises(TypeError):
        ContentDistributionMessage(b"x")  # type: ignore[call-arg]  # is what is tried
    assert a_subscription() == a_subscription()
    assert a_subscription() != a_subscription(secret="s")


def test_a_verified_subscription_says_when_its_lease_ends() -> None:
    verified = VerifiedSubscription(
        hub=HUB, topic=TOPIC, callback="https://s.example/", lease_seconds=60, verified_at=1_700_000_000.5
    )
    assert verified.expires_at == 1_700_000_060.5


def test_message_ids_differ_unless_they_are_given() -> None:
    made = {ContentDistributionMessage(content=b"x").message_id for _ in range(100)}
    assert len(made) == 100
    assert min(map(len, made)) >= 22
    assert ContentDistributionMessage(content=b"x", message_id="7").message_id == "7"


def test_headers_are_read_in_any_case_and_all_values_are_kept() -> None:
    headers = Headers([("Link", "a"), ("X-B", "1"), ("link", "b")])
    assert headers["LINK"] == "a, b"
    assert headers.get_all("Link") == ("a", "b")
    assert headers.get_all("none") == ()
    assert "x-b" in headers
    assert "x-c" not in headers
    with pytest.raises(KeyError):
        headers["x-c"]
    assert headers == Headers({"link": "a, b", "x-b": "1"}) or len(headers) == 2


def test_a_url_error_is_a_value_error_with_a_sentence() -> None:
    with pytest.raises(ValueError, match=r"HubConfig\.url") as caught:
        HubConfig(url="nonsense")
    assert isinstance(caught.value, UrlError)
