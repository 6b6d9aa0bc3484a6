"""What Ballerina's compiler finds in a subscriber, found when the class is made."""

from typing import Any, TypeAlias

import pytest

import websubsub as another_name
from websubsub import (
    Acknowledgement,
    ContentDistributionMessage,
    SubscriberService,
    SubscriptionDeletedError,
    SubscriptionDenied,
)

Delivered: TypeAlias = ContentDistributionMessage
Anything: TypeAlias = Acknowledgement | SubscriptionDeletedError | Exception


async def under_another_name(_: Any, delivered: another_name.ContentDistributionMessage) -> None:
    raise NotImplementedError(delivered)


async def with_any_error(_: Any, message: Delivered) -> Anything:
    raise NotImplementedError(message)


async def without_annotations(_, message):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201
    raise NotImplementedError(message)


@pytest.mark.parity("SC1", "SC14", "SC15", "SC17", "SC18", "SC23")
@pytest.mark.parametrize("hook", [under_another_name, with_any_error, without_annotations])
def test_hooks_that_work_are_accepted(hook: Any) -> None:
    assert type("News", (SubscriberService,), {"on_event_notification": hook}).__name__ == "News"


@pytest.mark.parity("SC20", "SC21")
def test_a_service_may_have_methods_of_any_kind() -> None:
    class News(SubscriberService):
        size = len
        largest = max

        async def on_event_notification(self, message: ContentDistributionMessage) -> None:
            raise NotImplementedError(message)

        @staticmethod
        def onwards() -> str:
            return "no hook, since there is no underscore"

    assert News.size("abc") == 3
    assert News.onwards()


@pytest.mark.parity("SC2", "SC3", "SC26")
@pytest.mark.parametrize(
    ("hooks", "words"),
    [
        ({}, ["News", "on_event_notification", "abstract=True"]),
        ({"on_event_notification": print}, ["async def on_event_notification(self, message)"]),
        ({"on_event_notification": lambda _, message: message}, ["async def on_event_notification(self, message)"]),
    ],
    ids=["missing", "builtin", "plain"],
)
def test_what_to_write_is_said(hooks: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(TypeError) as refused:
        type("News", (SubscriberService,), hooks)
    assert not [word for word in words if word not in str(refused.value)]


@pytest.mark.parity("SC4", "SC5", "SC8")
def test_what_is_no_hook_of_a_subscriber_is_refused() -> None:
    async def wrong(_: Any, message: SubscriptionDenied) -> int:
        raise NotImplementedError(message)

    for name in ("on_new_event", "on_update_message", "on_event_notification"):
        with pytest.raises(TypeError, match=f"News.{name}"):
            type("News", (SubscriberService,), {"on_event_notification": with_any_error, name: wrong})
