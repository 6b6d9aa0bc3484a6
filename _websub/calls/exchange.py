"""The limits of an outgoing exchange, and its result: a response, or the reason why there is none."""

from collections.abc import AsyncIterator
from enum import StrEnum

import attrs

from _websub.grammar.links import resolve
from _websub.http import Headers

_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class Failure(StrEnum):
    """Why an exchange brought no usable response.

    The delivery engine has its own reasons, ``DeliveryFailure``: a delivery can end in more ways, and operators see
    them in dead letters and metrics.
    """

    BUDGET = "the budget of the address is used up"
    NAME = "the name does not resolve"
    ADDRESS = "the address may not be called"
    CONNECT = "no connection"
    TLS = "TLS failed"
    TIMEOUT = "no answer in time"
    MALFORMED = "the answer is malformed"
    BROKEN = "the connection broke"
    TOO_LARGE = "the answer is too large"
    URL = "the URL cannot be called"
    REQUEST = "the request cannot be sent"


class ExchangeError(Exception):
    """No usable response came back.

    Attributes:
        failure: What went wrong.
        wait: For ``Failure.BUDGET``, the seconds after which to try again. No host was called.
    """

    def __init__(self, failure: Failure, wait: float = 0.0) -> None:
        super().__init__(str(failure))
        self.failure = failure
        self.wait = wait


@attrs.frozen(kw_only=True)
class ExchangeLimits:
    """The limits of one exchange.

    Attributes:
        seconds: The longest time from the start of the connection to the last byte.
        connect_seconds: The longest time for the connection and TLS.
        response_bytes: The largest body of a response.
        connections: How many connections may be open at a time.
        keep_alive: How many idle connections are kept.
    """

    seconds: float = 15.0
    connect_seconds: float = 5.0
    response_bytes: int = 65_536
    connections: int = 100
    keep_alive: int = 20


@attrs.frozen(kw_only=True)
class Incoming:
    """A response whose body is still arriving.

    Attributes:
        url: The URL that answered.
        status: The status code.
        headers: The headers.
        chunks: The body as it arrives, undecoded.
    """

    url: str
    status: int
    headers: Headers
    chunks: AsyncIterator[bytes]

    @property
    def redirect(self) -> str | None:
        """The target of a redirect as an absolute URL without fragment, or None."""
        location = self.headers.get("location")
        target = resolve(self.url, location) if location and self.status in _REDIRECTS else None
        # The fragment is for browsers, and is never sent (RFC 9110, 10.2.2).
        return target.partition("#")[0] if target else None
