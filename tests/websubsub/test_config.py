"""Settings that cannot work are refused with a sentence."""

from typing import Any

import pytest

from tests.websubsub.conftest import Recorder
from websubsub import CallbackPolicy, SubscriberConfig, Target, asgi


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({}, "is a resource, or a hub"),
        ({"hub": "https://hub.example/"}, "is a resource, or a hub"),
        ({"topic": "https://pub.example/"}, "is a resource, or a hub"),
        ({"resource": "pub.example"}, "The resource must start with http"),
        ({"hub": "ftp://hub.example/", "topic": "https://pub.example/"}, "The hub must start with http"),
        ({"resource": "https://pub.example/", "secret": ""}, "must not be empty"),
        ({"resource": "https://pub.example/", "secret": "x" * 200}, "shorter than 200 bytes"),
        ({"resource": "https://pub.example/", "secret": "ä" * 100}, "shorter than 200 bytes"),
    ],
    ids=str,
)
@pytest.mark.spec("S-14")
def test_a_target_that_cannot_be_subscribed_to(settings: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Target(**settings)


@pytest.mark.spec("S-14")
@pytest.mark.parametrize("secret", ["x" * 199, "ä" * 99 + "a"])
def test_a_secret_of_199_bytes_is_fine_and_not_shown(secret: str) -> None:
    assert secret not in repr(Target(resource="https://pub.example/", secret=secret))


@pytest.mark.parametrize(
    "settings",
    [
        {"url": "sub.example"},
        {"url": "https://sub.example/?a=1"},
        {"url": "https://sub.example/#a"},
        {"lease_seconds": 0},
        {"targets": ["https://pub.example/", "https://pub.example/"]},
        {"targets": "nonsense"},
    ],
    ids=str,
)
def test_settings_that_cannot_work(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        SubscriberConfig(**settings)


@pytest.mark.spec("S-33")
@pytest.mark.parametrize("status", [100, 301, 308, 410, 600])
def test_a_rejection_is_no_redirect_and_does_not_unsubscribe(status: int) -> None:
    with pytest.raises(ValueError, match="rejected_status"):
        CallbackPolicy(rejected_status=status)


@pytest.mark.parametrize("state", ["", "file.db", "sqlite:///", "sqlite://file", "postgres://x"])
def test_a_state_that_is_none(state: str) -> None:
    with pytest.raises(ValueError, match="write memory: or sqlite:///FILE"):
        asgi(Recorder(), SubscriberConfig(url="https://sub.example/", state=state))


@pytest.mark.spec("S-09")
@pytest.mark.parametrize(
    ("url", "warned"),
    [("https://sub.example/", False), ("http://127.0.0.1/", False), ("http://sub.example/", True)],
)
def test_callbacks_without_https_are_warned_of(url: str, *, warned: bool, caplog: pytest.LogCaptureFixture) -> None:
    asgi(Recorder(), SubscriberConfig(url=url))
    assert ("do not use https" in caplog.text) is warned


@pytest.mark.parametrize(
    "targets",
    ["https://pub.example/", ["https://pub.example/"], Target(resource="https://pub.example/")],
    ids=["text", "list", "target"],
)
def test_targets_may_be_one_or_many(targets: Any) -> None:
    assert SubscriberConfig(targets=targets).targets == (Target(resource="https://pub.example/"),)
