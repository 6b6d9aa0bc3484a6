import pytest
from hypothesis import given
from hypothesis import strategies as st

from _websub.grammar.links import MAX_LINK_CHARACTERS, MAX_LINKS, Link, parse_links, resolve, write_links
from tests.work import steps_of

HUB = "https://hub.example.com/hub"
TOPIC = "https://example.com/feed?tag=a&b=1"

urls = st.from_regex(r"\Ahttps?://[a-z]{1,8}\.example/[!#-;=?-~]{0,40}\Z")
hostile_text = st.text(st.one_of(st.sampled_from('<>,;="\\ \t relhubself'), st.characters()), max_size=200)


def targets(value: str, relation: str = "hub") -> list[str]:
    return [link.target for link in parse_links([value]) if relation in link.relations]


@pytest.mark.spec("D-08")
@pytest.mark.parametrize(
    ("value", "hubs"),
    [
        pytest.param('<http://h/>; rel="hub"', ["http://h/"], id="quoted"),
        pytest.param("<http://h/>; rel=hub", ["http://h/"], id="token"),
        pytest.param("<http://h/>;rel=hub,<http://i/>;rel=hub", ["http://h/", "http://i/"], id="no spaces"),
        pytest.param('<http://h/>; REL="HUB"', ["http://h/"], id="upper case"),
        pytest.param('<http://h/> ;\t Rel = "Hub" ', ["http://h/"], id="white space everywhere"),
        pytest.param('<http://h/>; rel="self hub"', ["http://h/"], id="several relations"),
        pytest.param("<http://h/>; title=x; rel=hub; type=y", ["http://h/"], id="any order"),
        pytest.param('<http://h/?a,b;c>; rel="hub"', ["http://h/?a,b;c"], id="comma and semicolon in the target"),
        pytest.param('<http://t/>; title="a, <http://evil/>; rel=hub"', [], id="link in a quoted title"),
        pytest.param(r'<http://h/>; title="a \" \\"; rel=hub', ["http://h/"], id="escaped quotes"),
        pytest.param('<http://h/>; rel="self"; rel="hub"', [], id="the first rel wins"),
        pytest.param("<http://h/>; rel", [], id="rel without value"),
        pytest.param("<http://h/>; rel=hubs", [], id="other relation"),
        pytest.param("<http://h/>", [], id="no relation"),
        pytest.param(",, ,<http://h/>; rel=hub,,", ["http://h/"], id="empty pieces"),
        pytest.param("junk, <http://h/>; rel=hub", ["http://h/"], id="junk before"),
        pytest.param("<http://h/>; rel=hub; a b=c, <http://i/>; rel=hub", ["http://h/", "http://i/"], id="junk inside"),
        pytest.param('junk ", <http://evil/>; rel=hub', [], id="junk with an open quote"),
        pytest.param('<http://h/>; rel="hub', ["http://h/"], id="quote never closed"),
        pytest.param("<http://h/; rel=hub", [], id="target never closed"),
        pytest.param("", [], id="empty"),
    ],
)
@pytest.mark.threat("LINK-1", "LINK-2", "LINK-3")
def test_hubs_are_found(value: str, hubs: list[str]) -> None:
    assert targets(value) == hubs


def test_every_parameter_is_kept_in_order() -> None:
    (link,) = parse_links([r'</a>; Title="x \"y\" \\"; rel=self; flag; type=text/html ; rel=hub'])
    assert link.parameters == (
        ("title", 'x "y" \\'),
        ("rel", "self"),
        ("flag", ""),
        ("type", "text/html"),
        ("rel", "hub"),
    )
    assert link.relations == {"self"}


@pytest.mark.threat("LINK-4")
def test_a_link_with_an_anchor_is_about_another_resource() -> None:
    mine, other, empty = parse_links(["<http://h/>; rel=hub, </h>; rel=hub; anchor=/o, </i>; rel=hub; anchor"])
    assert not mine.is_about_another_resource
    assert other.is_about_another_resource
    assert other.anchor == "/o"
    assert empty.is_about_another_resource


def test_several_header_values_are_read_one_by_one_in_order() -> None:
    links = parse_links(['</a>; rel="hub', "</b>; rel=hub"])
    assert [link.target for link in links] == ["/a", "/b"]


@pytest.mark.parametrize(
    ("reference", "absolute"),
    [
        ("/hub", "https://example.com/hub"),
        ("hub", "https://example.com/feeds/hub"),
        ("//hub.example/", "https://hub.example/"),
        ("?self=other", "https://example.com/feeds/all?self=other"),
        ("#top", "https://example.com/feeds/all?page=1#top"),
        ("", "https://example.com/feeds/all?page=1"),
        ("http://h/?#", "http://h/?#"),
        ("HTTP://H/%7e/../x", "HTTP://H/%7e/../x"),
        ("javascript:alert(1)", "javascript:alert(1)"),
        ("//[half/", None),
    ],
)
@pytest.mark.threat("LINK-5")
def test_references_are_resolved_and_absolute_urls_stay_as_they_are(reference: str, absolute: str | None) -> None:
    base = "https://example.com/feeds/all?page=1#fragment"
    assert resolve(base, reference) == absolute
    found = [link.target for link in parse_links([f"<{reference}>; rel=hub"], base=base)]
    assert found == ([] if absolute is None else [absolute])


@pytest.mark.threat("LINK-7")
def test_reading_ends_after_a_hundred_links() -> None:
    values = [", ".join(f"</{n}>; rel=hub" for n in range(60))] * 2
    links = parse_links(values)
    assert len(links) == MAX_LINKS
    assert links[-1].target == "/39"


def test_reading_ends_before_the_value_that_goes_beyond_64_kib() -> None:
    first = "</a>; rel=hub"
    fits = f'</b>; title="{"x" * (MAX_LINK_CHARACTERS - 2 * len(first) - 16)}"; rel=hub'
    assert [link.target for link in parse_links([first, fits])] == ["/a", "/b"]
    assert [link.target for link in parse_links([first, fits + "x" * 100, first])] == ["/a"]


@pytest.mark.threat("LINK-7")
def test_a_link_with_more_than_twenty_parameters_is_skipped() -> None:
    filler = "".join(f"; p{n}=x" for n in range(19))
    value = f"</a>; rel=hub{filler}, </b>; rel=hub{filler}; one=more; anchor=/other, </c>; rel=hub"
    assert targets(value) == ["/a", "/c"]


def test_links_are_written_to_the_letter() -> None:
    value = write_links([HUB, "http://other.example/"], TOPIC)
    assert value == (
        '<https://hub.example.com/hub>; rel="hub", <http://other.example/>; rel="hub", '
        '<https://example.com/feed?tag=a&b=1>; rel="self"'
    )


def test_a_topic_or_hub_can_be_written_alone() -> None:
    assert write_links([], TOPIC) == f'<{TOPIC}>; rel="self"'
    assert write_links([HUB], None) == f'<{HUB}>; rel="hub"'
    assert write_links([], None) == ""


@pytest.mark.threat("HI-3", "LINK-8")
def test_a_topic_cannot_add_links() -> None:
    value = write_links([HUB], 'http://t/>; rel="hub", <http://evil/>')
    hub, self = parse_links([value])
    assert hub.target == HUB
    assert hub.relations == {"hub"}
    assert self.target == "http://t/%3E;%20rel=%22hub%22,%20%3Chttp://evil/%3E"
    assert self.relations == {"self"}


def test_characters_outside_urls_are_percent_encoded() -> None:
    value = write_links([], 'http://t/é "\r\n\x00\x7f\ud800')
    assert value == '<http://t/%C3%A9%20%22%0D%0A%00%7F%ED%A0%80>; rel="self"'


@given(st.lists(urls, max_size=5), urls)
@pytest.mark.threat("LINK-8")
def test_what_is_written_is_read_back(hubs: list[str], topic: str) -> None:
    links = parse_links([write_links(hubs, topic)], base="http://elsewhere.example/")
    assert links == (
        *(Link(target=hub, relations=frozenset({"hub"}), parameters=(("rel", "hub"),)) for hub in hubs),
        Link(target=topic, relations=frozenset({"self"}), parameters=(("rel", "self"),)),
    )


@given(st.lists(hostile_text, max_size=3), hostile_text)
@pytest.mark.threat("LINK-8")
def test_any_url_text_gives_one_link_each_and_stays_one_line_of_ascii(hubs: list[str], topic: str) -> None:
    value = write_links(hubs, topic)
    assert value.isascii()
    assert value.isprintable()
    assert [sorted(link.relations) for link in parse_links([value])] == [["hub"]] * len(hubs) + [["self"]]


@given(st.lists(hostile_text, max_size=4))
def test_no_header_is_an_error(values: list[str]) -> None:
    for link in parse_links(values, base="http://t/"):
        assert len(link.parameters) <= 20


@pytest.mark.parametrize("beginning", ["", "<a>", '<a>; a="', "<a>;a=", "<a>; rel=hub; "])
@pytest.mark.parametrize("repeated", [*',;<"= >\\', '\\"', "<a>,", "<a>;", '<a>;"",', "a=b;", 'a="b";', "<>,", '","'])
@pytest.mark.threat("LINK-6")
def test_64_kib_of_anything_are_read_in_few_steps(beginning: str, repeated: str) -> None:
    value = (beginning + repeated * MAX_LINK_CHARACTERS)[:MAX_LINK_CHARACTERS]
    assert steps_of(lambda: parse_links([value], base="http://t/")) < 2 * MAX_LINK_CHARACTERS


def test_an_international_host_is_named_in_its_ascii_form() -> None:
    value = write_links(["https://münchen.example/é"], "http://bücher.example:8080")
    assert value == (
        '<https://xn--mnchen-3ya.example/%C3%A9>; rel="hub", <http://xn--bcher-kva.example:8080>; rel="self"'
    )
