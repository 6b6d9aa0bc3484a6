"""What an outgoing exchange brings: an answer on its way, or why there is none; and its bounds."""

from collections.abc import AsyncIterator
from enum import StrEnum

import attrs

from _websub.grammar.links import resolve
from _websub.http import Headers

_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class Failure(StrEnum):
    """Why an exchange brought no answer."""

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
    """No usable answer came back.

    Attributes:
        failure: What went wrong.
        wait: For ``Failure.BUDGET``, in how many seconds to try again; nobody was called.
    """

    def __init__(self, failure: Failure, wait: float = 0.0) -> None:
        super().__init__(str(failure))
        self.failure = failure
        self.wait = wait


@attrs.frozen(kw_only=True)
class ExchangeLimits:
    """The bounds of one exchange.

    Attributes:
        seconds: From the start of the connection to the last byte.
        connect_seconds: For the connection and TLS.
        response_bytes: The largest answer.
        connections: How many connections are open at a time.
        keep_alive: How many idle connections are kept.
    """

    seconds: float = 15.0
    connect_seconds: float = 5.0
    response_bytes: int = 65_536
    connections: int = 100
    keep_alive: int = 20


@attrs.frozen(kw_only=True)
class Incoming:
    """An answer whose body is still on its way.

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
        """Where the answer sends us, as an absolute URL without a fragment; nowhere if that cannot be read."""
        location = self.headers.get("location")
        target = resolve(self.url, location) if location and self.status in _REDIRECTS else None
        # The fragment is for who shows the page, and is never sent (RFC 9110, 10.2.2).
        return target.partition("#")[0] if target else None
