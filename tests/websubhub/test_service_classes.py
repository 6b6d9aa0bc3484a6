"""A slip in a service class is found when the class is made, and said in a way that helps."""

import functools
from typing import Any

import pytest

import websubhub as another_name
from tests.conformance.hubs import TOPIC, world
from websubhub import (
    Acknowledgement,
    HubService,
    IntentVerificationError,
    Subscription,
    SubscriptionAccepted,
    TopicDeregistration,
    TopicDeregistrationSuccess,
    TopicRegistration,
    TopicRegistrationError,
    TopicRegistrationSuccess,
    Unsubscription,
    UpdateMessage,
    UpdateMessageError,
    VerifiedSubscription,
    VerifiedUnsubscription,
)

REQUIRED = [
    "on_register_topic",
    "on_deregister_topic",
    "on_update_message",
    "on_subscription_intent_verified",
    "on_unsubscription_intent_verified",
]
OPTIONAL = ["on_subscription", "on_subscription_validation", "on_unsubscription", "on_unsubscription_validation"]


class Whole(HubService):
    """All that is required; the tests derive from it."""

    async def on_register_topic(self, message: TopicRegistration) -> TopicRegistrationSuccess | TopicRegistrationError:
        return TopicRegistrationSuccess(body={"topic": message.topic})

    async def on_deregister_topic(self, message: TopicDeregistration) -> TopicDeregistrationSuccess:
        return TopicDeregistrationSuccess(body={"topic": message.topic})

    async def on_update_message(self, message: UpdateMessage) -> Acknowledgement:
        return Acknowledgement(body={"topic": message.topic})

    async def on_subscription_intent_verified(self, message: VerifiedSubscription) -> None:
        raise NotImplementedError

    async def on_unsubscription_intent_verified(self, message: VerifiedUnsubscription) -> None:
        raise NotImplementedError


def make(members: dict[str, Any], base: type = Whole) -> str:
    """The name of a service class that is made with these members."""
    return type("MyHub", (base,), members).__name__


async def right(self: Any, message: Any) -> Any:
    raise NotImplementedError


def hooks(*names: str) -> dict[str, Any]:
    return dict.fromkeys(names, right)


def complaint(members: dict[str, Any], base: type = Whole) -> str:
    with pytest.raises(TypeError) as caught:
        make(members, base)
    text = str(caught.value)
    assert "MyHub" in text
    assert len(text.splitlines()) == 1
    return text


@pytest.mark.parity("HC1", "HC19")
def test_a_service_with_the_required_hooks_is_accepted_and_so_is_one_with_all() -> None:
    assert make(hooks(*REQUIRED), HubService) == "MyHub"
    assert make(hooks(*REQUIRED, *OPTIONAL), HubService) == "MyHub"


@pytest.mark.parity("HC3")
@pytest.mark.parametrize("missing", REQUIRED)
def test_a_required_hook_that_is_missing_is_named(missing: str) -> None:
    text = complaint(hooks(*(name for name in REQUIRED if name != missing)), HubService)
    assert missing in text
    assert not [name for name in REQUIRED if name != missing and f" {name}" in text]


@pytest.mark.parity("HC3")
def test_all_missing_hooks_are_named_at_once() -> None:
    text = complaint({}, HubService)
    assert not [name for name in REQUIRED if name not in text]


@pytest.mark.parity("HC4")
@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("on_new_action", None),
        ("on_subscribe", "on_subscription"),
        ("on_update_mesage", "on_update_message"),
        ("on_unsubscription_verified", "on_unsubscription_intent_verified"),
    ],
)
def test_a_method_that_is_named_like_a_hook_and_is_none_is_refused(name: str, meant: str | None) -> None:
    text = complaint(hooks(name))
    assert name in text
    assert meant is None or f"{meant}" in text


def plain(self: Any, message: Any) -> Any:
    raise NotImplementedError


@pytest.mark.parity("HC2")
@pytest.mark.parametrize(
    "member",
    [plain, staticmethod(right), classmethod(right), property(len), "not a method", None, functools.partial(right)],
    ids=["def", "static method", "class method", "property", "text", "None", "partial"],
)
@pytest.mark.parametrize("name", ["on_update_message", "on_subscription"])
def test_a_hook_that_is_no_coroutine_method_is_refused(name: str, member: Any) -> None:
    assert name in complaint({name: member})


async def no_message(self: Any) -> Any:
    raise NotImplementedError


async def further(self: Any, message: Any, headers: Any) -> Any:
    raise NotImplementedError


async def further_keyword(self: Any, message: Any, *, headers: Any) -> Any:
    raise NotImplementedError


async def anything(*arguments: Any) -> Any:
    raise NotImplementedError


@pytest.mark.parity("HC6", "HC7")
@pytest.mark.parametrize("hook", [no_message, further, further_keyword])
@pytest.mark.parametrize("name", ["on_update_message", "on_subscription_validation"])
def test_a_hook_takes_the_message_and_nothing_else(name: str, hook: Any) -> None:
    text = complaint({name: hook})
    assert name in text
    assert "message" in text


async def foreign_message(self: Any, message: UpdateMessage | str) -> Acknowledgement:
    raise NotImplementedError


async def message_of_another_hook(self: Any, message: Subscription) -> Acknowledgement:
    raise NotImplementedError


@pytest.mark.parity("HC5")
@pytest.mark.parametrize("hook", [foreign_message, message_of_another_hook])
def test_a_message_that_the_hook_is_not_called_with_is_refused(hook: Any) -> None:
    text = complaint({"on_update_message": hook})
    assert "on_update_message" in text
    assert "UpdateMessage" in text


async def foreign(self: Any, message: Any) -> int:
    raise NotImplementedError


async def half_foreign(self: Any, message: Any) -> Acknowledgement | str:
    raise NotImplementedError


async def of_another_hook(self: Any, message: Any) -> SubscriptionAccepted:
    raise NotImplementedError


@pytest.mark.parity("HC8")
@pytest.mark.parametrize("hook", [foreign, half_foreign, of_another_hook])
def test_a_result_that_the_hook_cannot_have_is_refused(hook: Any) -> None:
    text = complaint({"on_update_message": hook})
    assert "on_update_message" in text
    assert "Acknowledgement" in text


async def returns_nothing(self: Any, message: Any) -> None:
    raise NotImplementedError


@pytest.mark.parity("HC9")
@pytest.mark.parametrize("name", ["on_register_topic", "on_update_message", "on_subscription", "on_unsubscription"])
def test_a_hook_that_must_answer_cannot_say_that_it_returns_nothing(name: str) -> None:
    assert name in complaint({name: returns_nothing})


@pytest.mark.parametrize("name", [each for each in [*REQUIRED, *OPTIONAL] if "val" in each or "verified" in each])
def test_a_hook_that_need_not_answer_can(name: str) -> None:
    assert make({name: returns_nothing}) == "MyHub"


async def any_error(self: Any, message: Any) -> Acknowledgement | Exception:
    raise NotImplementedError


async def any_of_ours(self: Any, message: Any) -> Acknowledgement | another_name.UpdateMessageError:
    raise NotImplementedError


async def in_words(self: Any, message: "UpdateMessage") -> "Acknowledgement | UpdateMessageError":
    raise NotImplementedError


async def silent(self, message):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201  is what is tried
    raise NotImplementedError


@pytest.mark.parity("HC12", "HC15", "HC16")
@pytest.mark.parametrize("hook", [any_error, any_of_ours, in_words, silent])
def test_annotations_may_be_wide_or_absent(hook: Any) -> None:
    assert make({"on_update_message": hook}) == "MyHub"


async def nothing_or_an_error(self: Any, message: Any) -> IntentVerificationError | None:
    raise NotImplementedError


@pytest.mark.parity("HC25")
def test_only_the_request_hooks_can_say_that_the_intent_is_verified() -> None:
    assert make({"on_subscription_intent_verified": nothing_or_an_error}) == "MyHub"
    for name in ("on_register_topic", "on_update_message", "on_subscription_validation", REQUIRED[3], REQUIRED[4]):
        assert name in complaint({name: of_another_hook})


@pytest.mark.parity("HC17", "HC18", "HC21")
async def test_a_service_may_have_methods_state_and_a_constructor_of_its_own() -> None:
    class Store:
        def __init__(self) -> None:
            self.topics: list[str] = []

    class Own(Whole):
        length = len
        note = "only text"

        def __init__(self, store: Store) -> None:
            self.store = store

        def once(self) -> int:
            return len(self.store.topics)

        @staticmethod
        def onwards() -> None:
            raise NotImplementedError

        async def on_register_topic(self, message: TopicRegistration) -> TopicRegistrationSuccess:
            self.store.topics.append(message.topic)
            return TopicRegistrationSuccess()

    own = Own(Store())
    async with world(own) as w:
        await w.post({"hub.mode": "register", "hub.topic": TOPIC})
    assert own.once() == 1


def test_hooks_are_inherited() -> None:
    class Deeper(Whole):
        async def on_subscription(self, message: Subscription) -> SubscriptionAccepted:
            raise NotImplementedError

    class Deepest(Deeper):
        async def on_unsubscription(self, message: Unsubscription) -> Any:
            raise NotImplementedError

    assert Deepest.on_subscription is Deeper.on_subscription


def test_a_class_that_is_only_derived_from_may_lack_hooks() -> None:
    class Base(HubService, abstract=True):
        async def on_register_topic(self, message: TopicRegistration) -> TopicRegistrationSuccess:
            raise NotImplementedError

    assert "on_update_message" in complaint({}, Base)
    assert make(hooks(*REQUIRED), Base) == "MyHub"


def test_what_is_there_in_an_abstract_class_is_checked_too() -> None:
    with pytest.raises(TypeError, match="on_update_message"):

        class Base(HubService, abstract=True):
            async def on_update_message(self, message: UpdateMessage) -> int:  # type: ignore[override]  # is what is tried
                raise NotImplementedError
