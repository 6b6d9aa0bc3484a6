"""The class that a subscriber is written as."""

from types import NoneType

from _websub.hooks import check_hooks
from _websub.outcome import Hook, WebSubError
from websubsub import _errors, _messages


class SubscriberService:
    """A subscriber: subclass it and say what to do with the content that hubs deliver.

    Every hook is ``async def on_x(self, message)`` and may return or raise its errors. Only declared errors tell the
    hub their reason; any other exception is logged and answered with a fixed sentence.

    A subclass without the required hook is refused when it is made; one that is only to be derived from further says
    ``class Base(SubscriberService, abstract=True)``.
    """

    def __init_subclass__(cls, *, abstract: bool = False, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        check_hooks(cls, SubscriberService, HOOKS, abstract=abstract)

    async def on_event_notification(
        self, message: _messages.ContentDistributionMessage
    ) -> _messages.Acknowledgement | _errors.SubscriptionDeletedError | None:
        """Return a hub delivered content. Required.

        Any exception but ``SubscriptionDeletedError`` is answered 500, so that the hub delivers again (W3C 7).
        """
        raise NotImplementedError

    async def on_subscription_verification(
        self, message: _messages.SubscriptionVerification
    ) -> _messages.SubscriptionVerificationSuccess | _errors.SubscriptionVerificationError:
        """Return a hub asks about a subscription that was asked for: confirm it, or change your mind (W3C 5.3)."""
        return _messages.SubscriptionVerificationSuccess()

    async def on_unsubscription_verification(
        self, message: _messages.UnsubscriptionVerification
    ) -> _messages.UnsubscriptionVerificationSuccess | _errors.UnsubscriptionVerificationError:
        """Return a hub asks about an unsubscription that was asked for: confirm it, or change your mind (W3C 5.3)."""
        return _messages.UnsubscriptionVerificationSuccess()

    async def on_subscription_validation_denied(
        self, message: _messages.SubscriptionDenied
    ) -> _messages.Acknowledgement | None:
        """Return a hub denied a subscription: it is over (W3C 5.2)."""
        return None

    async def on_hub_error(self, message: _messages.HubError) -> _messages.Acknowledgement | None:
        """Return a hub failed with a subscription that was verified."""
        return None


#: What each hook is called with, what it may answer, and what any other error means. The documentation and the tests
#: read this table too.
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
