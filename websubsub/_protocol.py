"""The subscriber's side of the protocol: requests as messages, outcomes as responses. No I/O, clock or randomness."""

import re
from collections.abc import Iterable
from http import HTTPStatus

from _websub.grammar.forms import Form, FormError, parse_notice, write_form
from _websub.grammar.urls import UrlError, check_url, iri_identity
from _websub.grammar.vocabulary import CHALLENGE_CHARACTERS, FORM, OCTET_STREAM, Header, Mode, Parameter
from _websub.http import HeaderPairs, Headers, Request, Response, plain
from _websub.outcome import Success, WebSubError
from websubsub._config import CallbackPolicy
from websubsub._messages import (
    HubError,
    Notice,
    SubscriptionDenied,
    SubscriptionVerification,
    UnsubscriptionVerification,
)

_LEASE = re.compile(r"0*([1-9][0-9]*)", re.ASCII)
_DIGITS_LIMIT = 18
_KNOWN = (Parameter.MODE, Parameter.TOPIC, Parameter.CHALLENGE, Parameter.LEASE_SECONDS, Parameter.REASON)
_EXACT = (Parameter.MODE, Parameter.TOPIC, Parameter.CHALLENGE, Parameter.LEASE_SECONDS)
_NOSNIFF = ("X-Content-Type-Options", "nosniff")


class Callback:
    """The callback of one subscription, which reads the requests that arrive there.

    Args:
        hub: The subscription's hub.
        topic: The subscription's topic.
        url: The callback's URL.
        lease_seconds: The lease to assume if the hub names none, in seconds.
        policy: What callbacks accept.
    """

    def __init__(self, *, hub: str, topic: str, url: str, lease_seconds: int, policy: CallbackPolicy) -> None:
        self._hub = hub
        self._topic = topic
        self._query = url.partition("?")[2]
        self._lease_seconds = lease_seconds
        self._policy = policy

    def read(self, request: Request) -> Notice:
        """Return the message in a hub's GET request (W3C 5.2, 5.3).

        Raises:
            FormError: The mode is unknown (400), or the request cannot be confirmed (404).
        """
        try:
            form = parse_notice(self._own_part(request.query), _EXACT)
            mode = form.one(Parameter.MODE)
            return self._read(mode, form, request.headers)
        except FormError as error:
            raise FormError(error.reason, status=400 if isinstance(error, _ModeError) else 404) from None

    def _own_part(self, query: str) -> str:
        # The callback's own query comes first and does not belong to the hub, whatever its names (W3C 5.1.1).
        if self._query and query.startswith(self._query):
            return query[len(self._query) :].lstrip("&")
        return query

    def _read(self, mode: str | None, form: Form, headers: Headers) -> Notice:
        hub, extras = self._hub, form.without(_KNOWN)
        match mode:
            case Mode.SUBSCRIBE:
                topic, challenge, lease = self._named(form), self._challenge(form), self._lease(form)
                return SubscriptionVerification(
                    hub=hub, topic=topic, challenge=challenge, lease_seconds=lease, headers=headers, extras=extras
                )
            case Mode.UNSUBSCRIBE:
                topic, challenge = self._named(form), self._challenge(form)
                return UnsubscriptionVerification(
                    hub=hub, topic=topic, challenge=challenge, headers=headers, extras=extras
                )
            case Mode.DENIED | Mode.HUB_ERROR:
                kind = SubscriptionDenied if mode == Mode.DENIED else HubError
                topic = self._named(form) if any(form.every(Parameter.TOPIC)) else self._topic
                # The reason is for people, so its form does not matter.
                reason = next(iter(form.every(Parameter.REASON)), "")
                return kind(hub=hub, topic=topic, reason=reason, headers=headers, extras=extras)
            case _:
                raise _ModeError("The request has no hub.mode that a subscriber knows.")

    def _named(self, form: Form) -> str:
        topic = form.required(Parameter.TOPIC)
        if _identity(topic) != _identity(self._topic):
            raise FormError("There is no subscription to this topic here.")
        return topic

    def _challenge(self, form: Form) -> str:
        challenge = form.required(Parameter.CHALLENGE)
        if len(challenge) > self._policy.challenge_limit:
            raise FormError("The challenge is too long.")
        if not challenge.isascii() and not _is_text(challenge):
            raise FormError("The challenge is not valid UTF-8.")
        if not self._policy.any_challenge and not CHALLENGE_CHARACTERS.issuperset(challenge):
            raise FormError("The challenge has characters that are not allowed in challenges.")
        return challenge

    def _lease(self, form: Form) -> int:
        """Return the lease within the limit of the policy. Hubs from before 2018 name none."""
        text = form.one(Parameter.LEASE_SECONDS)
        if text is None:
            return min(self._lease_seconds, self._policy.max_lease_seconds)
        match = _LEASE.fullmatch(text)
        if match is None:
            raise FormError(f"{Parameter.LEASE_SECONDS} must be a positive number of seconds.")
        # Some hubs grant ten years, and int() refuses thousands of digits.
        granted = int(match[1]) if len(match[1]) <= _DIGITS_LIMIT else self._policy.max_lease_seconds
        return min(granted, self._policy.max_lease_seconds)


def _identity(topic: str) -> str:
    try:
        return iri_identity(check_url(topic))
    except UrlError:
        return topic


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


class _ModeError(FormError):
    """The mode is unknown."""


def find_token(request: Request, folder: str) -> str | None:
    """Return the token of the callback that a request is for, or None if it is for something else.

    Args:
        request: The request.
        folder: The path of the subscriber's public URL, below which all callbacks are, without a slash at its end.
    """
    above, _, token = request.path.rpartition("/")
    if above == folder:
        return token
    # A proxy, or the framework that the application is mounted in, may have removed the public path.
    return token if request.local_path.rpartition("/")[0] == "" else None


def write_confirmation(challenge: str, success: Success) -> Response:
    """Return the response that confirms: only the challenge, with a type that no browser renders (W3C 5.3.1, 8.2)."""
    kept = _without(success.headers.pairs, (Header.CONTENT_TYPE, _NOSNIFF[0]))
    headers = (*kept, (Header.CONTENT_TYPE, OCTET_STREAM), _NOSNIFF)
    return Response(status=200, headers=headers, body=challenge.encode())


def write_acknowledgement(success: Success | None, status: int) -> Response:
    """Return the response to an accepted message, with the fields of the success if it has any.

    Args:
        success: The success that the hook returned, or None.
        status: The status if the hook set none.
    """
    if success is None:
        return Response(status=status)
    status = success.status if success.status // 100 == 2 else status  # noqa: PLR2004 - 2xx
    return _write(status, success.headers.pairs, list(success.body.items()))


def write_error(error: WebSubError) -> Response:
    """Return the response for an error, with its reason as a form field. It is never a redirect (W3C 7)."""
    status = error.status if error.status >= HTTPStatus.BAD_REQUEST else type(error).status
    return _write(status, error.headers.pairs, [("reason", error.reason), *error.body.items()])


def write_refusal(error: FormError) -> Response:
    """Return the response to a malformed request: one sentence as plain text."""
    return plain(error.status, error.reason, [_NOSNIFF])


def _write(status: int, headers: HeaderPairs, fields: list[tuple[str, str]]) -> Response:
    if not fields:
        return Response(status=status, headers=headers)
    typed = (*_without(headers, (Header.CONTENT_TYPE,)), (Header.CONTENT_TYPE, FORM))
    return Response(status=status, headers=typed, body=write_form(fields).encode())


def _without(headers: HeaderPairs, names: Iterable[str]) -> tuple[tuple[str, str], ...]:
    dropped = {name.lower() for name in names}
    return tuple((name, value) for name, value in headers if name.lower() not in dropped)


def change_request(mode: Mode, hub: str, fields: dict[str, str | None], headers: HeaderPairs) -> Request:
    """Return the request to subscribe or unsubscribe (W3C 5.1).

    Args:
        mode: ``subscribe`` or ``unsubscribe``.
        hub: The hub.
        fields: The parameters after ``hub.mode``. Those that are None are left out.
        headers: Additional headers.
    """
    pairs = [(Parameter.MODE, mode.value), *((name, value) for name, value in fields.items() if value)]
    typed = (*_without(headers, (Header.CONTENT_TYPE,)), (Header.CONTENT_TYPE, FORM))
    return Request(method="POST", url=hub, headers=typed, body=write_form(pairs).encode())
