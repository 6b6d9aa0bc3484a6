"""Documents that are looked into: XML, feeds, HTML and JSON Feeds."""

from xml.etree import ElementTree as ET

from _websub.grammar.media import ContentError
from _websub.grammar.xml import read_xml
from _websub.http import Headers
from tests.fuzz.target import Target, cut, parts_of, text_of, words
from websubhub._feed_diff import feed_entries, without_entries
from websubsub._discovery.discovery import Discovery, DiscoveryError, DiscoveryOptions, DiscoveryReader

_URL = "https://topic.example/a/b?c"
_XML_WORDS = words(
    "<?xml version='1.0' encoding='utf-8'?> encoding='utf-16' encoding='iso-2022-jp' encoding='shift_jis' <!DOCTYPE "
    "[<!ENTITY <!ATTLIST a b CDATA ]> <![CDATA[ ]]> <!-- --> &amp; &a; &#x41; &#0; xmlns= xmlns:a= xml:base= <a> </a> "
    "<a/> <feed xmlns='http://www.w3.org/2005/Atom'> <entry> </entry> <entry/> <rss> <channel> <item> </item> </rss> "
    "<link rel='hub' href='https://hub.example/'/> <atom:link <id>"
)
_ATOM = (
    b'<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom" xml:base="https://t.example/">'
    b'<link rel="hub" href="https://hub.example/"/><link rel="self" href="x"/>'
    b"<entry><id>1</id></entry><entry><id>2</id></entry></feed>"
)
_RSS = (
    b'<rss xmlns:atom="http://www.w3.org/2005/Atom"><channel><atom:link rel="hub" href="https://hub.example/"/>'
    b"<item><guid>1</guid></item><item/></channel></rss>"
)
_RDF = (
    b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/">'
    b'<channel/><item rdf:about="a">x</item></rdf:RDF>'
)


def xml(data: bytes) -> None:
    """XML is refused, or read as the standard library reads it."""
    try:
        root = read_xml(data)
    except ContentError:
        return
    if data.startswith(b"<") and b"encoding" not in data and b"<!" not in data and b"\0" not in data:
        assert ET.tostring(root) == ET.tostring(ET.fromstring(data)), "another tree"  # noqa: S314


def feed_diff(data: bytes) -> None:
    """Entries are spans of the feed; without them all, it is a feed that has none of them."""
    content_type, body = parts_of(data, 2)
    header = text_of(content_type)
    entries = feed_entries(body, header)
    if entries is None:
        return
    assert without_entries(body, entries, ()) == body, "changed without a reason"
    end = 0
    for entry in entries:
        assert end <= entry.start < entry.end <= len(body), "spans that overlap"
        end = entry.end
    known = {entry.digest for entry in entries}
    rest = feed_entries(without_entries(body, entries, known), header)
    assert rest is not None, "no feed any more"
    assert not known & {entry.digest for entry in rest}, "an entry that was left out is still there"


def discovery(data: bytes) -> None:
    """What a resource says is found, or not, however the network cuts it; what is found can be called."""
    content_type, link, body = parts_of(data, 3)
    _discover(text_of(content_type), text_of(link), body)


def _discover(content_type: str, link: str, body: bytes) -> None:
    options = DiscoveryOptions(body=True, topic_from_url=True, json_feed=True)
    chosen = options if len(body) % 2 else DiscoveryOptions()
    headers = Headers([("Content-Type", content_type), *([("Link", link)] if link else [])])
    whole = _found([body], headers, chosen)
    assert whole == _found(cut(body), headers, chosen), "something else is found in pieces"


def _found(pieces: list[bytes], headers: Headers, options: DiscoveryOptions) -> Discovery | str:
    reader = DiscoveryReader(url=_URL, headers=headers, options=options)
    for piece in pieces:
        if reader.done or reader.feed(piece):
            break
    try:
        return reader.finish()
    except DiscoveryError as error:
        text = str(error)
        # Where XML ends to be some depends on where the parser was when it noticed.
        return text.partition(":")[0]


def feed(data: bytes) -> None:
    """A feed is read for its links."""
    _discover("application/atom+xml", "", data)


def html(data: bytes) -> None:
    """A page is read for its links."""
    _discover("text/html", "", data)


def json_feed(data: bytes) -> None:
    """A JSON Feed is read for its links."""
    _discover("application/feed+json", "", data)


_HTML_WORDS = words(
    "<html> <head> </head> <body> <link <base <meta charset= http-equiv= <script> </script> <style> <title> </title> "
    '<!-- --> --!> <!DOCTYPE html> <template> <noscript> <svg> <math> <![CDATA[ rel= rel="hub self" href= '
    "href='https://hub.example/' &amp; &#x68; &hub; < > = \" ' /> </ <! <? utf-16 \0"
)
TARGETS = (
    Target("xml", xml, (b"<a b='c'>d<e/></a>", _ATOM, _RSS), _XML_WORDS, limit=8_192, work=400),
    Target(
        "feed-diff",
        feed_diff,
        (
            b"application/atom+xml\n" + _ATOM,
            b"application/rss+xml; charset=iso-8859-1\n" + _RSS,
            b"text/xml\n" + _RDF,
            b"text/xml\n<?xml version='1.0' encoding='windows-1252'?>" + _RSS,
        ),
        (*_XML_WORDS, b"; charset=", b"shift_jis", b"koi8-r", b"gb18030"),
        limit=8_192,
        work=400,
    ),
    Target("feed", feed, (_ATOM, _RSS, _RDF), _XML_WORDS, limit=8_192, work=800),
    Target(
        "html",
        html,
        (
            b'<!DOCTYPE html><head><base href="/x/"><link rel="hub" href="https://hub.example/"><link rel=self href=y>',
            b"<html><head><meta charset=utf-16><script>'<link rel=hub href=z>'</script></head><link rel=hub href=q>",
        ),
        _HTML_WORDS,
        limit=8_192,
        work=1_500,
    ),
    Target(
        "json-feed",
        json_feed,
        (
            (
                b'{"version": "https://jsonfeed.org/version/1.1", "hubs": [{"type": "WebSub", "url": "https://hub.example/"}],'
                b' "feed_url": "https://topic.example/feed"}'
            ),
        ),
        words('{ } [ ] " : , "hubs" "type" "url" "WebSub" "feed_url" null true NaN 1e999 \\ud800 \\u0000 [[[[[[[['),
        work=800,
    ),
    Target(
        "discovery",
        discovery,
        (
            b'text/html\n<https://hub.example/>; rel="hub"\n<link rel=self href=x>',
            b"application/rss+xml; charset=utf-16\n\n\xff\xfe<\0r\0s\0s\0>\0",
            b"\n\n" + _ATOM,
            b'text/plain\n\n{"hubs": []}',
        ),
        (*_XML_WORDS, *_HTML_WORDS, b"application/xhtml+xml", b"image/png", b"\xef\xbb\xbf", b"\xfe\xff"),
        limit=8_192,
        work=1_500,
    ),
)
