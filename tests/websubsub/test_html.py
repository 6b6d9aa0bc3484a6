from collections.abc import Iterable
from functools import partial
from urllib.parse import urljoin

import html5lib
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.work import steps_of, work_of
from websubsub._discovery.html import MAX_HTML_BYTES, HtmlReader
from websubsub._discovery.html_tags import MAX_ATTRIBUTES, MAX_MARKUP, TagScanner

# The dearest page below costs a million steps, a third of a second; it is read in 37 pieces, between which others run.
MOST_STEPS = 1_500_000
URL = "https://example.com/blog/page?x=1"
HUB = b'<link rel="hub" href="https://hub.example/">'
FOUND = [("hub", "https://hub.example/")]


def read(
    page: bytes, *, pieces: int = 1_000_000, charset: str | None = None, body: bool = False, xhtml: bool = False
) -> list[tuple[str, str]]:
    reader = HtmlReader(url=URL, charset=charset, body=body, xhtml=xhtml)
    for chunk in chunks(page, pieces):
        if reader.feed(chunk):
            break
    return [(" ".join(sorted(link.relations)), link.target) for link in reader.finish()]


def chunks(page: bytes, size: int) -> Iterable[bytes]:
    return (page[start : start + size] for start in range(0, len(page), size))


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(b"<!doctype html><html><head>" + HUB + b"</head><body></body></html>", id="plain"),
        pytest.param(HUB, id="no head tag"),
        pytest.param(b"<LINK HREF=https://hub.example/ REL=HUB>", id="upper case and no quotes"),
        pytest.param(b"<link\n rel = 'hub'\thref\n=\n'https://hub.example/'/>", id="white space and single quotes"),
        pytest.param(b'<link rel="hub" href=" https://hub.\nexample/ ">', id="URL in two lines"),
        pytest.param(b'<link rel="&#104;ub" href="https&#58;//hub.example&sol;">', id="character references"),
        pytest.param(b'<link rel=hub rel=self href="https://hub.example/" href="/evil">', id="first attribute wins"),
        pytest.param(b'<link title="a>b" rel="hub" href="https://hub.example/">', id="bracket in a value"),
        pytest.param(b"<meta charset=utf-8><title>a <b> c</title><style>p{}</style>" + HUB, id="after title and style"),
        pytest.param(b'<script>if (a < b) document.write("</p>")</script>' + HUB, id="after a script"),
        pytest.param(b"<noscript><img src=x></noscript>" + HUB, id="after an image in noscript"),
        pytest.param(b"<template><p>x</p></template>" + HUB, id="after a template"),
        pytest.param(b"<!-- a -- > b --!>" + HUB, id="after a comment"),
        pytest.param(b"<!--><!--->" + HUB, id="after empty comments"),
        pytest.param(b"<?xml version='1.0'?></p></>" + HUB, id="after markup without meaning"),
        pytest.param(b"<html><head></head>" + HUB + b"<body>", id="between head and body"),
        pytest.param(b"</head>\n<!-- --><script>'<p>'</script></head><head>" + HUB, id="after a script behind it"),
        pytest.param(b"<script><!-- <script> '</script>' --></script>" + HUB, id="after a script in a script"),
        pytest.param(b"<script><!-- </script>" + HUB + b"-->", id="after a comment in a script that is not closed"),
        pytest.param(b"<script><!--><script></script>" + HUB, id="after an empty comment in a script"),
        pytest.param(b"<script>'<script>'</script>" + HUB, id="after a script tag in a script"),
        pytest.param(b"<script><!--<scripts></script>" + HUB, id="after another tag in a script"),
        pytest.param(b"<script><!--<script></script></script>" + HUB, id="after a script that ends twice"),
    ],
)
@pytest.mark.parametrize("pieces", [1, 7, 1_000_000])
@pytest.mark.threat("HTML-11")
def test_a_hub_in_the_head_is_found(page: bytes, pieces: int) -> None:
    assert read(page, pieces=pieces) == FOUND


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(b"<head></head><body>" + HUB, id="body"),
        pytest.param(b"<head></head><noscript></noscript>" + HUB, id="after what opens the body behind the head"),
        pytest.param(b"<head></head>text" + HUB, id="after text behind the head"),
        pytest.param(b"<head></head><frameset>" + HUB, id="frameset"),
        pytest.param(b"<p>" + HUB, id="after a paragraph"),
        pytest.param(b"text" + HUB, id="after text"),
        pytest.param(b"<!--" + HUB + b"-->", id="comment"),
        pytest.param(b"<!--" + HUB, id="comment never closed"),
        pytest.param(b"<script>" + HUB + b"</script>", id="script"),
        pytest.param(b"<script>'</scripts>'" + HUB + b"</SCRIPT>", id="script with another end"),
        pytest.param(b"<script><!--<script></script>" + HUB + b"</script>", id="script in a script"),
        pytest.param(b"<script><!--<script ></script/></script>-->text" + HUB, id="after text behind a script"),
        pytest.param(b"<textarea>" + HUB + b"</textarea>", id="textarea"),
        pytest.param(b"<style>" + HUB + b"</style>", id="style"),
        pytest.param(b"<title>" + HUB + b"</title>", id="title"),
        pytest.param(b"<noscript>" + HUB + b"</noscript>", id="noscript"),
        pytest.param(b"<template><template></template>" + HUB + b"</template>", id="template in a template"),
        pytest.param(b'<meta content="' + HUB.replace(b'"', b"") + b'">', id="value of another tag"),
        pytest.param(HUB[:-1], id="tag never closed"),
        pytest.param(b'<a rel="hub" href="/">', id="a"),
        pytest.param(b'<link rel="hub">', id="no URL"),
        pytest.param(b'<link rel="hub" href=" ">', id="empty URL"),
        pytest.param(b'<link rel="hub" href="//[x/">', id="broken URL"),
        pytest.param(b'<link rel="stylesheet" href="/hub">', id="other relation"),
        pytest.param(b"", id="nothing"),
    ],
)
@pytest.mark.parametrize("pieces", [3, 1_000_000])
@pytest.mark.threat("HTML-6", "HTML-7", "HTML-8")
def test_links_elsewhere_are_not_taken(page: bytes, pieces: int) -> None:
    assert read(page, pieces=pieces) == []


@pytest.mark.spec("D-07")
def test_links_of_the_body_are_taken_when_asked_for() -> None:
    page = b"<head></head><body><p title='" + HUB.replace(b"hub", b"no") + b"'>text<!-- --><div>" + HUB + b"</div>"
    assert read(page) == []
    assert read(page, body=True) == FOUND
    assert read(b"<body><textarea>" + HUB + b"</textarea><plaintext>" + HUB, body=True) == []


def test_relations_are_a_list_of_words() -> None:
    assert read(b'<link rel="Self\n HUB alternate" href="#a">') == [("alternate hub self", f"{URL}#a")]


def test_links_keep_their_order() -> None:
    page = b'<link rel=hub href="/1"><link rel=self href="/2"><link rel=icon href="/3"><link rel=hub href="/4">'
    assert read(page) == [
        ("hub", "https://example.com/1"),
        ("self", "https://example.com/2"),
        ("hub", "https://example.com/4"),
    ]


@pytest.mark.parametrize(
    ("base", "target"),
    [
        ("", "https://example.com/blog/hub"),
        ("<base href='/other/'>", "https://example.com/other/hub"),
        ("<base href='//cdn.example/'>", "https://cdn.example/hub"),
        ("<base target=_top><base href='/first/'><base href='/second/'>", "https://example.com/first/hub"),
        ("<base href='data:,'>", "https://example.com/blog/hub"),
        ("<base href='//['>", "https://example.com/blog/hub"),
    ],
)
@pytest.mark.threat("HTML-9")
def test_relative_urls_follow_the_base_element(base: str, target: str) -> None:
    link = "<link rel=hub href=hub>"
    assert read(f"{base}{link}".encode()) == read(f"{link}{base}".encode()) == [("hub", target)]


@pytest.mark.parametrize(
    ("page", "charset"),
    [
        pytest.param('<link rel="self" href="/é">'.encode("utf-16"), None, id="UTF-16 by byte order mark"),
        pytest.param('<link rel="self" href="/é">'.encode("utf-8-sig"), "latin-1", id="UTF-8 by byte order mark"),
        pytest.param('<meta charset=utf-8><link rel="self" href="/é">'.encode(), None, id="meta charset"),
        pytest.param(
            '<meta http-equiv=content-type content="text/html; charset=koi8-r"><title>\u0436</title>'
            '<link rel="self" href="/&eacute;">'.encode("koi8-r"),
            None,
            id="meta content",
        ),
        pytest.param('<meta charset=latin-1><link rel="self" href="/é">'.encode(), "utf-8", id="Content-Type first"),
        pytest.param('<meta charset=utf-8><link rel="self" href="/é">'.encode(), "nonsense", id="unknown charset"),
        pytest.param('<link rel="self" href="/é">'.encode("windows-1252"), None, id="no charset"),
        pytest.param(b"<meta charset=x-mac-cyrillic><link rel=self href=/&eacute;>", None, id="x-mac-cyrillic"),
        pytest.param('<link rel="self" href="/é">'.encode("utf-16-le"), None, id="UTF-16 that nobody marks"),
        pytest.param('<?xml version="1.0" encoding="utf-8"?><link rel=self href=/é>'.encode(), None, id="declaration"),
        pytest.param('<meta charset=utf-16><link rel="self" href="/é">'.encode(), None, id="UTF-16 that is none"),
    ],
)
@pytest.mark.parametrize("pieces", [1, 1_000_000])
@pytest.mark.threat("HTML-10")
def test_text_is_read_in_its_encoding(page: bytes, charset: str | None, pieces: int) -> None:
    assert read(page, charset=charset, pieces=pieces) == [("self", "https://example.com/é")]


@pytest.mark.threat("HTML-10")
def test_bad_bytes_do_not_hide_a_link() -> None:
    assert read(b"<meta charset=utf-8><title>\xff\xfe\x00</title><link rel=hub href='/\xff'>") == [
        ("hub", "https://example.com/\ufffd")
    ]


def test_xhtml_has_empty_elements() -> None:
    page = b'<?xml version="1.0"?><html><head><title/><script src="x"/>' + HUB + b"</head></html>"
    assert read(page, xhtml=True) == FOUND
    assert read(page) == []


@pytest.mark.parametrize("end", [b"<body class='", b"<p>", b"text", b"</head><p>", b"</body>"])
def test_reading_stops_where_the_head_ends(end: bytes) -> None:
    reader = HtmlReader(url=URL)
    assert not reader.feed(HUB + b"<!--" + b"x" * 2000 + b"-->")
    assert reader.feed(end)
    assert [link.target for link in reader.finish()] == ["https://hub.example/"]


def test_reading_stops_after_1_mib() -> None:
    reader = HtmlReader(url=URL)
    page = HUB + b"<!--" + b"x" * MAX_HTML_BYTES + b"-->" + HUB
    assert sum(1 for chunk in chunks(page, 4096) if not reader.feed(chunk)) == MAX_HTML_BYTES // 4096 - 1
    assert [link.target for link in reader.finish()] == ["https://hub.example/"]


@pytest.mark.parametrize("pieces", [1000, 1_000_000])
@pytest.mark.parametrize(
    "long",
    [
        pytest.param(b"<meta " + b"a " * (MAX_ATTRIBUTES + 1) + b">", id="tag with 65 attributes"),
        pytest.param(b"<meta " + b"a='>' " * 20_000 + b">", id="tag with 20,000 attributes"),
        pytest.param(b'<link rel="hub" href="/evil" ' + b"a " * MAX_ATTRIBUTES + b">", id="link with 66 attributes"),
        pytest.param(b"<link rel=icon href=/>" * 1000, id="1,000 unrelated links"),
        pytest.param(b"<link rel='github x-hub himself' href=/1234567890>" * 1000, id="similar relations"),
        pytest.param(b"<base target=_top>" * 500 + b"<base href='/1234567890'>" * 2000, id="2,500 bases"),
        pytest.param(b"<!--" + b"x" * 600_000 + b"-->", id="long comment"),
        pytest.param(b"<script>" + b"x" * 600_000 + b"</script>", id="long script"),
        pytest.param(b"<meta content='" + b"x" * 600_000 + b"'>", id="long attribute"),
    ],
)
def test_what_is_long_does_not_hide_what_follows(long: bytes, pieces: int) -> None:
    assert read(long + HUB, pieces=pieces) == FOUND
    assert read(HUB + long, pieces=pieces) == FOUND


def test_reading_ends_after_15_000_pieces_of_markup() -> None:
    assert read(b"<!---->" * (MAX_MARKUP - 1) + HUB * 2) == FOUND


def test_a_link_too_long_to_be_honest_does_not_hide_the_next() -> None:
    assert read(b'<link rel="hub" href="/' + b"x" * 9000 + b'">' + HUB) == FOUND


# One piece of markup a line, whole or cut off.
PIECES = """\
<html lang=en>
<head>
</head>
<body>
</body>
</br>
<p>
</p>
<link rel=hub href=/1>
<link href="/2" rel=self />
<link rel='hub self' href='&amp;3'>
<link rel=hub href=
<link rel=self\x20
<LiNk/rel=hub
<base href=/b/>
<meta charset=utf-8>
<meta x=y/>
<title>
</title>
<style>
</style>
<noframes>
</noframes a=b>
<script>x</script>
<script>
<SCRIPT/x>
</script >
<!-->
-->
<noscript><link rel=hub href=/4></noscript>
<!--
-->
--!>
<!-->
<!x>
<a b='
'
"
<
>
=
/
</
<?
text
\x20
\0"""
soup = st.lists(st.sampled_from(PIECES.splitlines()), max_size=14).map("".join)
WANTED = {"hub", "self", "hub self"}


@given(soup, st.integers(1, 40))
def test_html5lib_finds_the_same_links(page: str, pieces: int) -> None:
    document = html5lib.HTMLParser(namespaceHTMLElements=False).parse(page, scripting=True)
    bases = [element.attrib["href"] for element in document.findall("head/base") if "href" in element.attrib]
    expected = [
        (" ".join(sorted(link.get("rel", "").split())), urljoin(urljoin(URL, (bases or [""])[0]), link.get("href")))
        for link in document.findall("head/link")
        if link.get("href") and link.get("rel") in WANTED
    ]
    found = [link for link in read(page.encode(), pieces=pieces, charset="utf-8") if link[0] in WANTED]
    assert found == expected


@given(st.binary(max_size=300), st.booleans())
def test_no_page_is_an_error(page: bytes, body: bool) -> None:  # noqa: FBT001
    for link in read(b"<link rel=hub href=" + page, body=body):
        assert link[1]


BOMBS = {
    "nested formatting": b"<b><i>",
    "nested blocks": b"<div>",
    "end tags never closed": b"</a </a",
    "comments never closed": b"<!--",
    "comments": b"<!---->",
    "scripts never closed": b"<script>",
    "titles never closed": b"<title>",
    "styles": b"<style></style>",
    "templates": b"<template>",
    "declarations": b"<!x>",
    "less-than signs": b"<",
    "open tags": b"<m ",
    "open values": b"<meta x='>",
    "links": b"<link rel=hub href=x>",
    "links without URL": b"<link/>",
    "bases": b"<base href=x>",
    "attributes": b"<link rel=hub " + b"a " * 60 + b">",
    "equals signs": b"<link rel=hub " + b"= " * 60 + b">",
    "character references": b'<link rel=hub href="' + b"&not" * 500 + b'">',
    "zeros": b'<link rel=hub href="' + b"\0" * 2000 + b'">',
}
LARGE_TAGS = {
    "one tag with 40,000 attributes": b"<link rel=hub " + b" ".join(b"a%d=1" % n for n in range(40_000)) + b">",
    "one tag with a long value": b'<link rel=hub href="' + b"x" * 600_000 + b'">',
    "one long tag name": b"<link" + b"x" * 600_000,
}


def bomb_of(name: str, size: int = 600_000) -> bytes:
    return LARGE_TAGS.get(name) or b"<html><head>" + BOMBS[name] * (size // len(BOMBS[name]))


# With the body, each is read to its end or to a limit. A head that none of these ends costs the same: some show it.
@pytest.mark.parametrize(
    ("bomb", "body"),
    [
        *((bomb, True) for bomb in (*BOMBS, *LARGE_TAGS)),
        *((bomb, False) for bomb in ("styles", "links", "open values", "nested blocks", *LARGE_TAGS)),
    ],
)
@pytest.mark.threat("HTML-1", "HTML-2", "HTML-3", "HTML-4", "HTML-5", "HTML-12")
def test_no_page_costs_more_than_so_many_steps(bomb: str, body: bool) -> None:  # noqa: FBT001
    page = bomb_of(bomb)
    assert steps_of(lambda: read(page, pieces=16_384, body=body)) < MOST_STEPS


@pytest.mark.parametrize("bomb", BOMBS)
@pytest.mark.threat("HTML-1", "HTML-3", "HTML-4", "HTML-5", "HTML-12")
def test_the_steps_of_a_page_grow_no_faster_than_its_length(bomb: str) -> None:
    half, whole = (steps_of(partial(read, bomb_of(bomb, size))) for size in (20_000, 40_000))
    assert whole < 2.2 * half


def test_a_slow_sender_does_not_make_a_page_costly(monkeypatch: pytest.MonkeyPatch) -> None:
    scan, scanned = TagScanner._scan, []

    def counting(scanner: TagScanner, text: str) -> str:
        scanned.append(len(text))
        return scan(scanner, text)

    monkeypatch.setattr(TagScanner, "_scan", counting)
    page = b"<html><head><script>" + b"x" * 60_000
    assert work_of(lambda: read(page, pieces=1)).lines < 20 * len(page)
    assert sum(scanned) < 4 * len(page)


def test_a_page_of_500_kb_costs_no_more_than_one_of_25_kb() -> None:
    head = b"<html><head>" + b"<meta name=a content=b><link rel=stylesheet href=/c>" * 300 + HUB + b"</head><body>"
    small, large = (head + b"<p>text</p>" * count for count in (900, 44_000))
    assert steps_of(lambda: read(large, pieces=16_384)) < 1.1 * steps_of(lambda: read(small, pieces=16_384))
