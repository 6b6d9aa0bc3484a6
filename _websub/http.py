"""HTTP as values: requests, responses, and answers with a follow-up."""

from collections.abc import Awaitable, Callable
from typing import Any

import attrs

from _websub.headers import NO_HEADERS, HeaderPairs, Headers, HeaderTypes, HeaderValue, as_headers

__all__ = [
    "NO_HEADERS",
    "RETRY_LATER",
    "Answer",
    "HeaderPairs",
    "HeaderTypes",
    "HeaderValue",
    "Headers",
    "Request",
    "Response",
    "Send",
    "Then",
    "as_headers",
    "plain",
]


@attrs.frozen(kw_only=True)
class Request:
    """An incoming or outgoing request.

    Attributes:
        method: The method, in upper case.
        url: The absolute URL, as it is sent.
        headers: The headers.
        body: The whole body.
        mount: The path that this application is mounted below, without a trailing slash.
        client: The address that the request came from (for IPv6, its /64 network). Empty if unknown.
    """

    method: str
    url: str = attrs.field(repr=False)
    headers: Headers = attrs.field(default=NO_HEADERS, converter=as_headers)
    body: bytes = attrs.field(default=b"", repr=False)
    mount: str = ""
    client: str = attrs.field(default="", eq=False)

    @property
    def query(self) -> str:
        """The part after the first question mark, undecoded."""
        return self.url.partition("#")[0].partition("?")[2]

    @property
    def path(self) -> str:
        """The path of the URL, undecoded. It is at least ``/``."""
        rest = self.url.partition("#")[0].partition("?")[0].partition("://")[2]
        return "/" + rest.partition("/")[2]

    @property
    def local_path(self) -> str:
        """The path below the mount. It is empty if the request is for the mount itself."""
        if self.mount and (self.path == self.mount or self.path.startswith(self.mount + "/")):
            return self.path[len(self.mount) :].rstrip("/")
        return self.path


@attrs.frozen(kw_only=True)
class Response:
    """A response, ours or a peer's.

    Attributes:
        status: The status code.
        headers: The headers.
        body: The whole body, or as much as the limit allowed.
    """

    status: int
    headers: Headers = attrs.field(default=NO_HEADERS, converter=as_headers)
    body: bytes = attrs.field(default=b"", repr=False)

    @property
    def ok(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status <= 299  # noqa: PLR2004 - the bounds of 2xx

    @property
    def says_not_now(self) -> bool:
        """Whether the status invites another attempt: 5xx, 408, 425 or 429."""
        return self.status in {408, 425, 429} or self.status >= 500  # noqa: PLR2004 - status codes


Send = Callable[[Request], Awaitable[Response]]
Then = Callable[[], Awaitable[Any]]


@attrs.frozen
class Answer:
    """A response, and what to do after it is sent.

    Attributes:
        response: The response.
        then: The follow-up, which runs after the response is sent. If it fails, the failure is only logged.
    """

    response: Response
    then: Then | None = None


#: Tells a client that the answer is not final.
RETRY_LATER: tuple[tuple[str, str], ...] = (("Retry-After", "5"),)


def plain(status: int, text: str, headers: "HeaderPairs" = ()) -> Response:
    """Return a plain-text response of one sentence."""
    pairs = (("Content-Type", "text/plain; charset=utf-8"), *headers)
    return Response(status=status, headers=pairs, body=text.encode())
