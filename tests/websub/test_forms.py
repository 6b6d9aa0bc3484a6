from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from _websub.grammar.forms import FIELD_LIMIT, QUERY_LIMIT, Form, FormError, parse_form, read_form, write_form
from _websub.grammar.vocabulary import FORM

SUBSCRIBE = (
    b"hub.mode=subscribe&hub.topic=https%3A%2F%2Fpub.test%2Ffeed%3Ftag%3Da%26b%3D1"
    b"&hub.callback=https%3A%2F%2Fsub.test%2Fcb%2F7fQ2x%3Ffoo%3Dbar&hub.lease_seconds=864000&hub.secret=9b1c7d0e5f"
)
text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@pytest.mark.spec("H-02", "S-05")
def test_a_subscription_request_is_decoded_once() -> None:
    form = read_form(SUBSCRIBE, FORM)
    assert form.required("hub.mode") == "subscribe"
    assert form.required("hub.topic") == "https://pub.test/feed?tag=a&b=1"
    assert form.required("hub.callback") == "https://sub.test/cb/7fQ2x?foo=bar"
    assert form.one("hub.lease_seconds") == "864000"
    assert form.one("hub.secret") == "9b1c7d0e5f"


def test_an_encoded_percent_stays_one() -> None:
    form = read_form(b"hub.callback=https%3A%2F%2Fc%2F%2526hub.mode%253Ddenied", FORM)
    assert form.required("hub.callback") == "https://c/%26hub.mode%3Ddenied"


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("", 415),
        ("application/json", 415),
        ("multipart/form-data; boundary=x", 415),
        ("text/plain", 415),
        ("application/x-www-form-urlencodedx", 415),
        (f"{FORM}; charset=latin-1", 400),
        (f"{FORM}; charset=utf-16", 400),
    ],
)
@pytest.mark.spec("H-14")
@pytest.mark.threat("FORM-1")
def test_other_content_types_are_refused(content_type: str, status: int) -> None:
    with pytest.raises(FormError) as caught:
        read_form(b"hub.mode=subscribe", content_type)
    assert caught.value.status == status
    assert caught.value.reason.endswith(".")


@pytest.mark.parametrize(
    "content_type",
    [FORM, FORM.upper(), f"{FORM}; charset=utf-8", f'{FORM};charset="UTF-8"', f" {FORM} ; x=y; Charset=utf8"],
)
@pytest.mark.spec("S-03", "S-04")
def test_a_form_in_utf8_is_read(content_type: str) -> None:
    assert read_form("a=ü&b=%C3%BC".encode(), content_type).fields == (("a", "ü"), ("b", "ü"))


@pytest.mark.parametrize("name", ["hub.mode", "hub.callback", "hub.topic", "hub.secret", "hub.lease_seconds"])
@pytest.mark.spec("H-14")
@pytest.mark.threat("FORM-2")
def test_a_parameter_sent_twice_wins_neither_first_nor_last(name: str) -> None:
    form = parse_form(f"{name}=subscribe&x=1&{name}=unsubscribe")
    for read in (form.one, form.required):
        with pytest.raises(FormError, match=f"{name} was sent 2 times") as caught:
            read(name)
        assert caught.value.status == 400


@pytest.mark.spec("H-04")
@pytest.mark.threat("FORM-3")
def test_unknown_parameters_are_kept_apart_and_may_repeat() -> None:
    form = parse_form("hub.mode=subscribe&foo=bar&hub.foo=hub.bar&foo=again&hub.verify=sync&hub.verify_token=t&flag")
    assert form.without(["hub.mode"]) == {
        "foo": "bar",
        "hub.foo": "hub.bar",
        "hub.verify": "sync",
        "hub.verify_token": "t",
        "flag": "",
    }


def test_repeatable_parameters_come_in_order() -> None:
    assert parse_form("hub.url=a&hub.topic=x&hub.url=b").every("hub.url") == ("a", "b")
    assert parse_form("").every("hub.url") == ()


@pytest.mark.parametrize("body", ["", "hub.topic=", "hub.topic", "HUB.TOPIC=x", "hub.topics=x"])
def test_an_empty_or_missing_parameter_is_absent(body: str) -> None:
    form = parse_form(body)
    assert form.one("hub.topic") is None
    with pytest.raises(FormError, match=r"Empty value found for parameter 'hub\.topic'"):
        form.required("hub.topic")


@pytest.mark.parametrize(
    "body",
    [
        b"hub.topic=%FF",
        b"hub.topic=%C0%80",
        b"hub.topic=%C1%BF",
        b"hub.topic=%ED%A0%80",
        b"%FF=x",
        b"hub.topic=\xff",
        "hub.topic=x".encode("utf-16"),
    ],
)
@pytest.mark.spec("H-14", "S-04")
@pytest.mark.threat("FORM-6")
def test_what_is_not_utf8_is_refused(body: bytes) -> None:
    with pytest.raises(FormError, match="UTF-8") as caught:
        read_form(body, FORM)
    assert caught.value.status == 400


@pytest.mark.threat("FORM-5")
def test_a_form_has_at_most_fifty_fields() -> None:
    assert len(parse_form("&".join(["x=1"] * FIELD_LIMIT)).fields) == 50
    with pytest.raises(FormError, match="more than 50 fields") as caught:
        parse_form("&".join(["x=1"] * (FIELD_LIMIT + 1)))
    assert caught.value.status == 400


@pytest.mark.threat("FORM-5")
def test_a_form_has_at_most_64_kib() -> None:
    assert parse_form("x=" + "y" * (QUERY_LIMIT - 2)).one("x")
    with pytest.raises(FormError, match="too long") as caught:
        parse_form("x=" + "y" * (QUERY_LIMIT - 1))
    assert caught.value.status == 413


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ("a=1;b=2", [("a", "1;b=2")]),
        ("a=%zz", [("a", "%zz")]),
        ("a=b=c", [("a", "b=c")]),
        ("a+b=c+d", [("a b", "c d")]),
        ("&&a=1&", [("a", "1")]),
        ("=x", [("", "x")]),
    ],
)
def test_odd_forms_are_read_as_browsers_write_them(body: str, fields: list[tuple[str, str]]) -> None:
    assert list(parse_form(body).fields) == fields


pieces = st.sampled_from([*"%&=+aé;3AF2", "%41", "%3A", "%3a", "%2F", "%25", "%C3%A9", "%c3", "%zz"])


@given(st.lists(pieces, max_size=40).map("".join))
def test_forms_are_read_as_the_standard_library_reads_them(written: str) -> None:
    try:
        expected = parse_qsl(written, keep_blank_values=True, errors="strict")
    except UnicodeDecodeError:
        with pytest.raises(FormError, match="UTF-8"):
            parse_form(written)
        return
    if len(expected) <= FIELD_LIMIT:
        assert list(parse_form(written).fields) == expected


def test_values_do_not_show_in_the_repr() -> None:
    assert "9b1c7d0e5f" not in repr(read_form(SUBSCRIBE, FORM))


def test_fields_are_written_percent_encoded() -> None:
    assert write_form({"hub.reason": "not allowed & more", "é": "+"}) == "hub.reason=not+allowed+%26+more&%C3%A9=%2B"
    assert write_form([("hub.url", "a"), ("hub.url", "b")]) == "hub.url=a&hub.url=b"


@given(st.lists(st.tuples(text, text), max_size=10))
def test_what_is_written_is_read_back(fields: list[tuple[str, str]]) -> None:
    written = write_form(fields)
    assert written.isascii()
    assert parse_form(written) == Form(tuple(fields))
    assert read_form(written.encode(), FORM).fields == tuple(fields)


@given(st.binary(max_size=60) | st.lists(st.sampled_from([b"%", b"&", b"=", b"a", b"+", b"%ff"])).map(b"".join))
def test_no_body_is_an_error_of_another_kind(body: bytes) -> None:
    try:
        form = read_form(body, FORM)
    except FormError:
        return
    assert len(form.fields) <= FIELD_LIMIT
