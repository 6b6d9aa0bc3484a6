"""Discovery in one response; the numbers are those of the subscriber tests of websub.rocks."""

import json
from contextlib import suppress

import pytest
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st

from _websub.http import Headers
from tests.work import steps_of
from websubsub._discovery.discovery import (
    MAX_LINKS,
    Discovery,
    DiscoveryError,
    DiscoveryOptions,
    DiscoveryReader,
    NoHubError,
    NoTopicError,
    prefer_https,
)
from websubsub._discovery.sniffing import DiscoverySource

URL = "https://pub.example/blog/200"
HUB = "https://hub.example/hub"
TOPIC = "https://pub.example/blog/200?self=other"
ATOM = "http://www.w3.org/2005/Atom"

HEADER = DiscoverySource.HEADER
HTML = DiscoverySource.HTML
XML = DiscoverySource.XML
JSON = DiscoverySource.JSON

HUB_LINK = ("Link", f'<{HUB}>; rel="hub"')
SELF_LINK = ("Link", f'<{TOPIC}>; rel="self"')
HTML_TYPE = ("Content-Type", "text/html; charset=UTF-8")
XML_TYPE = ("Content-Type", "text/xml;charset=UTF-8")
PAGE = f'<!doctype html><html><head><link rel="hub" href="{HUB}"><link rel="self" href="{TOPIC}"></head><body></html>'
FEED = (
    f'<?xml version="1.0"?><feed xmlns="{ATOM}"><link href="{TOPIC}" rel="self" type="application/atom+xml"/>'
    f'<link rel="hub" href="{HUB}"/>'
    '<entry><link rel="alternate" href="/1"/><link rel="hub" href="/evil"/></entry></feed>'
)
RSS = (
    f'<rss version="2.0" xmlns:atom="{ATOM}"><channel><link>{URL}</link><atom:link href="{TOPIC}" rel="self"/>'
    f'<atom:link href="{HUB}" rel="hub"/><item><atom:link rel="hub" href="/evil"/></item></channel></rss>'
)
BODY = DiscoveryOptions(body=True)
FALLBACK = DiscoveryOptions(topic_from_url=True)
JSON_FEED = DiscoveryOptions(json_feed=True)


@frozen
class Case:
    headers: list[tuple[str, str]]
    body: str | bytes = ""
    source: DiscoverySource = HEADER
    hubs: tuple[str, ...] = (HUB,)
    topic: str = TOPIC
    options: DiscoveryOptions | None = None
    url: str = URL


def read(case: Case, *, pieces: int = 1_000_000, status: int = 200) -> Discovery:
    content = case.body.encode() if isinstance(case.body, str) else case.body
    reader = DiscoveryReader(url=case.url, headers=Headers(case.headers), status=status, options=case.options)
    position = 0
    while not reader.done and position < len(content):
        reader.feed(content[position : position + pieces])
        position += pieces
    return reader.finish()


FOUND = {
    "100 header": Case([HUB_LINK, SELF_LINK, HTML_TYPE], "<html><head></head></html>"),
    "101 html": Case([HTML_TYPE], PAGE, HTML),
    "102 atom": Case([XML_TYPE], FEED, XML),
    "102 atom by its own media type": Case([("Content-Type", "application/atom+xml")], FEED, XML),
    "103 rss": Case([XML_TYPE], RSS, XML),
    "103 rss by its own media type": Case([("Content-Type", "Application/RSS+XML")], RSS, XML),
    "104 the header beats the body": Case([HUB_LINK, SELF_LINK, XML_TYPE], FEED.replace(HUB, f"{HUB}?error=wrongtag")),
    "200 self is another url": Case([HUB_LINK, SELF_LINK], url="https://pub.example/blog/200"),
    "201 302 self of the final url": Case(
        [HUB_LINK, ("Link", '<?redirect=complete>; rel="self"')],
        topic="https://pub.example/blog/201?redirect=complete",
        url="https://pub.example/blog/201?redirect=complete",
    ),
    "203 204 a hub that redirects": Case(
        [("Link", f'<{HUB}?redirect=true>; rel="hub"'), SELF_LINK], hubs=(f"{HUB}?redirect=true",)
    ),
    "rel as token": Case([("Link", f"<{HUB}>; rel=hub"), ("Link", f"<{TOPIC}>;rel=self")]),
    "one link that is both": Case([("Link", f'<{HUB}>; rel="self hub"')], topic=HUB),
    "upper case in the header": Case([("LINK", f'<{HUB}>; REL="HUB", <{TOPIC}>; Rel=Self')]),
    "comma in the url": Case([("Link", f'<{HUB}?a,b>; rel="hub"'), SELF_LINK], hubs=(f"{HUB}?a,b",)),
    "comma in a title": Case([("Link", f'<{HUB}>; title="a, <http://evil/>; rel=hub"; rel="hub"'), SELF_LINK]),
    "several hubs in one header": Case(
        [("Link", f"<{HUB}>; rel=hub, </h>; rel=hub, <{HUB}>; rel=hub"), SELF_LINK], hubs=(HUB, "https://pub.example/h")
    ),
    "several hubs in several headers": Case(
        [("Link", "</h>; rel=hub"), HUB_LINK, SELF_LINK], hubs=("https://pub.example/h", HUB)
    ),
    "links about another resource": Case([("Link", '</e>; rel="hub self"; anchor="/other"'), HUB_LINK, SELF_LINK]),
    "links about another resource, then the page": Case(
        [("Link", '</e>; rel="hub self"; anchor=""'), HTML_TYPE], PAGE, HTML
    ),
    "unrelated header, then the page": Case([("Link", "</s.css>; rel=preload"), HTML_TYPE], PAGE, HTML),
    "relative in the header": Case(
        [("Link", '<../hub>; rel="hub", <feed>; rel="self"')],
        hubs=("https://pub.example/hub",),
        topic="https://pub.example/blog/feed",
    ),
    "relative to a url with a fragment": Case([HUB_LINK, ("Link", "<>; rel=self")], topic=URL, url=f"{URL}#top"),
    "relative in html": Case(
        [HTML_TYPE],
        '<link rel=hub href="/hub"><link rel=self href="feed">',
        HTML,
        ("https://pub.example/hub",),
        "https://pub.example/blog/feed",
    ),
    "base in html": Case(
        [HTML_TYPE],
        '<base href="/b/"><link rel=hub href="hub"><link rel=self href="feed">',
        HTML,
        ("https://pub.example/b/hub",),
        "https://pub.example/b/feed",
    ),
    "xml base": Case(
        [XML_TYPE],
        FEED.replace("<feed", "<feed xml:base='/b/'").replace(HUB, "hub").replace(TOPIC, "feed"),
        XML,
        ("https://pub.example/b/hub",),
        "https://pub.example/b/feed",
    ),
    "rss with any prefix": Case([XML_TYPE], RSS.replace("atom", "atom10"), XML),
    "hub in the body by wish": Case([HTML_TYPE], PAGE.replace("<head>", "<head></head><p>"), HTML, options=BODY),
    "upper case in html": Case([HTML_TYPE], PAGE.upper().replace(HUB.upper(), HUB).replace(TOPIC.upper(), TOPIC), HTML),
    "self only in the body": Case([HUB_LINK, HTML_TYPE], PAGE.replace(HUB, "https://evil.example/")),
    "self only in the feed": Case([HUB_LINK, XML_TYPE], RSS.replace(HUB, "https://evil.example/")),
    "hub only in the body": Case([SELF_LINK, HTML_TYPE], PAGE.replace(TOPIC, "https://evil.example/"), HTML),
    "the same self twice": Case([HUB_LINK, SELF_LINK, SELF_LINK]),
    "no self, by wish": Case([HUB_LINK, HTML_TYPE], "<p>", topic=URL, options=FALLBACK, url=f"{URL}#top"),
    "no self in a broken feed, by wish": Case([HUB_LINK, XML_TYPE], "<feed", topic=URL, options=FALLBACK),
    "a self although the url could be taken": Case([HTML_TYPE], PAGE, HTML, options=FALLBACK),
    "other content with a header": Case([HUB_LINK, SELF_LINK, ("Content-Type", "image/png")], b"\x89PNG"),
    "no content type, header": Case([HUB_LINK, SELF_LINK], b"\0\1"),
    "no content type, html": Case([], PAGE, HTML),
    "no content type, xml": Case([], FEED, XML),
    "no content type, rss without declaration": Case([], f"\n{RSS}", XML),
    "no content type, long xhtml": Case([], f'<?xml version="1.0"?>{PAGE.lower()}{" " * 1000}', HTML),
    "no content type, utf-16": Case([("Content-Type", "")], FEED.encode("utf-16"), XML),
    "byte order mark": Case([("Content-Type", "application/xml")], FEED.encode("utf-8-sig"), XML),
    "utf-16": Case([("Content-Type", "text/xml")], FEED.encode("utf-16"), XML),
    "entity in href": Case(
        [HTML_TYPE], PAGE.replace("?self=other", "?a=1&amp;b=2"), HTML, topic="https://pub.example/blog/200?a=1&b=2"
    ),
    "entity in a feed": Case(
        [XML_TYPE], FEED.replace("?self=other", "?a=1&amp;b=2"), XML, topic="https://pub.example/blog/200?a=1&b=2"
    ),
    "xhtml": Case([("Content-Type", "application/xhtml+xml")], f'<?xml version="1.0"?>{PAGE}', HTML),
    "other xml": Case([("Content-Type", "application/vnd.example+xml")], FEED, XML),
    "no usable scheme": Case(
        [("Link", "<javascript:x>; rel=hub, <ftp://h/>; rel=hub, <mailto:a@b>; rel=self"), HUB_LINK, SELF_LINK]
    ),
    "no usable url": Case(
        [
            ("Link", "<http://>; rel=hub, <http://a b/>; rel=hub"),
            ("Link", "</>; rel=x, <http://u:p@h/>; rel=hub"),
            HUB_LINK,
            SELF_LINK,
        ]
    ),
    "fragments": Case([("Link", f"<{HUB}#a>; rel=hub, <{TOPIC}#b>; rel=self"), HUB_LINK, SELF_LINK]),
    "exactly as written": Case(
        [("Link", "<HTTPS://Hub.example:443/%7e?>; rel=hub"), SELF_LINK], hubs=("HTTPS://Hub.example:443/%7e?",)
    ),
    "json feed by wish": Case(
        [("Content-Type", "application/feed+json")],
        json.dumps({"hubs": [{"type": "rssCloud", "url": "/r"}, 1, {"type": "WebSub", "url": HUB}], "feed_url": TOPIC}),
        JSON,
        options=JSON_FEED,
    ),
    "json feed without content type": Case(
        [], f'{{"feed_url": "{TOPIC}", "hubs": [{{"type": "websub", "url": "{HUB}"}}]}}', JSON, options=JSON_FEED
    ),
    "huge page": Case([HTML_TYPE], PAGE + "<p>" * 200_000, HTML),
    "huge feed": Case([XML_TYPE], FEED.replace("</feed>", "<entry/>" * 100_000 + "</feed>"), XML),
}


@pytest.mark.spec("D-01", "D-02", "D-03", "D-05", "D-08", "S-01")
@pytest.mark.parametrize("pieces", [1, 100, 1_000_000])
@pytest.mark.parametrize("name", FOUND)
def test_a_topic_and_its_hubs_are_discovered(name: str, pieces: int) -> None:
    case = FOUND[name]
    discovery = read(case, pieces=pieces)
    assert discovery == Discovery(topic=case.topic, hubs=case.hubs, source=case.source, url=case.url.partition("#")[0])


NO_HUB = "The resource names no hub, neither in its Link headers nor in its body."
BAD_HUB = "The resource names a hub that cannot be used:"
BAD_TOPIC = "The resource names a topic URL that cannot be used:"
NO_TOPIC = "The resource names a hub but not its topic URL: the self link is missing."
TWO_TOPICS = "The resource names different topic URLs, but there must be only one."

NOT_FOUND: dict[str, tuple[Case, type[DiscoveryError], str]] = {
    "nothing": (Case([]), NoHubError, NO_HUB),
    "no links in html": (Case([HTML_TYPE], "<html><head></head></html>"), NoHubError, NO_HUB),
    "no links in a feed": (Case([XML_TYPE], f'<feed xmlns="{ATOM}"/>'), NoHubError, NO_HUB),
    "no links in other content": (Case([("Content-Type", "image/png")], PAGE), NoHubError, NO_HUB),
    "no links in text": (Case([], "just text"), NoHubError, NO_HUB),
    "only self in the header": (Case([SELF_LINK]), NoHubError, NO_HUB),
    "only self in html": (Case([HTML_TYPE], PAGE.replace('"hub"', '"no"'), options=FALLBACK), NoHubError, NO_HUB),
    "hub only in the body of the page": (Case([HTML_TYPE], PAGE.replace("<head>", "<body>")), NoHubError, NO_HUB),
    "links in a comment": (Case([HTML_TYPE], f"<!-- {PAGE} -->"), NoHubError, NO_HUB),
    "links in an entry": (
        Case([XML_TYPE], FEED.replace("<entry>", "").replace("><", "><entry><", 2)),
        NoHubError,
        NO_HUB,
    ),
    "links in an item": (
        Case([XML_TYPE], RSS.replace("<item>", "").replace("<atom", "<item><atom", 1)),
        NoHubError,
        NO_HUB,
    ),
    "json feed unasked": (
        Case([("Content-Type", "application/json")], '{"hubs": []}'),
        NoHubError,
        NO_HUB.removesuffix(".") + ", where hubs of JSON Feeds are read only on request.",
    ),
    "json without hubs": (
        Case([("Content-Type", "application/json")], '[{"hubs": 1}]', options=JSON_FEED),
        NoHubError,
        NO_HUB,
    ),
    "json with strange hubs": (
        Case([("Content-Type", "application/json")], '{"hubs": {"type": "WebSub"}, "feed_url": 1}', options=JSON_FEED),
        NoHubError,
        NO_HUB,
    ),
    "hub with a scheme that is not http": (
        Case([("Link", "<javascript:x>; rel=hub"), SELF_LINK]),
        NoHubError,
        f"{BAD_HUB} its URL must start with http:// or https://.",
    ),
    "hub with user information": (
        Case([HTML_TYPE], PAGE.replace("https://hub", "https://me:secret@hub")),
        NoHubError,
        f"{BAD_HUB} its URL must not have user information.",
    ),
    "hub with a backslash in a feed": (
        Case([XML_TYPE], FEED.replace("hub.example/", "hub.example\\")),
        NoHubError,
        f"{BAD_HUB} its URL has a character that is not allowed in URLs.",
    ),
    "no self in the header": (Case([HUB_LINK]), NoTopicError, NO_TOPIC),
    "no self in header and page": (Case([HUB_LINK, HTML_TYPE], "<html>"), NoTopicError, NO_TOPIC),
    "no self in header and broken feed": (Case([HUB_LINK, XML_TYPE], "<feed"), NoTopicError, NO_TOPIC),
    "no self in html": (Case([HTML_TYPE], PAGE.replace('"self"', '"me"')), NoTopicError, NO_TOPIC),
    "self with a scheme that is not http": (
        Case([HUB_LINK, ("Link", "<ftp://h/>; rel=self")]),
        NoTopicError,
        f"{BAD_TOPIC} its URL must start with http:// or https://.",
    ),
    "self with a space": (
        Case([HTML_TYPE], PAGE.replace("self=other", "self other")),
        NoTopicError,
        f"{BAD_TOPIC} its URL has a character that is not allowed in URLs.",
    ),
    "self with a fragment": (
        Case([XML_TYPE], FEED.replace("self=other", "#top")),
        NoTopicError,
        f"{BAD_TOPIC} its URL must not have a fragment.",
    ),
    "self of a feed that cannot be read": (
        Case([HUB_LINK, XML_TYPE], "<feed &"),
        NoTopicError,
        f"{NO_TOPIC} The feed is not well-formed XML: ",
    ),
    "two selfs in the header": (Case([HUB_LINK, SELF_LINK, ("Link", "</x>; rel=self")]), DiscoveryError, TWO_TOPICS),
    "two selfs in html": (Case([HTML_TYPE], f"<link rel=self href=/x>{PAGE}"), DiscoveryError, TWO_TOPICS),
    "malformed xml": (
        Case([XML_TYPE], FEED.replace("<link", "<x").replace("<entry>", "</x>")),
        DiscoveryError,
        "The feed is not well-formed XML:",
    ),
    "xml bomb": (
        Case([XML_TYPE], '<!DOCTYPE f [<!ENTITY a "a">]><f>&a;</f>' + " " * 9000),
        DiscoveryError,
        "The feed declares entities",
    ),
    "malformed json": (
        Case([("Content-Type", "application/json")], "{", options=JSON_FEED),
        DiscoveryError,
        "The content is not valid JSON.",
    ),
    "deep json": (
        Case([("Content-Type", "application/json")], "[" * 300_000, options=JSON_FEED),
        DiscoveryError,
        "The content is not valid JSON.",
    ),
    "huge json": (
        Case([("Content-Type", "application/json")], f'"{"x" * 600_000}"', options=JSON_FEED),
        DiscoveryError,
        "The JSON Feed is longer than 512 KiB.",
    ),
}


@pytest.mark.spec("D-04")
@pytest.mark.parametrize("pieces", [3000, 1_000_000])
@pytest.mark.parametrize("name", NOT_FOUND)
def test_what_is_missing_is_said(name: str, pieces: int) -> None:
    case, kind, reason = NOT_FOUND[name]
    with pytest.raises(DiscoveryError) as error:
        read(case, pieces=pieces)
    assert type(error.value) is kind
    assert str(error.value).startswith(reason)
    assert error.value.url == URL
    assert error.value.status == 200


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (302, "302 Found"),
        (404, "404 Not Found"),
        (405, "405 Method Not Allowed"),
        (406, "406 Not Acceptable"),
        (410, "410 Gone"),
        (503, "503 Service Unavailable"),
        (599, "599"),
    ],
)
def test_only_a_success_can_be_discovered(status: int, words: str) -> None:
    reader = DiscoveryReader(url=URL, headers=Headers([HUB_LINK, SELF_LINK, HTML_TYPE]), status=status)
    assert reader.done
    with pytest.raises(DiscoveryError) as error:
        reader.finish()
    assert str(error.value) == f"The resource answered {words}."
    assert error.value.status == status


RDF = (
    f'<r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/" xmlns:a="{ATOM}">'
    f'<channel><a:link rel="hub" href="{HUB}"/><a:link rel="self" href="{TOPIC}"/></channel><item/></r:RDF>'
)
WRONG_TYPES = [
    "text/html",
    "text/html; charset=utf-8",
    "text/plain",
    "text/rss",
    "text/css",
    "text/xml, text/xml",
    "application/json",
    "application/octet-stream",
    "application/x-rss",
    "application/xhtml+xml",
    "image/svg+xml",
    "xml",
    "*/*",
    "",
]
BEFORE_ROOT = {
    "nothing": "",
    "declaration": '<?xml version="1.0" encoding="utf-8"?>',
    "white space": "\r\n\t ",
    "byte order marks": '\ufeff\ufeff<?xml version="1.0"?>',
    "white space before the declaration": '\n\n<?xml version="1.0"?>\n',
    "style sheet and comments": '<?xml version="1.0"?><?xml-stylesheet href="<html>"?><!-- <html><head> -->',
    "document type": '<!DOCTYPE rss PUBLIC "-//Netscape//DTD" "http://my.netscape.com/rss-0.91.dtd">',
    "entities": '<!DOCTYPE rss [<!ENTITY nbsp "&#160;"> <!-- > -->]>',
    "long comment": f"<!-- {'x' * 40_000} -->",
}


@pytest.mark.parametrize("before", BEFORE_ROOT)
@pytest.mark.parametrize("feed", [FEED, RSS, RDF], ids=["atom", "rss", "rdf"])
@pytest.mark.parametrize("content_type", WRONG_TYPES)
def test_a_feed_is_a_feed_whatever_its_type(content_type: str, feed: str, before: str) -> None:
    feed = feed.removeprefix('<?xml version="1.0"?>')
    found = Discovery(topic=TOPIC, hubs=(HUB,), source=XML, url=URL)
    for pieces in (700, 1_000_000):
        assert read(Case([("Content-Type", content_type)], BEFORE_ROOT[before] + feed), pieces=pieces) == found


@pytest.mark.parametrize("content_type", ["text/html", "text/xml", ""])
def test_a_feed_behind_warnings_is_a_feed(content_type: str) -> None:
    warnings = '<br />\n<b>Warning</b>: mysql_query() in <b>feed.php</b><br />\n<?xml version="1.0"?>\n'
    assert read(Case([("Content-Type", content_type)], warnings + RSS)).source is XML
    assert read(Case([("Content-Type", content_type)], warnings + RSS), pieces=50).source is XML


@pytest.mark.parametrize("page", [PAGE, f'<?xml version="1.0"?>{PAGE}', PAGE.replace("<!doctype html>", "<!-- -->")])
@pytest.mark.parametrize(
    "content_type",
    ["text/xml", "application/xml", "application/atom+xml", "text/plain", "application/json", "html", ""],
)
def test_a_page_is_a_page_whatever_its_type(content_type: str, page: str) -> None:
    assert read(Case([("Content-Type", content_type)], page)).source is HTML


def test_a_page_about_feeds_is_a_page() -> None:
    page = PAGE.replace("<body>", f'<body><pre><?xml version="1.0"?>{RSS}</pre>').replace("hub.ex", "hub2.ex", 1)
    assert read(Case([HTML_TYPE], page)).hubs == ("https://hub2.example/hub",)
    with pytest.raises(NoHubError):
        read(Case([("Content-Type", "text/plain")], f'Write <?xml version="1.0"?>{RSS}'))


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "text/html", "text/xml", ""])
def test_a_json_feed_is_one_whatever_its_type_by_wish(content_type: str) -> None:
    hubs = [{"type": "rssCloud", "url": "/r"}] * 200 + [{"type": "WebSub", "url": HUB}]
    case = Case([("Content-Type", content_type)], json.dumps({"hubs": hubs, "feed_url": TOPIC}), options=JSON_FEED)
    assert read(case) == Discovery(topic=TOPIC, hubs=(HUB,), source=JSON, url=URL)


CHARSETS = {
    **dict.fromkeys(["gb2312", "gbk", "gb18030", "big5", "euc-jp", "shift_jis", "iso-2022-jp"], "\u65e5"),
    **dict.fromkeys(["koi8-r", "windows-1251", "iso-8859-5"], "\u0436"),
    **dict.fromkeys(["utf-16", "utf-16le", "utf-16be", "euc-kr"], "\ud55c\uae00"),
}


@pytest.mark.parametrize("charset", CHARSETS)
@pytest.mark.parametrize("feed", [FEED, PAGE], ids=["feed", "page"])
def test_urls_are_read_in_the_charset_of_the_header_or_the_document(charset: str, feed: str) -> None:
    word = CHARSETS[charset]
    text = feed.replace("self=other", word).replace('<?xml version="1.0"?>', "")
    topic = TOPIC.replace("self=other", word)
    kind = "text/html" if feed is PAGE else "application/xml"
    by_header = f'<?xml version="1.0" encoding="utf-8"?>{text}'.encode(charset)
    assert read(Case([("Content-Type", f"{kind}; charset={charset}")], by_header)).topic == topic
    by_declaration = f'<?xml version="1.0" encoding="{charset}"?>{text}'.encode(charset)
    assert read(Case([("Content-Type", kind)], by_declaration)).topic == topic
    assert read(Case([("Content-Type", kind)], by_declaration), pieces=1).topic == topic


def test_the_body_is_not_needed_when_the_header_says_all() -> None:
    assert DiscoveryReader(url=URL, headers=Headers([HUB_LINK, SELF_LINK, HTML_TYPE])).done


def test_the_body_is_not_needed_when_it_has_no_links() -> None:
    assert DiscoveryReader(url=URL, headers=Headers({"Content-Type": "image/png"})).done
    for content_type, body in (("", b"x"), ("application/json", b"{"), ("text/plain", b"<p>"), ("text/css", b"a{}")):
        reader = DiscoveryReader(url=URL, headers=Headers({"Content-Type": content_type}))
        assert not reader.done
        assert reader.feed(body * 600)


def test_what_comes_after_the_end_changes_nothing() -> None:
    for name in ("100 header", "101 html", "102 atom"):
        case = FOUND[name]
        reader = DiscoveryReader(url=URL, headers=Headers(case.headers))
        assert isinstance(case.body, str)
        reader.feed(case.body.encode() + b" " * 8192)
        assert reader.feed(b'<link rel="hub" href="/evil">')
        assert reader.finish().hubs == (HUB,)


@pytest.mark.parametrize(("name", "end"), [("101 html", "<body>"), ("102 atom", "<entry>")])
def test_reading_ends_with_the_head_or_the_first_entry(name: str, end: str) -> None:
    case = FOUND[name]
    assert isinstance(case.body, str)
    head = case.body.partition(end)[0] + end
    reader = DiscoveryReader(url=URL, headers=Headers(case.headers))
    assert not reader.feed(head.replace(end, "").encode())
    assert reader.feed(end.encode() + b" " * 4096)
    assert reader.finish().hubs == (HUB,)


@pytest.mark.spec("S-42")
def test_https_is_preferred_and_the_order_kept() -> None:
    hubs = ("http://a/", "https://b/", "http://c/", "HTTPS://d/")
    assert prefer_https(hubs) == ("https://b/", "HTTPS://d/", "http://a/", "http://c/")
    discovery = Discovery(topic=TOPIC, hubs=hubs, source=HEADER, url=URL)
    assert discovery.preferred_hub == "https://b/"
    assert Discovery(topic=TOPIC, hubs=("http://a/",), source=HEADER, url=URL).preferred_hub == "http://a/"


def test_no_more_than_25_links_are_looked_at() -> None:
    many = ", ".join(f"<https://hub{n}.example/>; rel=hub" for n in range(60))
    discovery = read(Case([SELF_LINK, ("Link", many)]))
    assert len(discovery.hubs) == MAX_LINKS - 1


@given(
    st.lists(st.text(st.sampled_from('<>,;="\\ :/#[]@hubselfrt'), max_size=60), max_size=3),
    st.sampled_from(["text/html", "text/xml", "application/json", ""]),
    st.binary(max_size=200),
    st.integers(1, 50),
)
def test_no_response_is_an_unexpected_error(links: list[str], content_type: str, body: bytes, pieces: int) -> None:
    headers = [("Link", link) for link in links] + [("Content-Type", content_type)]
    case = Case(headers, b"<link rel=hub href=" + body, options=DiscoveryOptions(json_feed=True, topic_from_url=True))
    with suppress(DiscoveryError):
        discovery = read(case, pieces=pieces)
        assert discovery.hubs
        assert discovery.topic


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b"[" + b"{}," * 170_000),
        ("application/json", b'{"hubs":[' + b'{"type":"WebSub","url":"//["},' * 17_000 + b"1]}"),
        ("application/json", b"[" * 500_000),
        ("", b"<" * 600_000),
    ],
)
def test_no_body_costs_more_than_so_many_steps(content_type: str, body: bytes) -> None:
    case = Case([("Content-Type", content_type)], body, options=JSON_FEED)
    assert steps_of(lambda: read_anyway(case)) < 1_000_000


def test_no_header_costs_more_than_so_many_steps() -> None:
    hosts = ", ".join(f"<http://{chr(0xE0 + n % 30) * 50}.{n}.example/>; rel=hub" for n in range(900))
    assert steps_of(lambda: read_anyway(Case([("Link", hosts[:65_536])]))) < 1_000_000


def read_anyway(case: Case) -> None:
    with suppress(DiscoveryError):
        read(case)
