"""The kind of a body, by its first bytes and then by its Content-Type.

Many feeds have a wrong type, and W3C WebSub, 4 is about "an XML based feed or an HTML page", not about headers. So the
content decides, as in MIME Sniffing, 7.3, and the type only if the content is inconclusive. A wrong guess only costs
time.
"""

import re
from enum import StrEnum

from attrs import frozen

from _websub.grammar.media import MediaType

#: How much of a body is examined. If that is inconclusive, the Content-Type decides.
SNIFFED_BYTES = 256 * 1024

_XHTML = "application/xhtml+xml"
_HTML_TYPES = frozenset(("text/html", _XHTML))
_JSON_TYPES = frozenset(("application/json", "application/feed+json"))
# Nobody sends markup with these types by mistake, and a visitor's upload must not become a page (MIME Sniffing, 7).
_NO_TEXT = ("image/", "audio/", "video/", "font/")

_BLANK = b"\xef\xbb\xbf\xff\xfe \t\r\n\f"
# Comments, instructions and declarations. Possessive quantifiers and atomic groups never backtrack.
_DECLARATION = r"<!(?!--)[^>\[]*+(?>(?:\[[^\]]*+\]\s*+)?)>"
_PROLOG = rf"(?>(?:[\xef\xbb\xbf\s]++|<!--.*?-->|<\?xml\s[^>]*+>|<\?.*?\?>|{_DECLARATION})*)"
_NAME = r"[a-z][\w.-]{0,20}"
_SKIPPED = re.compile(_PROLOG, re.DOTALL)
_ROOT = re.compile(rf"<(?:{_NAME}:)?({_NAME})[\s/>]")
_FEED_ROOTS = frozenset(("feed", "rss", "rdf"))
_USUAL_FEED = re.compile(rb"(?>(?:<\?xml\s[^>]*+>\s*+)?)<(?:feed|rss|rdf:RDF)[\s>]")
_HEAD_ELEMENTS = frozenset(("head", "body", "base", "link", "meta", "script", "style", "title"))
_HTML_DOCTYPE = re.compile(r"<!doctype\s+html[\s>]")
# A feed after warnings of the software that writes it.
_LATE_FEED = re.compile(rf"<\?xml\s[^>]*+>{_PROLOG}<(?:{_NAME}:)?(?:feed|rss|rdf)[\s>]", re.DOTALL)
_LATEST = 4096
_JSON_OBJECT = re.compile(r'\{\s*["}]')


class DiscoverySource(StrEnum):
    """The part of a response in which hubs were found."""

    HEADER = "header"
    HTML = "html"
    XML = "xml"
    JSON = "json"


@frozen
class BodyKind:
    """The kind of a body.

    Attributes:
        source: The source of links, or None if the body has no links.
        is_xhtml: Whether it is an HTML page in XML syntax.
    """

    source: DiscoverySource | None
    is_xhtml: bool = False


_FEED = BodyKind(DiscoverySource.XML)


def may_have_links(media: MediaType) -> bool:
    """Return whether a body of this type may have links."""
    return media.is_xml or not media.essence.startswith(_NO_TEXT)


def sniff(beginning: bytes, media: MediaType, *, final: bool) -> BodyKind | None:
    """Return the kind of a body, or None while too little of it has arrived.

    Args:
        beginning: The part that has arrived.
        media: Its Content-Type.
        final: Whether no more of it will be examined.
    """
    if _USUAL_FEED.match(beginning):
        return _FEED
    # Without NUL and byte order marks, UTF-16 looks like ASCII.
    text = beginning.replace(b"\0", b"").lstrip(_BLANK).lower().decode("latin-1")
    skipped = _SKIPPED.match(text)
    start = skipped.end() if skipped else 0
    root = _ROOT.match(text, start)
    kind = _by_root(root[1], text[:start], media) if root else _by_text(text[start:], media)
    is_unfinished = text.startswith(("<!", "<?"), start) or len(text) - start < _LATEST
    if kind is not None or (is_unfinished and not final):
        return kind
    if _LATE_FEED.search(text, 0, _LATEST):
        return _FEED
    return BodyKind(_by_type(text, media), media.is_xml)


def _by_root(root: str, prolog: str, media: MediaType) -> BodyKind | None:
    if root in _FEED_ROOTS:
        return _FEED
    is_markup = not media.essence or media.is_xml or media.essence in _HTML_TYPES
    if root == "html" or _HTML_DOCTYPE.search(prolog) or (root in _HEAD_ELEMENTS and is_markup):
        return BodyKind(DiscoverySource.HTML, media.is_xml or (not media.essence and "<?xml" in prolog))
    return None if is_markup and not media.is_xml else BodyKind(_by_type("<", media))


def _by_text(text: str, media: MediaType) -> BodyKind | None:
    if not text or text.startswith("<"):
        return None
    is_page = media.essence in _HTML_TYPES
    if text.startswith("{") and (not is_page or _JSON_OBJECT.match(text)):
        return BodyKind(DiscoverySource.JSON)
    return None if is_page else BodyKind(_by_type(text, media))


def _by_type(text: str, media: MediaType) -> DiscoverySource | None:
    if media.essence in _HTML_TYPES:
        return DiscoverySource.HTML
    if media.is_xml or (not media.essence and text.startswith("<?xml")):
        return DiscoverySource.XML
    if media.essence in _JSON_TYPES:
        return DiscoverySource.JSON
    return DiscoverySource.HTML if not media.essence and text.startswith("<") else None
