"""The entries of a delivered feed: Atom, RSS or JSON Feed, recognised by its content."""

from typing import Any
from xml.etree.ElementTree import Element

import attrs

from _websub.grammar.coding import ContentCodingError, content_decoder
from _websub.grammar.media import ContentError, MediaType
from websubsub._discovery.sniffing import SNIFFED_BYTES, DiscoverySource, sniff
from websubsub._messages import ContentDistributionMessage

_MOST_BYTES = 4 * 1024 * 1024
_JSON_FEED = "https://jsonfeed.org/version/"

#: The id of an entry, and its title.
Entry = tuple[str, str]


def unpacked(message: ContentDistributionMessage) -> ContentDistributionMessage | None:
    """Return the delivery with its body unpacked, or None if it cannot be unpacked or is too large."""
    codings = message.headers.get_all("content-encoding")
    if not codings:
        return message
    body = bytearray()
    try:
        decoder = content_decoder(codings)
        for piece in decoder.feed(message.body):
            body += piece
            if len(body) > _MOST_BYTES:
                return None
        decoder.finish()
    except ContentCodingError:
        return None
    return attrs.evolve(message, body=bytes(body))


def entries(message: ContentDistributionMessage) -> list[Entry] | None:
    """Return the entries of a feed in order, none if it cannot be read, or None if the delivery is not a feed."""
    kind = sniff(message.body[:SNIFFED_BYTES], MediaType.parse(message.content_type), final=True)
    source = None if kind is None else kind.source
    try:
        if source is DiscoverySource.XML:
            return _of_xml(message.xml())
        if source is DiscoverySource.JSON:
            return _of_json(message.json())
    except ContentError:
        return [] if source is DiscoverySource.XML else None
    return None


def _of_xml(root: Element) -> list[Entry] | None:
    if _local(root.tag) not in {"feed", "rss", "RDF"}:
        return None
    found: list[Entry] = []
    for element in root.iter():
        if _local(element.tag) in {"entry", "item"}:
            fields = {_local(child.tag): _line("".join(child.itertext())) for child in reversed(element)}
            title = fields.get("title") or "untitled"
            found.append((fields.get("id") or fields.get("guid") or fields.get("link") or title, title))
    return found


def _of_json(feed: Any) -> list[Entry] | None:
    if not isinstance(feed, dict) or not str(feed.get("version")).startswith(_JSON_FEED):
        return None
    items = feed.get("items")
    found: list[Entry] = []
    for item in items if isinstance(items, list) else ():
        if isinstance(item, dict):
            title = _line(str(item.get("title") or "")) or "untitled"
            found.append((str(item.get("id") or title), title))
    return found


def _line(text: str) -> str:
    return " ".join(text.split())


def _local(tag: object) -> str:
    return str(tag).rpartition("}")[2]
