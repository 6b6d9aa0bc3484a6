"""How a delivery ended: with an answer, or with the reason why there was none."""

import errno
from enum import StrEnum

import attrs

#: This program, or the whole system, has as many files open as it may.
_NO_DESCRIPTOR = {errno.EMFILE, errno.ENFILE}


class DeliveryFailure(StrEnum):
    """Why a delivery got no answer that counts."""

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
        status: The status of the answer, 0 when there was none.
        headers: Its header fields, as received and in their order.
        body: Its body, when that was asked for; the body of the answer to a delivery is ignored (W3C 7).
        failure: Why the exchange failed, or ``None`` after an answer of any status: once its status line is read, an
            answer counts by that, whatever follows.
        detail: The failure in words for the log of an operator; it names neither the callback nor a secret.
        body_failure: Why ``body`` is not all of the body that was asked for, and only what could be read of it.
        delivered: Whether the subscriber took it: any status from 200 to 299 (W3C 7).
    """

    status: int = 0
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    failure: DeliveryFailure | None = None
    detail: str = ""
    body_failure: DeliveryFailure | None = None
    delivered: bool = attrs.field(init=False, repr=False)

    @delivered.default
    def _is_delivered(self) -> bool:
        return self.failure is None and 200 <= self.status < 300  # noqa: PLR2004 - success of HTTP

    @property
    def retry_after(self) -> str | None:
        """The ``Retry-After`` of the answer as received, in seconds or as a date."""
        for name, value in self.headers:
            if name.lower() == "retry-after":
                return value
        return None


def is_out_of_descriptors(error: OSError) -> bool:
    """Return whether no socket could be made because too many files are open, whoever it was for."""
    return error.errno in _NO_DESCRIPTOR
