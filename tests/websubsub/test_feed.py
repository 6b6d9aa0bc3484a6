from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.work import steps_of, work_of
from websubsub._feed import (
    MAX_ATTRIBUTES,
    MAX_BYTES_BEFORE_ROOT,
    MAX_DEPTH,
    MAX_ELEMENTS,
    MAX_FEED_BYTES,
    MAX_LINKS,
    FeedError,
    FeedReader,
)

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


def read(feed: str | bytes, *, pieces: int = 1_000_000, charset: str | None = None) -> list[tuple[str, str]]:
    content = feed.encode() if isinstance(feed, str) else feed
    reader = FeedReader(url=URL, charset=charset)
    for start in range(0, len(content), pieces):
        if reader.feed(content[start : start + pieces]):
            break
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
        pytest.param(f"{ATOM}<category><link/></category>{HUB}</feed>", id="after a deeper element"),
        pytest.param(f"{ATOM}{HUB.replace('hub', 'HUB', 1)}</feed>", id="upper case"),
        pytest.param(
            f"{ATOM}{HUB.replace('hub', 'http://www.iana.org/assignments/relation/hub', 1)}</feed>",
            id="relation as a registered URL",
        ),
    ],
)
@pytest.mark.parametrize("pieces", [1, 50, 1_000_000])
def test_a_hub_of_the_feed_is_found(feed: str, pieces: int) -> None:
    assert read(feed, pieces=pieces) == FOUND


@pytest.mark.parametrize(
    "feed",
    [
        pytest.param(f"{ATOM}<entry>{HUB}</entry>{HUB}</feed>", id="in and after an entry"),
        pytest.param(f"{RSS}<item>{RSS_HUB}</item>{RSS_HUB}</channel></rss>", id="in and after an item"),
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
        pytest.param(f"{ATOM}{HUB}", MALFORMED, id="cut off"),
        pytest.param(f"{ATOM}{HUB}<p></feed>", MALFORMED, id="wrong nesting"),
        pytest.param(f"{ATOM}&nbsp;</feed>", MALFORMED, id="unknown entity"),
        pytest.param(f"{ATOM}\0</feed>", MALFORMED, id="zero"),
        pytest.param(f"{ATOM}é</feed>".encode("latin-1"), MALFORMED, id="bad UTF-8"),
        pytest.param(f'<?xml version="1.0" encoding="utf-7"?>{ATOM}</feed>', ENCODING, id="UTF-7"),
        pytest.param(f'<?xml version="1.0" encoding="nonsense"?>{ATOM}</feed>', ENCODING, id="unknown encoding"),
        pytest.param(f'<?xml version="1.0" encoding="rot13"?>{ATOM}</feed>', ENCODING, id="no text encoding"),
    ],
)
@pytest.mark.parametrize("pieces", [1, 1_000_000])
def test_a_feed_that_cannot_be_read_is_an_error(feed: str | bytes, reason: str, pieces: int) -> None:
    with pytest.raises(FeedError) as error:
        read(feed, pieces=pieces)
    assert str(error.value).startswith(reason)
    assert str(error.value).endswith(".")


@pytest.mark.parametrize(
    ("inside", "reason"),
    [
        ("<a>" * (MAX_DEPTH - 1) + "</a>" * (MAX_DEPTH - 1), None),
        ("<a>" * MAX_DEPTH, "The feed nests more than 100 elements."),
        ("<a/>" * (MAX_ELEMENTS - 2), None),
        ("<a/>" * MAX_ELEMENTS, "The feed has more than 5000 elements before its first entry."),
        ("<a " + " ".join(f'a{n}=""' for n in range(MAX_ATTRIBUTES)) + "/>", None),
        (
            "<a " + " ".join(f'a{n}=""' for n in range(MAX_ATTRIBUTES + 1)) + "/>",
            "The feed has more attributes than can be read.",
        ),
        (f'<a a="{"x" * 1000}"/>' * 140, "The feed has more attributes than can be read."),
    ],
)
def test_a_feed_beyond_all_measure_is_an_error(inside: str, reason: str | None) -> None:
    feed = f"{ATOM}{inside}{HUB}</feed>"
    if reason is None:
        assert read(feed) == FOUND
    else:
        with pytest.raises(FeedError, match=reason):
            read(feed)


def test_a_feed_has_to_begin_soon() -> None:
    assert read(" " * (MAX_BYTES_BEFORE_ROOT - 4096) + f"{ATOM}{HUB}</feed>") == FOUND
    with pytest.raises(FeedError, match="does not begin within its first 32 KiB"):
        read(" " * MAX_FEED_BYTES)


def test_reading_stops_at_the_first_entry() -> None:
    reader = FeedReader(url=URL)
    assert not reader.feed(f"{ATOM}{HUB}<title>{'x' * 5000}</title>".encode())
    assert reader.feed(b"<entry>" + b" " * 4096)
    assert [link.target for link in reader.finish()] == ["https://hub.example/"]


def test_reading_stops_after_256_kib() -> None:
    feed = f"{ATOM}{HUB}<title>{'x' * MAX_FEED_BYTES}</title>{HUB}</feed>"
    reader = FeedReader(url=URL)
    assert reader.feed(feed.encode())
    assert [link.target for link in reader.finish()] == ["https://hub.example/"]


def test_reading_stops_after_a_hundred_links() -> None:
    assert len(read(f"{ATOM}{HUB * 200}</feed>")) == MAX_LINKS


@given(st.text(st.sampled_from("<>/!?-&;=\"'[] \n\0aélink"), max_size=200), st.integers(1, 60))
def test_bad_xml_is_a_feed_error_and_nothing_else(text: str, pieces: int) -> None:
    with suppress(FeedError):
        for relations, target in read(f"{ATOM}{HUB}{text}", pieces=pieces):
            assert relations
            assert target


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


@pytest.mark.parametrize("pieces", [16_384, 1_000_000])
@pytest.mark.parametrize("bomb", [*BOMBS, *LARGE_TOKENS, *PROLOGS])
def test_no_feed_costs_more_than_so_many_steps(bomb: str, pieces: int) -> None:
    inside = LARGE_TOKENS.get(bomb) or BOMBS.get(bomb, b"") * (600_000 // len(BOMBS.get(bomb, b"x")))
    feed = PROLOGS.get(bomb) or ATOM.encode() + inside
    assert steps_of(lambda: read_anyway(feed, pieces)) < MOST_STEPS


def test_a_slow_sender_does_not_make_a_feed_costly() -> None:
    feed = ATOM.encode() + b"<!--" + b"x" * 60_000
    work = work_of(lambda: read_anyway(feed, 1))
    assert work.lines < 20 * len(feed)
    # expat starts over with each piece in a token that is not complete.
    assert 0 < work.calls["xmlparser.Parse"] <= len(feed) / 4_096 + 2


def test_a_feed_of_1_mb_is_read_no_further_than_its_first_entry() -> None:
    feed = f"{ATOM}{HUB}{'<entry><title>t</title></entry>' * 30_000}</feed>".encode()
    reader = FeedReader(url=URL)
    pieces = (feed[start : start + 1024] for start in range(0, len(feed), 1024))
    assert next(count for count, piece in enumerate(pieces, 1) if reader.feed(piece)) < 10


def read_anyway(feed: bytes, pieces: int) -> None:
    with suppress(FeedError):
        read(feed, pieces=pieces)
