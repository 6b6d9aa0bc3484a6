"""The hub's side of the protocol: requests as messages, outcomes as responses. No I/O, no clock, no randomness."""

import hmac
from collections.abc import Callable, Mapping

from _websub.grammar.forms import Form, FormError, parse_form, write_form
from _websub.grammar.numbers import whole_number
from _websub.grammar.signature import SecretError, check_secret
from _websub.grammar.urls import UrlError, append_query, check_url
from _websub.grammar.vocabulary import FORM, Header, Mode, Parameter
from _websub.http import HeaderPairs, Headers, Request, Response, plain
from _websub.outcome import Success, WebSubError
from websubhub._config import HubConfig
from websubhub._messages import TopicDeregistration, TopicRegistration, UpdateMessage
from websubhub._publish_request import (
    RefusedTopic,
    is_topic_name,
    read_announcement,
    read_body_form,
    read_content,
)
from websubhub._subscriptions import (
    Subscription,
    SubscriptionPermanentRedirect,
    SubscriptionTemporaryRedirect,
    Unsubscription,
    VerifiedSubscription,
    VerifiedUnsubscription,
)

Message = TopicRegistration | TopicDeregistration | Subscription | Unsubscription | UpdateMessage | RefusedTopic

_REASON_LIMIT = 500
_LONGEST_LEASE = 10**18


def read_request(request: Request, config: HubConfig) -> tuple[Message, ...]:
    """Return the messages in a request to the hub: one, or an update for each topic that a publisher named.

    Raises:
        FormError, UrlError, SecretError: The request is malformed. The message says why.
    """
    query = parse_form(request.query, is_topic_name)
    form = read_body_form(request, query)
    if form is None:
        return read_content(request, query)
    if not form.every(Parameter.MODE) and query.every(Parameter.MODE) == (Mode.PUBLISH,):
        return read_announcement(request, query, form)
    return _read_form(request, query, form, config)


def _read_form(request: Request, query: Form, form: Form, config: HubConfig) -> tuple[Message, ...]:
    mode = form.one(Parameter.MODE)
    if mode == Mode.PUBLISH:
        return read_announcement(request, query, form)
    read = _BY_MODE.get(mode or "")
    if read is None:
        raise FormError("The request does not include valid `hub.mode` form param.")
    form.check_text()
    return (read(request, form, config),)


def _topic(form: Form) -> str:
    return check_url(form.required(Parameter.TOPIC), Parameter.TOPIC)


_TOPIC_FIELDS = frozenset({Parameter.MODE, Parameter.TOPIC})


def _registration(request: Request, form: Form, _: HubConfig) -> TopicRegistration:
    return TopicRegistration(topic=_topic(form), headers=request.headers, extras=form.without(_TOPIC_FIELDS))


def _deregistration(request: Request, form: Form, _: HubConfig) -> TopicDeregistration:
    return TopicDeregistration(topic=_topic(form), headers=request.headers, extras=form.without(_TOPIC_FIELDS))


_SUBSCRIPTION_FIELDS = frozenset(
    {Parameter.MODE, Parameter.TOPIC, Parameter.CALLBACK, Parameter.LEASE_SECONDS, Parameter.SECRET}
)


def _callback(form: Form) -> str:
    return check_url(form.required(Parameter.CALLBACK), Parameter.CALLBACK)


def _secret(form: Form) -> str | None:
    secret = form.one(Parameter.SECRET)
    return None if secret is None else check_secret(secret)


def _subscription(request: Request, form: Form, config: HubConfig) -> Subscription:
    return Subscription(
        hub=config.public_url,
        topic=_topic(form),
        callback=_callback(form),
        lease_seconds=config.grant(_requested_lease(form)),
        secret=_secret(form),
        headers=request.headers,
        client=request.client,
        extras=form.without(_SUBSCRIPTION_FIELDS),
    )


def _requested_lease(form: Form) -> int | None:
    text = form.one(Parameter.LEASE_SECONDS)
    if text is None:
        return None
    # Any number may be requested, since the granted lease has a limit.
    seconds = whole_number(text, _LONGEST_LEASE)
    if not seconds:
        raise FormError(f"{Parameter.LEASE_SECONDS} must be a positive number of seconds.")
    return seconds


def _unsubscription(request: Request, form: Form, config: HubConfig) -> Unsubscription:
    """Return an unsubscription. Its lease is ignored, even if malformed (W3C 5.1)."""
    return Unsubscription(
        hub=config.public_url,
        topic=_topic(form),
        callback=_callback(form),
        secret=_secret(form),
        headers=request.headers,
        extras=form.without(_SUBSCRIPTION_FIELDS),
    )


#: The function that reads a request, by its ``hub.mode``. Publish requests are recognised by their content instead.
_BY_MODE: Mapping[str, Callable[[Request, Form, HubConfig], Message]] = {
    Mode.SUBSCRIBE: _subscription,
    Mode.UNSUBSCRIBE: _unsubscription,
    Mode.REGISTER: _registration,
    Mode.DEREGISTER: _deregistration,
}

_REDIRECTS = (SubscriptionTemporaryRedirect, SubscriptionPermanentRedirect)
_CONTENT_TYPE = Header.CONTENT_TYPE.lower()
_FORM_ONLY = Headers([(Header.CONTENT_TYPE, FORM)])
_ACCEPTED = write_form([(Parameter.MODE, Mode.ACCEPTED)]).encode()


def write_outcome(outcome: Success | WebSubError) -> Response:
    """Return the response for the outcome of a hook: ``hub.mode=accepted`` or ``hub.mode=denied``, with its fields."""
    if isinstance(outcome, _REDIRECTS):
        location = ("Location", check_url(outcome.location, "The redirect"))
        return Response(status=outcome.status, headers=(*outcome.headers.pairs, location))
    if isinstance(outcome, WebSubError):
        fields = [(Parameter.MODE, Mode.DENIED.value), (Parameter.REASON, outcome.reason)]
        body = write_form([*fields, *outcome.body.items()]).encode()
    else:
        body = _ACCEPTED + (f"&{write_form(outcome.body)}".encode() if outcome.body else b"")
    headers = _with_type(outcome, FORM) if outcome.headers.pairs else _FORM_ONLY
    return Response(status=outcome.status, headers=headers, body=body)


def write_refusal(error: WebSubError) -> Response:
    """Return the response to a (un)subscription request that a hook refused: its reason as plain text (W3C 5.1.2).

    If the error has fields, the response is a form with them.
    """
    if error.body:
        return write_outcome(error)
    headers = _with_type(error, "text/plain; charset=utf-8")
    return Response(status=error.status, headers=headers, body=error.reason.encode())


def _with_type(outcome: Success | WebSubError, content_type: str) -> HeaderPairs:
    for name, _ in outcome.headers.pairs:
        if name.lower() == _CONTENT_TYPE:
            return outcome.headers.pairs
    return ((Header.CONTENT_TYPE, content_type), *outcome.headers.pairs)


def refuse(error: FormError | UrlError | SecretError) -> Response:
    """Return the response to a malformed request: one sentence as plain text (W3C 5.1.2)."""
    return plain(error.status if isinstance(error, FormError) else 400, str(error))


def verification(message: Subscription | Unsubscription, challenge: str) -> Request:
    """Return the verification request, which asks a subscriber to confirm its intent (W3C 5.3)."""
    subscribing = isinstance(message, Subscription)
    fields = [
        (Parameter.MODE, (Mode.SUBSCRIBE if subscribing else Mode.UNSUBSCRIBE).value),
        (Parameter.TOPIC, message.topic),
        (Parameter.CHALLENGE, challenge),
    ]
    if isinstance(message, Subscription):
        fields.append((Parameter.LEASE_SECONDS, str(message.lease_seconds)))
    return Request(method="GET", url=append_query(message.callback, fields))


def is_confirmed(response: Response, challenge: str) -> bool:
    """Return whether a subscriber confirmed: any 2xx, with the challenge as the whole body (W3C 5.3.1)."""
    return response.ok and hmac.compare_digest(response.body, challenge.encode())


def notice(mode: Mode, message: Subscription | Unsubscription, reason: str) -> Request:
    """Return the request that notifies a subscriber of a denial or of an error of the hub (W3C 5.2)."""
    fields = [(Parameter.MODE, mode.value), (Parameter.TOPIC, message.topic)]
    if reason:
        fields.append((Parameter.REASON, reason[:_REASON_LIMIT]))
    return Request(method="GET", url=append_query(message.callback, fields))


def verified(message: Subscription | Unsubscription, now: float) -> VerifiedSubscription | VerifiedUnsubscription:
    """Return the message of a confirmed subscription or unsubscription.

    Args:
        message: The confirmed request.
        now: When the verification request was sent, in seconds since 1970.
    """
    if isinstance(message, Subscription):
        return VerifiedSubscription(
            hub=message.hub,
            topic=message.topic,
            callback=message.callback,
            lease_seconds=message.lease_seconds,
            secret=message.secret,
            headers=message.headers,
            client=message.client,
            extras=message.extras,
            request_id=message.request_id,
            verified_at=now,
        )
    return VerifiedUnsubscription(
        hub=message.hub,
        topic=message.topic,
        callback=message.callback,
        secret=message.secret,
        headers=message.headers,
        extras=message.extras,
        request_id=message.request_id,
        verified_at=now,
    )
