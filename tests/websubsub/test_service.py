"""A class whose hooks cannot work is refused when it is made."""

import inspect

import pytest

from websubsub import (
    Acknowledgement,
    ContentDistributionMessage,
    SubscriberService,
    SubscriptionDeletedError,
    SubscriptionDenied,
    SubscriptionVerificationSuccess,
)
from websubsub._service import HOOKS


def make(**members: object) -> type:
    async def on_event_notification(self: object, message: object) -> None: ...

    return type("News", (SubscriberService,), {"on_event_notification": on_event_notification} | members)


@pytest.mark.parity("SC1", "SC14", "SC15", "SC17", "SC18", "SC20", "SC22")
def test_a_service_may_have_every_hook_and_methods_of_its_own() -> None:
    class News(SubscriberService):
        def count(self) -> int:
            return 1

        async def on_event_notification(
            self, message: ContentDistributionMessage
        ) -> Acknowledgement | SubscriptionDeletedError:
            return Acknowledgement(body={"topic": message.topic})

        async def on_subscription_validation_denied(self, message: SubscriptionDenied) -> None: ...

    assert News().count() == 1


def plain(self: object, message: object) -> None: ...


async def no_message(self: object) -> None: ...


async def more(self: object, message: object, headers: object) -> None: ...


async def foreign_message(self: object, message: SubscriptionDenied) -> None: ...


async def foreign_answer(self: object, message: object) -> SubscriptionVerificationSuccess:
    raise NotImplementedError


async def some(self: object, message: object) -> None: ...


@pytest.mark.parametrize(
    ("member", "value", "complaint"),
    [
        pytest.param("on_event_notification", plain, "must be async", marks=pytest.mark.parity("SC2")),
        pytest.param(
            "on_event_notifcation", some, "did you mean on_event_notification", marks=pytest.mark.parity("SC4")
        ),
        pytest.param("on_event_notification", foreign_message, "takes a Content", marks=pytest.mark.parity("SC5")),
        pytest.param(
            "on_event_notification", more, "(self, message) and nothing else", marks=pytest.mark.parity("SC6")
        ),
        pytest.param("on_event_notification", no_message, "(self, message)", marks=pytest.mark.parity("SC7")),
        pytest.param("on_event_notification", foreign_answer, "it may return", marks=pytest.mark.parity("SC8")),
        pytest.param("on_subscription_verification", some, "it may return", marks=pytest.mark.parity("SC9")),
    ],
)
def test_a_hook_that_cannot_work_is_refused(member: str, value: object, complaint: str) -> None:
    with pytest.raises(TypeError) as refused:
        make(**{member: value})
    assert complaint in str(refused.value)


@pytest.mark.parity("SC3")
def test_the_required_hook_must_be_there() -> None:
    with pytest.raises(TypeError, match="must implement on_event_notification"):
        type("News", (SubscriberService,), {})


def test_a_class_to_derive_from_may_leave_it_to_others() -> None:
    class Base(SubscriberService, abstract=True): ...

    with pytest.raises(TypeError, match="must implement"):
        type("News", (Base,), {})


def test_the_table_has_every_hook_of_the_class_and_no_other() -> None:
    methods = {name for name, _ in inspect.getmembers(SubscriberService, inspect.isfunction) if name.startswith("on_")}
    assert methods == {hook.name for hook in HOOKS}
