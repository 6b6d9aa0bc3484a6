"""One notion of a host: every part of the product that counts, pauses or connects means the same by it."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from _websub.calls.exchange import ExchangeLimits
from _websub.calls.requests import own_request
from _websub.grammar.addresses import AddressPolicy
from _websub.grammar.hosts import authority_of, canonical_authority, canonical_host, host_of, split_authority
from _websub.grammar.numbers import whole_number
from _websub.grammar.urls import UrlError, check_url, wire_url
from _websub.http import Request
from websubhub._distribution.origins.origin import split_callback
from websubhub.standalone.schedule.hosts import host_key

SPELLINGS = [
    ("https://victim.example/", "victim.example", "victim.example"),
    ("https://ViCtIm.Example/c", "victim.example", "victim.example"),
    ("HTTPS://victim.example?x", "victim.example", "victim.example"),
    ("https://victim.example:443/", "victim.example", "victim.example"),
    ("https://victim.example:0443/c", "victim.example", "victim.example"),
    ("https://victim.example:00443", "victim.example", "victim.example"),
    ("https://victim.example:/e", "victim.example", "victim.example"),
    ("https://victim.example./d", "victim.example", "victim.example"),
    ("https://victim.example.:443/d", "victim.example", "victim.example"),
    ("http://victim.example:80/", "victim.example", "victim.example"),
    ("http://victim.example:443/", "victim.example", "victim.example"),
    ("https://victim.example:08443/", "victim.example:8443", "victim.example"),
    ("https://Bücher.Example:8443/", "xn--bcher-kva.example:8443", "xn--bcher-kva.example"),
    ("https://bücher\u3002example/", "xn--bcher-kva.example", "xn--bcher-kva.example"),
    ("https://XN--BCHER-KVA.example/", "xn--bcher-kva.example", "xn--bcher-kva.example"),
    ("https://under_score.example/", "under_score.example", "under_score.example"),
    ("http://192.0.2.1:80/", "192.0.2.1", "192.0.2.1"),
    ("http://192\uff0e0\u30022\uff611/", "192.0.2.1", "192.0.2.1"),
    ("http://[2001:DB8:0::1]/", "[2001:db8::1]", "2001:db8::1"),
    ("http://[2001:db8:0:0:0:0:0:1]:80/", "[2001:db8::1]", "2001:db8::1"),
    ("http://[::ffff:192.0.2.1]:8080/", "[::ffff:192.0.2.1]:8080", "::ffff:192.0.2.1"),
    ("http://[::FFFF:C000:0201]:8080/", "[::ffff:192.0.2.1]:8080", "::ffff:192.0.2.1"),
]

international = st.sampled_from(["bücher", "XN--BCHER-KVA", "xn--a_b", "日本"])
labels = st.from_regex(r"\A[A-Za-z_][A-Za-z0-9_-]{0,12}\Z") | international
names = st.lists(labels, min_size=1, max_size=4).map(".".join)
addresses = st.ip_addresses().map(lambda each: f"[{each}]" if each.version == 6 else str(each))
ports = st.sampled_from(["", ":", ":80", ":443", ":00080", ":0443", ":8080", ":65535"])
targets = st.from_regex(r"\A([/?][!$&-;=?-\[\]-~éü日]{0,30})?\Z") | st.just("?a=[1]|{2}&b=^`'")
urls = st.builds(
    lambda scheme, host, dot, port, target: f"{scheme}://{host}{dot}{port}{target}",
    st.sampled_from(["http", "https", "HTTP"]),
    names | addresses,
    st.sampled_from(["", "", "."]),
    ports,
    targets,
)


@pytest.mark.parametrize(("url", "authority", "host"), SPELLINGS)
@pytest.mark.threat("URL-4")
def test_every_spelling_of_a_host_is_the_same_host(url: str, authority: str, host: str) -> None:
    check_url(url)
    assert (authority_of(url), host_of(url)) == (authority, host)
    parts = split_callback(url)
    assert parts is not None
    assert parts[0].host == host
    assert authority_of(parts[0].prefix) == authority
    spelled = url.partition("://")[2].partition("/")[0].partition("?")[0]
    assert canonical_authority(spelled) == canonical_authority(authority) == authority


@given(urls)
@pytest.mark.threat("URL-8")
def test_every_url_that_is_accepted_can_be_verified_and_delivered_to_with_the_same_bytes(url: str) -> None:
    try:
        check_url(url)
    except UrlError:
        return
    parts = split_callback(url)
    assert parts is not None
    origin, target = parts
    assert wire_url(url) == origin.prefix + target
    built = own_request(Request(method="GET", url=url), wire_url(url), (), ExchangeLimits())
    assert built.url.raw_path.decode() == target
    assert built.url.raw_host.decode() == origin.host
    assert (built.url.port or {"http": 80, "https": 443}[built.url.scheme]) == origin.port
    assert origin.request_end == f" HTTP/1.1\r\nHost: {built.headers['host']}\r\n"
    assert (origin.host, host_key(authority_of(origin.prefix))) == (host_of(url), host_key(authority_of(url)))


@given(urls)
def test_a_host_that_is_spelled_plainly_is_judged_as_any_other(url: str) -> None:
    try:
        check_url(url)
    except UrlError:
        return
    spelled = re.split("[/?]", url.partition("://")[2], maxsplit=1)[0]
    assert authority_of(url) == canonical_authority(spelled)
    assert host_of(url) == split_authority(spelled)[0]


@given(st.text(max_size=40))
def test_a_canonical_host_is_its_own_and_no_text_is_an_error_of_another_kind(text: str) -> None:
    try:
        name = canonical_authority(text)
    except UrlError:
        return
    assert canonical_authority(name) == name
    assert name == authority_of(f"https://{name}/")


@pytest.mark.parametrize(
    "text",
    ["", ".", ":", ":80", "a b", "a/b", "user@a", "a:0", "a:70000", "a:x", "[::1", "[fe80::1%eth0]", "a..b", "127.1"],
)
def test_what_is_no_host_is_refused(text: str) -> None:
    with pytest.raises(UrlError, match=r"^The host "):
        canonical_authority(text)


def test_a_text_without_a_host_has_none() -> None:
    assert (authority_of("no url"), host_of("no url"), host_of("https:///path")) == ("", "", "")


def test_ipv6_is_spelled_alike_by_every_python() -> None:
    assert canonical_host("[::ffff:1.2.3.4]") == "::ffff:1.2.3.4"
    assert canonical_host("[::1.2.3.4]") == "::102:304"


@pytest.mark.parametrize(
    ("host", "private", "loopback"),
    [
        ("sub.example", True, True),
        ("192.0.2.1", False, False),
        ("10.0.0.1", False, False),
        ("8.8.8.8", True, True),
        ("127.0.0.1", False, True),
        ("::1", False, True),
        ("::ffff:127.0.0.1", False, True),
        ("localhost", False, True),
        ("app.localhost", False, True),
        ("localhost.example", True, True),
        ("fd00::1", False, False),
    ],
)
def test_what_a_host_says_by_itself_is_judged_before_it_is_looked_up(
    host: str,
    private: bool,  # noqa: FBT001
    loopback: bool,  # noqa: FBT001
) -> None:
    assert AddressPolicy().permits_host(host) is private
    assert AddressPolicy(loopback=True).permits_host(host) is loopback
    assert AddressPolicy(networks=["0.0.0.0/0", "::/0"]).permits_host(host)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("7", 7),
        ("007", 7),
        ("0" * 5000 + "60", 60),
        ("999", 999),
        ("1000", 1000),
        ("1001", 1000),
        ("9" * 5000, 1000),
        ("", None),
        ("-1", None),
        ("+1", None),
        ("1_0", None),
        (" 1", None),
        ("1e3", None),
        ("1.0", None),
        ("٣", None),
        ("²", None),
    ],
)
def test_a_number_of_any_length_is_read(text: str, number: int | None) -> None:
    assert whole_number(text, 1000) == number
