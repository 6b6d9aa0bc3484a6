"""Taking a feed apart: the charset that counts, and no more work than a feed is worth."""

import pytest

from _websub.grammar.xml import MAX_DEPTH, MAX_NODES, XmlParser
from websubhub import feed_entries, feed_entries_in_steps, without_entries

ATOM = '<feed xmlns="http://www.w3.org/2005/Atom">'
ENTRY = "<entry><id>1</id><title>\u0436</title></entry>"


@pytest.mark.parametrize(
    ("charset", "declaration", "content_type"),
    [
        ("utf-8", "", "application/atom+xml"),
        ("utf-8-sig", "", "application/atom+xml; charset=koi8-r"),
        ("koi8-r", '<?xml version="1.0" encoding="koi8-r"?>', "text/xml"),
        ("koi8-r", '<?xml version="1.0" encoding="utf-8"?>', "text/xml; charset=koi8-r"),
        ("utf-8", '<?xml version="1.0" encoding="koi8-r"?>', "text/xml; charset=utf-8"),
    ],
)
def test_entries_are_found_in_the_charset_that_counts(charset: str, declaration: str, content_type: str) -> None:
    body = f"{declaration}{ATOM}{ENTRY}{ENTRY.replace('1', '2')}</feed>".encode(charset)
    entries = feed_entries(body, content_type)
    assert entries is not None
    assert len(entries) == 2
    rest = without_entries(body, entries, [entries[0].digest])
    assert rest == f"{declaration}{ATOM}{ENTRY.replace('1', '2')}</feed>".encode(charset)


@pytest.mark.parametrize("charset", ["utf-16", "utf-16-le", "gb2312", "shift_jis"])
def test_a_feed_whose_bytes_cannot_be_cut_is_delivered_whole(charset: str) -> None:
    body = f'<?xml version="1.0" encoding="{charset}"?>{ATOM}{ENTRY}</feed>'.encode(charset)
    assert feed_entries(body, "application/atom+xml") is None


@pytest.mark.parametrize(
    "feed",
    [
        f'<!DOCTYPE x [<!ATTLIST a b CDATA "{"x" * 100_000}">]>{ATOM}{"<a/>" * 3000}</feed>',
        f"{ATOM}{'<a/>' * MAX_NODES}</feed>",
        f"{ATOM}{'<a>' * MAX_DEPTH}",
        f"{ATOM}<entry></feed>",
    ],
    ids=["attributes by default", "elements", "depth", "broken"],
)
@pytest.mark.threat("XML-7", "XML-13")
def test_a_feed_beyond_all_measure_is_not_taken_apart(feed: str) -> None:
    assert feed_entries(feed.encode(), "application/atom+xml") is None


@pytest.mark.parametrize(
    "feed",
    [
        f"{ATOM}{ENTRY}<entry/></feed>",
        f"{ATOM}<entry />{ENTRY}<entry\n/>text</feed>",
        f'<entry:feed xmlns:entry="http://www.w3.org/2005/Atom"{ATOM[5:]}{ENTRY}<entry/></entry:feed>',
        f'<rss><channel>{ENTRY.replace("entry", "item")}<item title="a>b"/></channel></rss>',
    ],
)
def test_an_empty_entry_stays(feed: str) -> None:
    body = feed.encode()
    entries = feed_entries(body, "application/xml")
    assert entries is not None
    assert [body[entry.start : entry.end].decode().replace("item", "entry") for entry in entries] == [ENTRY]
    rest = without_entries(body, entries, [entry.digest for entry in entries])
    assert feed_entries(rest, "application/xml") == ()


@pytest.mark.threat("XML-1", "DOS-9")
def test_a_large_feed_is_read_in_steps_of_which_each_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    body = b'<feed xmlns="http://www.w3.org/2005/Atom">%s</feed>' % (b"<entry><id>1</id></entry>" * 10_000)
    fed = list[int]()
    feed = XmlParser.feed

    def counted(parser: XmlParser, data: bytes) -> None:
        fed.append(len(data))
        feed(parser, data)

    monkeypatch.setattr(XmlParser, "feed", counted)
    steps, number, found = feed_entries_in_steps(body, "application/atom+xml"), 0, None
    while True:
        before = sum(fed)
        try:
            next(steps)
        except StopIteration as end:
            found = end.value
            break
        number += 1
        assert sum(fed) - before <= 8_192, "a step reads a piece, however long the feed is"
    assert number >= len(body) / 8_192
    assert found == feed_entries(body, "application/atom+xml")
    assert found is not None
    assert len(found) == 10_000
