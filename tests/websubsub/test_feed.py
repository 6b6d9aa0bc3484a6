import pytest
from hypothesis import given
from hypothesis import strategies as st

from _websub.grammar.urls import URL_LIMIT
from tests.work import steps_of, work_of
from websubsub._discovery.feed import (
    MAX_FEED_BYTES,
    FeedReader,
)
from websubsub._discovery.feed_head import MAX_DEPTH, MAX_ELEMENTS, MAX_ELEMENTS_IN_ALL
from websubsub._discovery.feed_links import MAX_LINKS

# The dearest feed below costs 630,000 steps.
MOST_STEPS = 1_000_000
URL = "https://example.com/blog/feed?x=1"
NAMESPACE = "http://www.w3.org/2005/Atom"
ATOM = f'<feed xmlns="{NAMESPACE}">'
HUB = '<link rel="hub" href="https://hub.example/"/>'
FOUND = [("hub", "https://hub.example/")]
RSS = f'<rss version="2.0" xmlns:atom="{NAMESPACE}"><channel><title>t</title><link>https://example.com/</link>'
RSS_HUB = HUB.replace("<link", "<atom:link")
RDF = f'<r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:a="{NAMESPACE}" xmlns="http://purl.org/rss/1.0/">'


def fed(feed: str | bytes, *, pieces: int = 1_000_000, charset: str | None = None) -> FeedReader:
    content = feed.encode() if isinstance(feed, str) else feed
    reader = FeedReader(url=URL, charset=charset)
    for start in range(0, len(content), pieces):
        if reader.feed(content[start : start + pieces]):
            break
    return reader


def read(feed: str | bytes, *, pieces: int = 1_000_000, charset: str | None = None) -> list[tuple[str, str]]:
    reader = fed(feed, pieces=pieces, charset=charset)
    return [(" ".join(sorted(link.relations)), link.target) for link in reader.finish()]


@pytest.mark.parametrize(
    "feed",
    [
        pytest.param(f"{ATOM}<title>t</title>{HUB}<entry/></feed>", id="Atom"),
        pytest.param(f'<?xml version="1.0"?>\n<!-- c -->{ATOM}{HUB}</feed>', id="Atom without entries"),
        pytest.param(
            f'<a:feed xmlns:a="{NAMESPACE}"><a:link href="https://hub.example/" rel="hub"/></a:feed>', id="any prefix"
        ),
        pytest.param(f"{RSS}{RSS_HUB}<item><title/></item></channel></rss>", id="RSS 2.0"),
        pytest.param(
            f'<rss><channel><link xmlns="{NAMESPACE}" rel="hub" href="https://hub.example/"/></channel></rss>',
            id="namespace on the link",
        ),
        pytest.param(
            RSS.replace("atom", "atom10") + RSS_HUB.replace("atom", "atom10") + "</channel></rss>", id="prefix atom10"
        ),
        pytest.param(
            RDF + '<channel r:about="x"><link>https://example.com/</link><items><r:Seq><r:li/></r:Seq></items>'
            '<a:link rel="hub" href="https://hub.example/"/></channel><item/></r:RDF>',
            id="RSS 1.0",
        ),
        pytest.param(f'<!DOCTYPE rss SYSTEM "http://dtd.example/rss.dtd">{RSS}{RSS_HUB}</channel></rss>', id="DOCTYPE"),
        pytest.param(f'<?xml-stylesheet href="http://x/"?>{ATOM}{HUB}</feed>', id="style sheet"),
        pytest.param(f"{ATOM}{HUB.replace('hub.', 'hu&#98;.')}</feed>", id="character reference"),
        pytest.param(f"{ATOM}{HUB}<entry></oops", id="broken after the first entry"),
        pytest.param(f"{ATOM}<entry/><entry><id>1</id></entry>{HUB}</feed>", id="after entries"),
        pytest.param(f"{RSS}<item><title/></item><item/>{RSS_HUB}</channel></rss>", id="after items"),
        pytest.param(
            f'<feed xmlns="http://purl.org/atom/ns#"><entry/><link xmlns="{NAMESPACE}"{HUB[5:]}</feed>',
            id="Atom 0.3 with a link of Atom 1.0",
        ),
        pytest.param(f"{RSS}{RSS_HUB}</channel><item/></rss>", id="items beside the channel"),
        pytest.param(f"{ATOM}<category><link/></category>{HUB}</feed>", id="after a deeper element"),
        pytest.param(f"{ATOM}{HUB.replace('hub', 'HUB', 1)}</feed>", id="upper case"),
        pytest.param(
            f"{ATOM}{HUB.replace('hub', 'http://www.iana.org/assignments/relation/hub', 1)}</feed>",
            id="relation as a registered URL",
        ),
    ],
)
@pytest.mark.parametrize("pieces", [1, 50, 1_000_000])
@pytest.mark.threat("XML-11")
def test_a_hub_of_the_feed_is_found(feed: str, pieces: int) -> None:
    assert read(feed, pieces=pieces) == FOUND


@pytest.mark.parametrize(
    "feed",
    [
        pytest.param(f"{ATOM}<entry>{HUB}</entry></feed>", id="in an entry"),
        pytest.param(f"{RSS}<item>{RSS_HUB}</item></channel></rss>", id="in an item"),
        pytest.param(f"{ATOM}<entry><source>{HUB}</source></entry></feed>", id="in the source of an entry"),
        pytest.param(f"{RSS}</channel>{RSS_HUB}</rss>", id="beside the channel"),
        pytest.param(f"{RSS}<image>{RSS_HUB}</image></channel></rss>", id="in an image"),
        pytest.param(f"{RSS}{HUB}</channel></rss>", id="link of RSS"),
        pytest.param(f"{ATOM}<author>{HUB}</author></feed>", id="in an author"),
        pytest.param(f"{ATOM}<!--{HUB}--></feed>", id="in a comment"),
        pytest.param(f"{ATOM}<title><![CDATA[{HUB}]]></title></feed>", id="in text"),
        pytest.param(f"<feed>{HUB}</feed>", id="no namespace"),
        pytest.param(f'<feed xmlns="http://purl.org/atom/ns#">{HUB}</feed>', id="other namespace"),
        pytest.param(f"<html><head>{HUB}</head></html>", id="no feed"),
        pytest.param(f"{ATOM}<link rel='hub'/></feed>", id="no URL"),
        pytest.param(f"{ATOM}<link rel='hub' href='//[x/'/></feed>", id="broken URL"),
        pytest.param(f"{ATOM}</feed>", id="no link"),
    ],
)
@pytest.mark.threat("XML-12")
def test_links_elsewhere_are_not_taken(feed: str) -> None:
    assert read(feed) == []


def test_a_link_without_relation_is_an_alternate() -> None:
    assert read(f'{ATOM}<link href="/"/><link rel="self" href=" ?page=2 "/></feed>') == [
        ("alternate", "https://example.com/"),
        ("self", "https://example.com/blog/feed?page=2"),
    ]


@pytest.mark.parametrize(
    ("feed", "target"),
    [
        (f'{ATOM}<link rel="self" href="me"/></feed>', "https://example.com/blog/me"),
        (f'{ATOM[:-1]} xml:base="/a/"><link rel="self" href="me"/></feed>', "https://example.com/a/me"),
        (
            f'{ATOM[:-1]} xml:base="//b.example/a/"><link xml:base="c/" rel="self" href="me"/></feed>',
            "https://b.example/a/c/me",
        ),
        (f'{ATOM}<link xml:base="/x/"/><link rel="self" href="me"/></feed>', "https://example.com/blog/me"),
        (f'{ATOM[:-1]} xml:base="//["><link rel="self" href="me"/></feed>', "https://example.com/blog/me"),
        (
            (
                f'<rss xmlns:a="{NAMESPACE}" xml:base="/a/"><channel xml:base="b/"><a:link rel="self" href="me"/>'
                "</channel></rss>"
            ),
            "https://example.com/a/b/me",
        ),
    ],
)
@pytest.mark.threat("XML-14")
def test_relative_urls_follow_xml_base(feed: str, target: str) -> None:
    assert read(feed)[-1] == ("self", target)


@pytest.mark.parametrize("pieces", [1, 1_000_000])
@pytest.mark.parametrize(
    ("content", "charset"),
    [
        pytest.param(f'{ATOM}<link rel="self" href="/é"/></feed>'.encode(), None, id="UTF-8"),
        pytest.param(f'{ATOM}<link rel="self" href="/é"/></feed>'.encode("utf-8-sig"), "latin-1", id="byte order mark"),
        pytest.param(
            f'<?xml version="1.0" encoding="utf-16"?>{ATOM}<link rel="self" href="/é"/></feed>'.encode("utf-16"),
            "utf-8",
            id="UTF-16",
        ),
        pytest.param(
            f'<?xml version="1.0" encoding="windows-1252"?>{ATOM}<link rel="self" href="/é"/></feed>'.encode("cp1252"),
            None,
            id="declared",
        ),
        pytest.param(
            f'<?xml version="1.0" encoding="latin-1"?>{ATOM}<link rel="self" href="/é"/></feed>'.encode(),
            "UTF-8",
            id="Content-Type first",
        ),
        pytest.param(f'{ATOM}<link rel="self" href="/é"/></feed>'.encode(), "nonsense\0", id="unknown charset"),
    ],
)
def test_text_is_read_in_its_encoding(content: bytes, charset: str | None, pieces: int) -> None:
    assert read(content, charset=charset, pieces=pieces) == [("self", "https://example.com/é")]


ENTITIES = "The feed declares entities, which are refused."
ENCODING = "The feed is in an encoding that cannot be read."
MALFORMED = "The feed is not well-formed XML: "


@pytest.mark.parametrize(
    ("feed", "reason"),
    [
        pytest.param('<!DOCTYPE f [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><feed>&b;</feed>', ENTITIES, id="expansion"),
        pytest.param('<!DOCTYPE f [<!ENTITY a SYSTEM "file:///etc/passwd">]><feed>&a;</feed>', ENTITIES, id="external"),
        pytest.param('<!DOCTYPE f [<!ENTITY % a SYSTEM "http://x/"> %a;]><feed/>', ENTITIES, id="parameter"),
        pytest.param(
            '<!DOCTYPE f [<!NOTATION n SYSTEM "n"><!ENTITY a SYSTEM "x" NDATA n>]><feed/>', ENTITIES, id="unparsed"
        ),
        pytest.param("", MALFORMED, id="nothing"),
        pytest.param(f"{ATOM}", MALFORMED, id="cut off"),
        pytest.param(f"{ATOM}<p></feed>", MALFORMED, id="wrong nesting"),
        pytest.param(f"{ATOM}&nbsp;</feed>", MALFORMED, id="unknown entity"),
        pytest.param(f"{ATOM}\0</feed>", MALFORMED, id="zero"),
        pytest.param(f"{ATOM}é</feed>".encode("latin-1"), MALFORMED, id="bad UTF-8"),
        pytest.param(f'<?xml version="1.0" encoding="utf-7"?>{ATOM}</feed>', ENCODING, id="UTF-7"),
        pytest.param(f'<?xml version="1.0" encoding="nonsense"?>{ATOM}</feed>', ENCODING, id="unknown encoding"),
        pytest.param(f'<?xml version="1.0" encoding="rot13"?>{ATOM}</feed>', ENCODING, id="no text encoding"),
        pytest.param(
            '<!DOCTYPE f [<!ATTLIST a b CDATA "' + "x" * 9000 + f'">]>{ATOM}' + "<a/>" * 90 + "</feed>",
            "The feed exceeds the limits on XML.",
            id="attributes by default",
        ),
    ],
)
@pytest.mark.parametrize("pieces", [1, 1_000_000])
def test_what_is_wrong_with_a_feed_is_said(feed: str | bytes, reason: str, pieces: int) -> None:
    reader = fed(feed, pieces=pieces)
    assert reader.finish() == ()
    assert (reader.failure or "").startswith(reason)
    assert (reader.failure or "").endswith(".")


SELF = '<link rel="self" href="/feed"/>'
BOTH = [*FOUND, ("self", "https://example.com/feed")]
BROKEN = {
    "entity of HTML": f"{ATOM}<title>a&nbsp;b</title>",
    "bare ampersand": f"{ATOM}<title>a & b</title>",
    "control character": f"{ATOM}<title>\x0b\0</title>",
    "line break of HTML": f"{ATOM}<title>a<br>b</title>",
    "tag closed twice": f"{ATOM}<title>a</title></title>",
    "two attributes of one name": f'{ATOM}<title a="" a="">b</title>',
    "attribute without quotes": f"{ATOM}<title a=b>c</title>",
    "quotes that are not closed": f'{ATOM}<title a="b>c</title>',
    "less-than sign": f"{ATOM}<title>a < b <3 </ c</title>",
    "prefix that nobody declares": f"{ATOM}<a:b/>",
    "entities declared": f'<!DOCTYPE feed [<!ENTITY a "]>"><!-- \' ]> -->]>{ATOM}<title>&a;</title>',
    "another namespace in a title": f'{ATOM}<title><div xmlns="http://www.w3.org/1999/xhtml">&</div></title>',
    "unknown declaration": f"<!x>{ATOM}<!y>",
    "instruction closed like a tag": f'<?xml version="1.0">{ATOM}',
    "white space before the declaration": f'\n <?xml version="1.0"?>{ATOM}',
    "white space of 5 KB before the declaration": f'{" " * 5000}<?xml version="1.0"?>{ATOM}',
    "a second declaration": f'<?xml version="1.0"?><?xml version="1.0"?>{ATOM}',
    "warnings": f"<br />\n<b>Warning</b>: a in <b>b.php</b><br />\n<?xml version='1.0'?>{ATOM}",
    "text": f"{ATOM}<![CDATA[</feed>]]><!-- </feed> --><?a </feed>?>&",
}


@pytest.mark.parametrize("pieces", [1, 50, 1_000_000])
@pytest.mark.parametrize("broken", BROKEN)
def test_a_feed_that_is_not_well_formed_is_read_all_the_same(broken: str, pieces: int) -> None:
    feed = BROKEN[broken]
    assert read(f"{feed}{HUB}{SELF}</feed>", pieces=pieces) == BOTH
    assert read(f"{feed}<entry><link rel='hub' href='/evil'/>&x;</entry>{HUB}{SELF}", pieces=pieces) == BOTH
    assert read(f"{ATOM}{HUB}{SELF}{feed}", pieces=pieces) == BOTH


@pytest.mark.parametrize("pieces", [1, 50, 1_000_000])
@pytest.mark.parametrize(
    ("feed", "found"),
    [
        pytest.param(f"{RSS}<title>&</title>{RSS_HUB}</channel></rss>", FOUND, id="RSS"),
        pytest.param(f"<rss><channel>{RSS_HUB}</channel></rss>", FOUND, id="prefix that nobody declares"),
        pytest.param(f"{RSS}<item>&{RSS_HUB}</item></channel>{RSS_HUB}</rss>", [], id="in an item and beside"),
        pytest.param(f"{RSS}&<image/>{HUB}</channel></rss>", [], id="link of RSS"),
        pytest.param(f"{RDF}<channel>&{RSS_HUB.replace('atom:', 'a:')}</channel></r:RDF>", FOUND, id="RSS 1.0"),
        pytest.param(f"{ATOM}&<!--{HUB}--><![CDATA[{HUB}]]></feed>", [], id="in a comment"),
        pytest.param(f"{ATOM}&<!--{HUB}", [], id="in a comment that is not closed"),
        pytest.param(f"<feed>&{HUB}</feed>", [], id="no namespace"),
        pytest.param(RSS + f'&<link xmlns="{NAMESPACE}" rel="hub" href="https://hub.example/"/>', FOUND, id="own"),
        pytest.param(f"<html>&{ATOM}{HUB}</feed>", [], id="page"),
        pytest.param(f"{ATOM}&<link rel=hub href='http://h/?a=1&copy=2&amp;b'></feed>", None, id="bare href"),
        pytest.param(f"{ATOM}&<LINK REL='hub' HREF='http://h/?a=1&copy=2&amp;b'/></feed>", None, id="capitals"),
        pytest.param(f"{ATOM[:-1]} xml:base='http://h/'>&<link rel='hub' href='?a=1&copy=2&#38;b'>", None, id="base"),
    ],
)
def test_the_same_links_count_in_it(feed: str, found: list[tuple[str, str]] | None, pieces: int) -> None:
    assert read(feed, pieces=pieces) == ([("hub", "http://h/?a=1&copy=2&b")] if found is None else found)


def test_a_bad_byte_hides_no_link() -> None:
    assert read(f"{ATOM}<title>é</title>{HUB}{SELF}</feed>".encode("latin-1")) == BOTH
    assert read(f"{ATOM}{HUB}<title>é</title>{SELF}</feed>".encode("latin-1")) == BOTH


@pytest.mark.parametrize(
    ("inside", "reason"),
    [
        ("<a>" * (MAX_DEPTH - 1) + "</a>" * (MAX_DEPTH - 1), None),
        ("<a>" * MAX_DEPTH, "The feed nests more than 100 elements."),
        ("<a/>" * (MAX_ELEMENTS - 3), None),
        ("<a/>" * MAX_ELEMENTS, "The feed has more than 5000 elements before its first entry."),
        ("<entry/>" * MAX_ELEMENTS, None),
        ("<entry/>" * MAX_ELEMENTS_IN_ALL, "The feed has more than 10000 elements."),
        ("<a " + " ".join(f'a{n}=""' for n in range(1000)) + "/>", None),
        (f"<!--{'x' * 200_000}-->", None),
        (f'<a a="{"x" * 200_000}"/>', None),
        ('<link href="/"/>' * 1000, None),
        (f'<link rel="hub" href="/{"x" * 9000}"/>', None),
    ],
)
def test_only_what_is_beyond_all_measure_ends_the_reading(inside: str, reason: str | None) -> None:
    reader = fed(f"{ATOM}{inside}{HUB}{SELF}</feed>")
    links = [link for link in reader.finish() if link.relations & {"hub", "self"} and len(link.target) < URL_LIMIT]
    assert (len(links), reader.failure) == ((2, None) if reason is None else (0, reason))
    assert len(fed(f"{ATOM}{HUB}{inside}</feed>").finish()) >= 1


def test_a_long_comment_before_the_feed_hides_nothing() -> None:
    assert read(f"<!--{'x' * 200_000}-->{ATOM}{HUB}</feed>") == FOUND


def test_reading_stops_at_the_first_entry() -> None:
    reader = FeedReader(url=URL)
    assert not reader.feed(f"{ATOM}{HUB}{SELF}<title>{'x' * 5000}</title>".encode())
    assert reader.feed(b"<entry>" + b" " * 4096)
    assert len(reader.finish()) == 2


@pytest.mark.parametrize("bad", ["", "&"])
def test_reading_goes_on_while_hub_or_self_is_missing(bad: str) -> None:
    reader = FeedReader(url=URL)
    assert not reader.feed(f"{ATOM}{bad}{HUB}<entry>{'x' * 5000}</entry><entry/>{' ' * 4096}".encode())
    assert not reader.feed(f"{SELF}<link rel='hub' href='/2'/>{' ' * 8192}".encode())
    assert reader.feed(b"<entry>" + b" " * 4096)
    assert [link.target for link in reader.finish()] == [
        "https://hub.example/",
        "https://example.com/feed",
        "https://example.com/2",
    ]
    only_hub = FeedReader(url=URL, wanted=frozenset({"hub"}))
    assert only_hub.feed(f"{ATOM}{bad}{HUB}<entry>{' ' * 4096}".encode())


def test_reading_stops_after_256_kib() -> None:
    feed = f"{ATOM}{HUB}<title>{'x' * MAX_FEED_BYTES}</title>{HUB}</feed>"
    reader = FeedReader(url=URL)
    assert reader.feed(feed.encode())
    assert [link.target for link in reader.finish()] == ["https://hub.example/"]


def test_reading_stops_after_a_hundred_links() -> None:
    assert len(read(f"{ATOM}{HUB * 200}</feed>")) == MAX_LINKS


@given(st.text(st.sampled_from("<>/!?-&;=\"'[] \n\0aélink"), max_size=200), st.integers(1, 60))
def test_bad_xml_hides_no_link_that_was_read(text: str, pieces: int) -> None:
    found = read(f"{ATOM}{HUB}{text}", pieces=pieces)
    assert found[0] == FOUND[0]
    for relations, target in found:
        assert relations
        assert target


@given(st.text(st.sampled_from("<>/!?-&;=\"'[] \n\0aélink"), max_size=200), st.integers(1, 60))
def test_a_broken_feed_reads_the_same_in_any_pieces(text: str, pieces: int) -> None:
    assert read(f"{ATOM}&{text}{HUB}", pieces=pieces) == read(f"{ATOM}&{text}{HUB}")


BOMBS = {
    "elements": b"<a/>",
    "open elements": b"<a>",
    "namespaces": b'<a xmlns:b="c"/>',
    "links": b'<link rel="hub" href="/h"/>',
    "long links": b'<link href="' + b"x" * 2000 + b'"/>',
    "attributes": b"<a " + b" ".join(b'a%d=""' % n for n in range(60)) + b"/>",
    "lines": b"\n",
    "comments": b"<!---->",
    "instructions": b"<?a?>",
    "references": b"&#10;",
    "sections": b"<![CDATA[a]]>",
}
LARGE_TOKENS = {
    "one element with 50,000 attributes": b"<a " + b" ".join(b'a%d=""' % n for n in range(50_000)) + b"/>",
    "one long attribute": b'<link href="' + b"x" * 600_000,
    "one long comment": b"<!--" + b"x" * 600_000,
}
PROLOGS = {
    "default attributes": b"<!DOCTYPE f [<!ATTLIST a " + b" ".join(b'a%d CDATA ""' % n for n in range(20_000)) + b">]>",
    "content model": b"<!DOCTYPE f [<!ELEMENT a " + b"(" * 300_000,
    "declarations": b"<!DOCTYPE f [" + b"<!ELEMENT a ANY>" * 20_000,
    "20,000 namespaces": b"<feed " + b" ".join(b'xmlns:a%d="u"' % n for n in range(20_000)) + b">",
}


# Small and large pieces for a feed that is well-formed so far, and for one that is not, which is read in another way.
@pytest.mark.parametrize(
    ("place", "pieces"),
    [("", 16_384), ("<entry/>", 1_000_000), ("&", 1_000_000), ("&<entry/>", 16_384), ("&<entry>", 1_000_000)],
)
@pytest.mark.parametrize("bomb", [*BOMBS, *LARGE_TOKENS, *PROLOGS])
@pytest.mark.threat("XML-7", "XML-8", "XML-9", "XML-10")
def test_no_feed_costs_more_than_so_many_steps(bomb: str, place: str, pieces: int) -> None:
    inside = LARGE_TOKENS.get(bomb) or BOMBS.get(bomb, b"") * (600_000 // len(BOMBS.get(bomb, b"x")))
    feed = PROLOGS.get(bomb, b"") + ATOM.encode() + place.encode() + inside
    assert steps_of(lambda: read(feed, pieces=pieces)) < MOST_STEPS


@pytest.mark.threat("XML-10")
def test_a_slow_sender_does_not_make_a_feed_costly() -> None:
    feed = ATOM.encode() + b"<!--" + b"x" * 60_000
    work = work_of(lambda: read(feed, pieces=1))
    assert work.lines < 20 * len(feed)
    # expat starts over with each piece in a token that is not complete.
    assert 0 < work.calls["xmlparser.Parse"] <= len(feed) / 4_096 + 2


def test_a_feed_of_1_mb_is_read_no_further_than_its_first_entry() -> None:
    feed = f"{ATOM}{HUB}{SELF}{'<entry><title>t</title></entry>' * 30_000}</feed>".encode()
    reader = FeedReader(url=URL)
    pieces = (feed[start : start + 1024] for start in range(0, len(feed), 1024))
    assert next(count for count, piece in enumerate(pieces, 1) if reader.feed(piece)) < 10
