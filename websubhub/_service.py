"""The base class of hubs, and the table of its hooks."""

from collections.abc import Mapping
from types import NoneType

import attrs

from _websub.hooks import check_hooks
from _websub.outcome import Hook
from websubhub import _errors, _messages, _subscriptions


class HubService:
    """A hub. Subclass it and implement its hooks.

    Every hook is ``async def on_x(self, message)`` and may return or raise its errors. Only declared errors send their
    reason to the other side. Any other exception is logged and answered with a fixed sentence.

    Defining a subclass without the required hooks raises ``TypeError``. For a class that is only a base of others,
    write ``class Base(HubService, abstract=True)``.

    Example:
        ```python
        from websubhub import Acknowledgement, HubService, TopicDeregistrationSuccess, TopicRegistrationSuccess


        class Hub(HubService):
            async def on_register_topic(self, message):
                return TopicRegistrationSuccess()

            async def on_deregister_topic(self, message):
                return TopicDeregistrationSuccess()

            async def on_update_message(self, message):
                print(message.topic, message.content_type, len(message.body))
                return Acknowledgement()

            async def on_subscription_intent_verified(self, message):
                print(message.topic, "has a new subscriber")

            async def on_unsubscription_intent_verified(self, message):
                print(message.topic, "has lost a subscriber")
        ```
    """

    def __init_subclass__(cls, *, abstract: bool = False, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        check_hooks(cls, HubService, HOOKS, abstract=abstract)

    async def on_register_topic(
        self, message: _messages.TopicRegistration
    ) -> _messages.TopicRegistrationSuccess | _errors.TopicRegistrationError:
        """Register a topic for a publisher. Required."""
        raise NotImplementedError

    async def on_deregister_topic(
        self, message: _messages.TopicDeregistration
    ) -> _messages.TopicDeregistrationSuccess | _errors.TopicDeregistrationError:
        """Deregister a topic for a publisher. Required."""
        raise NotImplementedError

    async def on_update_message(
        self, message: _messages.UpdateMessage
    ) -> _messages.Acknowledgement | _errors.UpdateMessageError:
        """Accept an update that a publisher sends or announces. Required."""
        raise NotImplementedError

    async def on_subscription(
        self, message: _subscriptions.Subscription
    ) -> (
        _subscriptions.SubscriptionAccepted
        | _subscriptions.SubscriptionTemporaryRedirect
        | _subscriptions.SubscriptionPermanentRedirect
        | _errors.BadSubscriptionError
        | _errors.InternalSubscriptionError
    ):
        """Accept, redirect or refuse a subscription request, without waiting for anything slow (W3C 5.1.2)."""
        return _subscriptions.SubscriptionAccepted()

    async def on_subscription_validation(
        self, message: _subscriptions.Subscription
    ) -> _errors.SubscriptionDeniedError | _errors.RequestPostponedError | None:
        """Validate a subscription request after the 202. A denial is sent to the callback (W3C 5.2)."""
        return None

    async def on_subscription_intent_verified(
        self, message: _subscriptions.VerifiedSubscription
    ) -> _errors.IntentVerificationError | _errors.RequestPostponedError | None:
        """Activate a subscription that the subscriber has confirmed. Required (W3C 5.3)."""
        raise NotImplementedError

    async def on_unsubscription(
        self, message: _subscriptions.Unsubscription
    ) -> _subscriptions.UnsubscriptionAccepted | _errors.BadUnsubscriptionError | _errors.InternalUnsubscriptionError:
        """Accept or refuse an unsubscription request."""
        return _subscriptions.UnsubscriptionAccepted()

    async def on_unsubscription_validation(
        self, message: _subscriptions.Unsubscription
    ) -> _errors.UnsubscriptionDeniedError | _errors.RequestPostponedError | None:
        """Validate an unsubscription request after the 202. A denial is sent to the callback."""
        return None

    async def on_unsubscription_intent_verified(
        self, message: _subscriptions.VerifiedUnsubscription
    ) -> _errors.IntentVerificationError | _errors.RequestPostponedError | None:
        """End a subscription after the subscriber has confirmed it. Required (W3C 5.3)."""
        raise NotImplementedError


#: The message, the possible answers and the default error of each hook. The documentation and the tests also read this
#: table.
HOOKS = (
    Hook(
        name="on_register_topic",
        message=_messages.TopicRegistration,
        successes=(_messages.TopicRegistrationSuccess,),
        errors=(_errors.TopicRegistrationError,),
        failure=_errors.TopicRegistrationError,
        reason="topic registration failure",
        required=True,
    ),
    Hook(
        name="on_deregister_topic",
        message=_messages.TopicDeregistration,
        successes=(_messages.TopicDeregistrationSuccess,),
        errors=(_errors.TopicDeregistrationError,),
        failure=_errors.TopicDeregistrationError,
        reason="topic deregistration failure",
        required=True,
    ),
    Hook(
        name="on_update_message",
        message=_messages.UpdateMessage,
        successes=(_messages.Acknowledgement,),
        errors=(_errors.UpdateMessageError,),
        failure=_errors.UpdateMessageError,
        reason="update message error",
        required=True,
    ),
    Hook(
        name="on_subscription",
        message=_subscriptions.Subscription,
        successes=(
            _subscriptions.SubscriptionAccepted,
            _subscriptions.SubscriptionTemporaryRedirect,
            _subscriptions.SubscriptionPermanentRedirect,
        ),
        errors=(_errors.BadSubscriptionError, _errors.InternalSubscriptionError),
        failure=_errors.InternalSubscriptionError,
        reason="internal server error",
    ),
    Hook(
        name="on_subscription_validation",
        message=_subscriptions.Subscription,
        successes=(NoneType,),
        errors=(_errors.SubscriptionDeniedError, _errors.RequestPostponedError),
        failure=_errors.SubscriptionDeniedError,
        reason="validation failure",
    ),
    Hook(
        name="on_subscription_intent_verified",
        message=_subscriptions.VerifiedSubscription,
        successes=(NoneType,),
        errors=(_errors.IntentVerificationError, _errors.RequestPostponedError),
        failure=_errors.IntentVerificationError,
        reason="intent verification failure",
        required=True,
    ),
    Hook(
        name="on_unsubscription",
        message=_subscriptions.Unsubscription,
        successes=(_subscriptions.UnsubscriptionAccepted,),
        errors=(_errors.BadUnsubscriptionError, _errors.InternalUnsubscriptionError),
        failure=_errors.InternalUnsubscriptionError,
        reason="internal server error",
    ),
    Hook(
        name="on_unsubscription_validation",
        message=_subscriptions.Unsubscription,
        successes=(NoneType,),
        errors=(_errors.UnsubscriptionDeniedError, _errors.RequestPostponedError),
        failure=_errors.UnsubscriptionDeniedError,
        reason="validation failure",
    ),
    Hook(
        name="on_unsubscription_intent_verified",
        message=_subscriptions.VerifiedUnsubscription,
        successes=(NoneType,),
        errors=(_errors.IntentVerificationError, _errors.RequestPostponedError),
        failure=_errors.IntentVerificationError,
        reason="intent verification failure",
        required=True,
    ),
)


@attrs.frozen(kw_only=True)
class Flow:
    """The hooks of one kind of request, in the order in which they are called.

    Attributes:
        request: Called with the request. Its outcome is the answer.
        validation: Called after the answer, to grant or deny the request.
        verified: Called once the subscriber has confirmed the granted request.
    """

    request: str
    validation: str = ""
    verified: str = ""


#: The hooks that each message goes through. Text from the wire never becomes the name of a method.
FLOWS: Mapping[type, Flow] = {
    _messages.TopicRegistration: Flow(request="on_register_topic"),
    _messages.TopicDeregistration: Flow(request="on_deregister_topic"),
    _messages.UpdateMessage: Flow(request="on_update_message"),
    _subscriptions.Subscription: Flow(
        request="on_subscription",
        validation="on_subscription_validation",
        verified="on_subscription_intent_verified",
    ),
    _subscriptions.Unsubscription: Flow(
        request="on_unsubscription",
        validation="on_unsubscription_validation",
        verified="on_unsubscription_intent_verified",
    ),
}


def flow_of(message: object) -> Flow:
    """Return the flow of a message, or of an instance of a subclass of one."""
    return next(FLOWS[kind] for kind in type(message).__mro__ if kind in FLOWS)
