"""The response of a topic: checks that it has the whole content, and readers of its head and body."""

from collections.abc import AsyncIterator, Awaitable, Callable

import anyio.lowlevel
import attrs

from _websub.calls.exchange import Incoming
from _websub.grammar.coding import ContentCodingError, content_decoder
from _websub.grammar.links import Link
from _websub.grammar.media import is_content_type
from _websub.grammar.urls import UrlError, check_url
from _websub.grammar.vocabulary import OCTET_STREAM
from _websub.http import Headers
from websubhub._clients.large_contents import FREE_BYTES
from websubhub._errors import TopicFetchError

NOT_MODIFIED = 304
#: The statuses with content. 203 is the content too, modified by a proxy. Other 2xx have a part of it, or none.
CONTENT: frozenset[int] = frozenset({200, 203})
#: The most bytes that a coding may add to content that it cannot compress.
_WIRE_SLACK = 65_536
_DIGITS = 20
_TOO_LARGE = "The topic's content is too large."


@attrs.define
class Counted:
    """A body whose bytes are counted as they arrive."""

    chunks: AsyncIterator[bytes]
    size: int = 0

    def __aiter__(self) -> "Counted":
        return self

    async def __anext__(self) -> bytes:
        """Return the next piece."""
        chunk = await anext(self.chunks)
        self.size += len(chunk)
        return chunk


def wrong(incoming: Incoming, reason: str) -> TopicFetchError:
    """Return the error for a response that cannot be used."""
    return TopicFetchError(reason, status=incoming.status, headers=incoming.headers)


def check(incoming: Incoming) -> None:
    """Raise ``TopicFetchError`` if a response does not have the whole content in a coding that can be read."""
    status = incoming.status
    if status == NOT_MODIFIED:
        raise wrong(incoming, "The topic answered 304, although the request was not conditional.")
    if status not in CONTENT:
        without = ", without its content" if 200 <= status <= 299 else ""  # noqa: PLR2004 - of 2xx
        raise wrong(incoming, f"The topic answered {status}{without}.")
    try:
        content_decoder(incoming.headers.get_all("content-encoding"))
    except ContentCodingError as error:
        raise wrong(incoming, f"The topic cannot be unpacked. {error}") from error


async def body_of(incoming: Incoming, limit: int, admit: Callable[[], Awaitable[None]]) -> bytes:
    """Return the whole content, unpacked. Other tasks get a turn between pieces.

    Args:
        incoming: The response.
        limit: The size of the largest content.
        admit: Waits for a place among large contents. Called once the content turns out to be large.
    """
    decoder = content_decoder(incoming.headers.get_all("content-encoding"))
    on_the_wire = limit + _WIRE_SLACK
    announced = incoming.headers.get("content-length", "")
    if announced.isascii() and announced.isdigit() and len(announced) < _DIGITS and int(announced) > on_the_wire:
        raise wrong(incoming, _TOO_LARGE)
    body = bytearray()
    arrived, is_large = 0, False
    async for chunk in incoming.chunks:
        arrived += len(chunk)
        await anyio.lowlevel.checkpoint()
        for piece in decoder.feed(chunk):
            body += piece
            if len(body) > limit:
                break
            await anyio.lowlevel.checkpoint()
        if not is_large and len(body) > FREE_BYTES:
            is_large = True
            await admit()
        if max(len(body), arrived - _WIRE_SLACK) > limit:
            raise wrong(incoming, _TOO_LARGE)
    decoder.finish()
    return bytes(body)


def content_type_of(headers: Headers) -> str:
    """Return the Content-Type if there is one that can be passed on, or else ``application/octet-stream``."""
    values = set(headers.get_all("content-type"))
    content_type = values.pop() if len(values) == 1 else ""
    return content_type if is_content_type(content_type) else OCTET_STREAM


def targets(links: tuple[Link, ...], relation: str) -> list[str]:
    """Return the URLs with a relation that can be passed on, without duplicates."""
    return [url for url in dict.fromkeys(link.target for link in links if relation in link.relations) if _is_url(url)]


def _is_url(text: str) -> bool:
    try:
        check_url(text)
    except UrlError:
        return False
    return True
