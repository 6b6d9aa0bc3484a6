import pytest
from hypothesis import given
from hypothesis import strategies as st

from _websub.grammar.urls import (
    URL_LIMIT,
    UrlError,
    append_query,
    ascii_url,
    check_url,
    host_of,
    is_https,
    path_of,
    target_of,
    url_identity,
)
from tests.work import steps_of

urls = st.from_regex(r"\Ahttps?://[a-z]{1,8}\.example(:[1-9][0-9]{0,3})?[/?][!$-;=?-~é]{0,40}\Z").filter(
    lambda url: "#" not in url and "\\" not in url and "%" not in url
)
names = st.sampled_from(["hub.mode", "hub.topic", "hub.reason"])
fields = st.lists(st.tuples(names, st.text(st.characters(exclude_categories=["Cs"]))), min_size=1, max_size=3)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com",
        "https://example.com/",
        "HTTPS://EXAMPLE.COM/Feed",
        "https://example.com./",
        "https://example.com:8443/cb?foo=bar&foo=&flag&a.b=c+d",
        "https://example.com:/cb",
        "https://example.com?query",
        "https://example.com/cb?",
        "https://example.com/a%2Fb/../%7E/%2e%2e",
        "https://example.com/a|b{c}^d`e'f",
        "https://example.com/?next=http://other.example/",
        "https://under_score.example/",
        "https://bücher.example/é?ü=ß",
        "https://xn--bcher-kva.example/",
        "http://192.0.2.1:8080/",
        "http://[2001:db8::1]:8080/",
        "http://[::ffff:192.0.2.1]/",
        "http://localhost/",
        f"https://example.com/{'x' * (URL_LIMIT - 20)}",
        f"https://{'a' * 63}.example/",
    ],
)
@pytest.mark.spec("S-20", "H-24")
def test_a_url_is_kept_to_the_letter(url: str) -> None:
    assert check_url(url) == url


def is_kept(url: str) -> bool:
    try:
        return check_url(url) == url
    except UrlError:
        return False


@given(st.sampled_from(["http://", "https://", "HTTP://", "ftp://"]), st.text("aZ09.._-::/?@[]#%\\<é", max_size=12))
def test_a_short_url_is_judged_as_a_long_one(scheme: str, rest: str) -> None:
    assert is_kept(f"{scheme}{rest}/") == is_kept(f"{scheme}{rest}/{'x' * 300}")


REFUSED = {
    "longer than": [f"https://example.com/{'x' * (URL_LIMIT - 19)}", f"https://example.com/{'é' * 1020}"],
    "has a character": [
        "http://exa\tmple.com/",
        "http://example.com/\r\nX: y",
        "http://example.com/\x00",
        "http://example.com/\x7f",
        "http://example.com/\x85",
        " http://example.com/",
        "http://example.com/ ",
        "http://example.com/a b",
        "http://127.0.0.1\\@example.com/",
        "http://example.com\\@127.0.0.1/",
        'http://t/>; rel="hub", <http://evil/>; rel="self"',
        'http://t/"',
        "http://t/<",
        "http://t/\u2028",
        "http://t/\u202e",
        "http://t/\ufeff",
        "http://t/\ud800",
    ],
    "broken percent-encoding": ["http://t/%zz", "http://t/%", "http://t/%2", "http://t/?a=%G0", "http://ex%6/"],
    "must start with": [
        "",
        "example.com",
        "//example.com/",
        "/feed",
        "http:example.com",
        "http:/example.com",
        "https",
        "ftp://example.com/",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "gopher://x/",
        "unix:///run/docker.sock",
        "ws://x/",
        "data://x/",
    ],
    "fragment": ["http://t/#top", "http://t#", "http://t/?a#b", "http://exa#mple.com/"],
    "user information": ["https://u:p@host/", "http://a@b@127.0.0.1/", "http://@host/", "http://u@host"],
    "malformed host or port": [
        "http://[::1",
        "http://[::1]x/",
        "http://[::1]x:80/",
        "http://x[::1]/",
        "http://::1/",
        "http://h:80:80/",
        "http://h:port/",
        "http://h:-1/",
        "http://h:+80/",
        "http://h:\uff18\uff10/",
        "http://h:999999/",
    ],
    "port outside": ["http://h:0/", "http://h:65536/", "http://h:99999/", "http://h:00000"],
    "malformed host.": [
        "http://",
        "http:///x",
        "http://?x",
        "http://:80/",
        "http://./",
        "http://a..b/",
        "http://.a/",
        "http://ex%61mple.com/",
        "http://127.1/",
        "http://0/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0177.0.0.1/",
        "http://017700000001/",
        "http://0x7f.1/",
        "http://127.0.0.1./",
        "http://256.1.1.1/",
        "http://1.2.3.4.5/",
        "http://exa$mple.com/",
        "http://a,b/",
        "http://a|b/",
        "http://a^b/",
        f"http://{'a' * 64}.example/",
        f"http://{'a.' * 127}example/",
        f"http://{'ü' * 300}/",
        "http://\uff11\uff12\uff17.\uff11/",
        "http://\uff58\uff4e--/",
        "http://[v1.x]/",
        "http://[]/",
        "http://[127.0.0.1]/",
        "http://[1::2::3]/",
    ],
    "address zone": ["http://[fe80::1%25lo]/", "http://[fe80::1%25eth0]:80/"],
}


@pytest.mark.parametrize(("reason", "url"), [(reason, url) for reason, every in REFUSED.items() for url in every])
@pytest.mark.spec("H-14", "SEC-15")
@pytest.mark.threat(
    "SSRF-2", "SSRF-3", "SSRF-16", "HI-1", "HI-2", "HI-3", "HI-6", "URL-1", "URL-2", "URL-5", "URL-6", "URL-7"
)
def test_a_dangerous_or_malformed_url_is_refused_in_one_sentence(reason: str, url: str) -> None:
    with pytest.raises(UrlError, match=reason.replace(".", r"\.")) as caught:
        check_url(url, "hub.callback")
    assert str(caught.value).startswith("hub.callback ")
    assert str(caught.value).endswith(".")


def test_refused_urls_are_not_repeated_in_the_error() -> None:
    with pytest.raises(UrlError) as caught:
        check_url("https://sub.example/capability-7fQ2x#")
    assert "7fQ2x" not in str(caught.value)


@pytest.mark.parametrize("host", ["a" * 2000, "ü" * 1000, "1." * 1000, "0x" * 1000, "xn--" + "9" * 1900, "[" * 2000])
@pytest.mark.threat("URL-2", "URL-3")
def test_a_hostile_host_is_refused_in_few_steps(host: str) -> None:
    def check() -> None:
        with pytest.raises(UrlError):
            check_url(f"http://{host}/")

    assert steps_of(check) < 20 * len(host)


@given(st.text(max_size=60) | st.text(st.sampled_from("htps:/@[]#?%.01x\\ aé"), max_size=40).map("http://".__add__))
def test_no_text_is_an_error_of_another_kind(text: str) -> None:
    try:
        url = check_url(text)
    except UrlError:
        return
    assert ascii_url(url).isascii()
    assert host_of(url)
    assert target_of(url).startswith("/")


@pytest.mark.parametrize(
    ("callback", "verification"),
    [
        ("https://c", "https://c?hub.mode=denied&hub.topic=t%26u"),
        ("https://c/x", "https://c/x?hub.mode=denied&hub.topic=t%26u"),
        ("https://c/x?", "https://c/x?hub.mode=denied&hub.topic=t%26u"),
        ("https://c/x?a", "https://c/x?a&hub.mode=denied&hub.topic=t%26u"),
        ("https://c/x?a&", "https://c/x?a&hub.mode=denied&hub.topic=t%26u"),
        ("https://c/x&", "https://c/x&?hub.mode=denied&hub.topic=t%26u"),
        ("https://c/x?a=?", "https://c/x?a=?&hub.mode=denied&hub.topic=t%26u"),
        (
            "https://c/?red=fish&red=dog&a.b=c+d&hub.topic=m&hub.challenge=z&flag",
            "https://c/?red=fish&red=dog&a.b=c+d&hub.topic=m&hub.challenge=z&flag&hub.mode=denied&hub.topic=t%26u",
        ),
    ],
)
@pytest.mark.spec("H-22", "H-23", "H-24")
@pytest.mark.threat("FORM-11")
def test_fields_are_added_at_the_end_of_the_query_of_a_callback(callback: str, verification: str) -> None:
    assert append_query(callback, [("hub.mode", "denied"), ("hub.topic", "t&u")]) == verification


@given(urls, fields)
@pytest.mark.spec("H-22", "H-23")
def test_what_is_added_to_a_callback_can_be_taken_off_again(callback: str, added: list[tuple[str, str]]) -> None:
    appended = append_query(callback, added)
    assert appended.startswith(callback)
    query = appended.partition("?")[2]
    assert len(query.split("&")) >= len(added)
    assert query.split("&")[-len(added) :] == [append_query("", [field])[1:] for field in added]


@pytest.mark.parametrize(
    ("spelling", "identity"),
    [
        ("http://t/%7Euser", "http://t/~user"),
        ("http://t/%7euser", "http://t/~user"),
        ("http://t/%41%5a%61%7a%30%39%2D%2e%5F", "http://t/AZaz09-._"),
        ("http://t/%2F%26%3f%25", "http://t/%2F%26%3F%25"),
        ("http://t/%2f%c3%a9", "http://t/%2F%C3%A9"),
        ("http://t/%2541", "http://t/%2541"),
        ("http://t/%40%5B%60%7B%7F%00", "http://t/%40%5B%60%7B%7F%00"),
        ("HTTP://T/../a?b&b", "HTTP://T/../a?b&b"),
    ],
)
@pytest.mark.spec("H-21")
def test_unreserved_characters_are_the_same_encoded_or_not(spelling: str, identity: str) -> None:
    assert url_identity(spelling) == identity
    assert url_identity(identity) == identity


@given(st.text(st.sampled_from("%0123456789abcdefABCDEF/~"), max_size=30))
@pytest.mark.spec("H-21")
def test_the_identity_of_an_identity_is_itself(text: str) -> None:
    try:
        url = check_url(f"http://t/{text}")
    except UrlError:
        return
    assert url_identity(url_identity(url)) == url_identity(url)


@pytest.mark.parametrize(
    ("url", "wire"),
    [
        ("https://example.com/%7E|{}^`'", "https://example.com/%7E|{}^`'"),
        ("https://bücher.example:8443/ü?é=%C3%A9&ß", "https://xn--bcher-kva.example:8443/%C3%BC?%C3%A9=%C3%A9&%C3%9F"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
        ("https://bücher.example?ü", "https://xn--bcher-kva.example?%C3%BC"),
        ("http://[2001:db8::1]:80/ü", "http://[2001:db8::1]:80/%C3%BC"),
        ("http://t/日本", "http://t/%E6%97%A5%E6%9C%AC"),
    ],
)
@pytest.mark.spec("S-04")
@pytest.mark.threat("URL-3")
def test_an_international_url_goes_on_the_wire_in_ascii(url: str, wire: str) -> None:
    assert ascii_url(check_url(url)) == wire


@pytest.mark.parametrize(
    ("url", "host", "path", "target"),
    [
        ("http://H.Example", "h.example", "/", "/"),
        ("http://h?a=/b", "h", "/", "/?a=/b"),
        ("http://h/?", "h", "/", "/?"),
        ("http://h:80/a/b/?c?d", "h", "/a/b/", "/a/b/?c?d"),
        ("http://[::1]:80//a", "::1", "//a", "//a"),
        ("http://h/a?u=http://x/y", "h", "/a", "/a?u=http://x/y"),
    ],
)
def test_the_parts_of_a_url(url: str, host: str, path: str, target: str) -> None:
    assert (host_of(check_url(url)), path_of(url), target_of(url)) == (host, path, target)


def test_the_scheme_is_read_in_any_case() -> None:
    assert is_https("HTTPS://h/")
    assert not is_https("http://h/https://")
