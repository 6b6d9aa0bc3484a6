"""Outcomes of deliveries: a response, or the reason why there was none."""

import errno
from enum import StrEnum

import attrs

#: This process, or the whole system, has reached its limit of open files.
_NO_DESCRIPTOR = {errno.EMFILE, errno.ENFILE}


class DeliveryFailure(StrEnum):
    """Why a delivery got no usable response.

    Other requests fail with a ``Failure`` of the HTTP client. A delivery can fail in more ways, and operators see these
    in dead letters and metrics.
    """

    INVALID_REQUEST = "invalid request"
    UNRESOLVED_NAME = "unresolved name"
    REFUSED_ADDRESS = "refused address"
    CONNECT = "connect"
    CONNECT_TIMEOUT = "connect timeout"
    TLS = "tls"
    TIMEOUT = "timeout"
    RESET = "reset"
    MALFORMED_ANSWER = "malformed answer"
    TOO_LARGE = "too large"
    NO_DESCRIPTOR = "no file descriptor left"
    HELD_BACK = "address held back"


@attrs.frozen
class DeliveryOutcome:
    """The outcome of one delivery.

    Attributes:
        status: The status of the response, or 0 if there was none.
        headers: Its header fields, as received and in order.
        body: Its body, if requested, or its beginning. The body of the response to a delivery is ignored (W3C 7).
        failure: Why the exchange failed, or None after a response with any status. Once the status line is read, the
            status counts, whatever follows.
        detail: The failure in words, for operators. It names neither the callback nor a secret.
        body_failure: Why ``body`` is only a part of the requested body, or None.
        seconds: How long the exchange took on its connection, or until it failed. It is 0 if no connection was tried,
            or if the delivery arrived and its content is not ``timed``.
        delivered: Whether the subscriber accepted it: any status from 200 to 299 (W3C 7).
    """

    status: int = 0
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    failure: DeliveryFailure | None = None
    detail: str = ""
    body_failure: DeliveryFailure | None = None
    seconds: float = attrs.field(default=0.0, eq=False)
    delivered: bool = attrs.field(init=False, repr=False)

    @delivered.default
    def _is_delivered(self) -> bool:
        return self.failure is None and 200 <= self.status < 300  # noqa: PLR2004 - the bounds of 2xx

    @property
    def retry_after(self) -> str | None:
        """The ``Retry-After`` header of the response as received, in seconds or as a date."""
        for name, value in self.headers:
            if name.lower() == "retry-after":
                return value
        return None


def is_out_of_descriptors(error: OSError) -> bool:
    """Return whether no socket could be made because too many files are open."""
    return error.errno in _NO_DESCRIPTOR
