"""The hubs of a JSON Feed, read on request, since W3C WebSub does not mention this field of JSON Feed 1.1."""

from itertools import islice
from typing import Any

from _websub.grammar.links import Link, resolve
from _websub.grammar.media import ContentError, read_json

MAX_JSON_FEED_BYTES = 512 * 1024
MAX_LINKS = 100


class JsonFeedReader:
    """Reads ``hubs`` and ``feed_url`` of a JSON Feed as links. It reads the whole feed, whose fields have no order.

    Attributes:
        failure: Always None, since errors are raised.
        was_cut: Always False, since a feed that is too long is an error.

    Args:
        url: The URL of the feed.
    """

    failure: str | None = None
    was_cut = False

    def __init__(self, *, url: str) -> None:
        self._url = url
        self._content = bytearray()

    def feed(self, chunk: bytes) -> bool:
        """Read the next bytes of the feed. Return False, since all of it is needed.

        Raises:
            ContentError: The feed is too long.
        """
        self._content += chunk
        if len(self._content) > MAX_JSON_FEED_BYTES:
            raise ContentError("The JSON Feed is longer than 512 KiB.")
        return False

    def finish(self) -> tuple[Link, ...]:
        """Return the hubs of type WebSub and, as ``self``, the URL of the feed (JSON Feed 1.1).

        Raises:
            ContentError: The feed is not JSON.
        """
        feed = read_json(bytes(self._content))
        if not isinstance(feed, dict):
            return ()
        hubs = feed.get("hubs")
        urls = (url for hub in (hubs if isinstance(hubs, list) else ()) if (url := _websub_url(hub)) is not None)
        references = [*(("hub", url) for url in islice(urls, MAX_LINKS)), ("self", feed.get("feed_url"))]
        return tuple(link for relation, url in references if (link := self._link(relation, url)))

    def _link(self, relation: str, reference: Any) -> Link | None:
        target = resolve(self._url, reference) if isinstance(reference, str) else None
        return None if target is None else Link(target=target, relations=frozenset({relation}))


def _websub_url(hub: Any) -> Any:
    kind = hub.get("type") if isinstance(hub, dict) else None
    return hub.get("url") if isinstance(kind, str) and kind.lower() == "websub" else None
