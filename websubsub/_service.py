"""The base class of subscribers, and the table of its hooks."""

from types import NoneType

from _websub.hooks import check_hooks
from _websub.outcome import Hook, WebSubError
from websubsub import _errors, _messages


class SubscriberService:
    """A subscriber. Subclass it and implement what to do with the content that hubs deliver.

    Every hook is ``async def on_x(self, message)`` and may return or raise its errors. Only declared errors send their
    reason to the hub. Any other exception is logged and answered with a fixed sentence.

    Defining a subclass without the required hook raises ``TypeError``. For a class that is only a base of others, write
    ``class Base(SubscriberService, abstract=True)``.

    Example:
        ```python
        from websubsub import SubscriberService


        class Subscriber(SubscriberService):
            async def on_event_notification(self, message):
                print(message.topic, message.text())
        ```
    """

    def __init_subclass__(cls, *, abstract: bool = False, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        check_hooks(cls, SubscriberService, HOOKS, abstract=abstract)

    async def on_event_notification(
        self, message: _messages.ContentDistributionMessage
    ) -> _messages.Acknowledgement | _errors.SubscriptionDeletedError | None:
        """Process content that a hub delivered. Required.

        Any exception but ``SubscriptionDeletedError`` is answered with 500, so that the hub delivers again (W3C 7).
        """
        raise NotImplementedError

    async def on_subscription_verification(
        self, message: _messages.SubscriptionVerification
    ) -> _messages.SubscriptionVerificationSuccess | _errors.SubscriptionVerificationError:
        """Confirm a subscription that was requested, or change your mind (W3C 5.3)."""
        return _messages.SubscriptionVerificationSuccess()

    async def on_unsubscription_verification(
        self, message: _messages.UnsubscriptionVerification
    ) -> _messages.UnsubscriptionVerificationSuccess | _errors.UnsubscriptionVerificationError:
        """Confirm an unsubscription that was requested, or change your mind (W3C 5.3)."""
        return _messages.UnsubscriptionVerificationSuccess()

    async def on_subscription_validation_denied(
        self, message: _messages.SubscriptionDenied
    ) -> _messages.Acknowledgement | None:
        """React to a denied subscription, which has ended (W3C 5.2)."""
        return None

    async def on_hub_error(self, message: _messages.HubError) -> _messages.Acknowledgement | None:
        """React to an error of a hub with a verified subscription."""
        return None


#: The message, the possible answers and the default error of each hook. The documentation and the tests also read this
#: table.
HOOKS = (
    Hook(
        name="on_event_notification",
        message=_messages.ContentDistributionMessage,
        successes=(_messages.Acknowledgement, NoneType),
        errors=(_errors.SubscriptionDeletedError,),
        failure=WebSubError,
        reason="internal server error",
        required=True,
    ),
    Hook(
        name="on_subscription_verification",
        message=_messages.SubscriptionVerification,
        successes=(_messages.SubscriptionVerificationSuccess,),
        errors=(_errors.SubscriptionVerificationError,),
        failure=_errors.SubscriptionVerificationError,
        reason="subscription verification failure",
    ),
    Hook(
        name="on_unsubscription_verification",
        message=_messages.UnsubscriptionVerification,
        successes=(_messages.UnsubscriptionVerificationSuccess,),
        errors=(_errors.UnsubscriptionVerificationError,),
        failure=_errors.UnsubscriptionVerificationError,
        reason="unsubscription verification failure",
    ),
    Hook(
        name="on_subscription_validation_denied",
        message=_messages.SubscriptionDenied,
        successes=(_messages.Acknowledgement, NoneType),
        errors=(),
        failure=WebSubError,
        reason="internal server error",
    ),
    Hook(
        name="on_hub_error",
        message=_messages.HubError,
        successes=(_messages.Acknowledgement, NoneType),
        errors=(),
        failure=WebSubError,
        reason="internal server error",
    ),
)
