"""The hubs of a JSON Feed, for those who ask for it: a field of JSON Feed 1.1 that W3C WebSub does not know."""

from itertools import islice
from typing import Any

from _websub.grammar.links import Link, resolve
from _websub.grammar.media import ContentError, read_json

MAX_JSON_FEED_BYTES = 512 * 1024
MAX_LINKS = 100


class JsonFeedReader:
    """Reads a JSON Feed, all of it since fields come in any order, and gives ``hubs`` and ``feed_url`` as links.

    Attributes:
        failure: None: what is wrong with it is raised.
        was_cut: False, for the same reason.

    Args:
        url: Where the feed was found.
    """

    failure: str | None = None
    was_cut = False

    def __init__(self, *, url: str) -> None:
        self._url = url
        self._content = bytearray()

    def feed(self, chunk: bytes) -> bool:
        """Take the next bytes of the feed; always false since its end has to be seen.

        Raises:
            ContentError: It is too long.
        """
        self._content += chunk
        if len(self._content) > MAX_JSON_FEED_BYTES:
            raise ContentError("The JSON Feed is longer than 512 KiB.")
        return False

    def finish(self) -> tuple[Link, ...]:
        """Give the hubs of type WebSub and, as ``self``, the URL of the feed (JSON Feed 1.1).

        Raises:
            ContentError: It is not JSON.
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
