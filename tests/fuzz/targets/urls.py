"""URLs, hosts and targets of requests: one notion of each, whoever asks."""

from urllib.parse import urlsplit

import httpx

from _websub.asgi.origins import is_from_another_page, refusal_on_loopback
from _websub.grammar.addresses import is_loopback_host, is_loopback_url
from _websub.grammar.hosts import canonical_authority, canonical_host, split_authority
from _websub.grammar.targets import in_origin_form
from _websub.grammar.urls import (
    REQUEST_URL_LIMIT,
    UrlError,
    append_query,
    ascii_url,
    authority_of,
    check_url,
    host_of,
    iri_identity,
    path_of,
    target_of,
    url_identity,
    wire_url,
)
from _websub.http import Request
from tests.fuzz.target import Target, parts_of, text_of, unicode_of, words

_WORDS = words(
    "http:// https:// HTTP:// @ : / ? # [ ] [::1] [::ffff:127.0.0.1] 127.0.0.1 127.1 0x7f.1 2130706433 localhost "
    "example.com xn-- xn--mnchen-3ya %2e %00 .. . \\ é ß İ 。 。 ① :80 :443 :0 :65536 %25eth0 fe80:: 64:ff9b::"
)
_SEEDS = (
    b"http://example.com/",
    b"https://example.com:8443/a/b?c=d&e=%2F",
    b"http://127.0.0.1:80/x",
    b"http://[::1]:8080/",
    b"http://[::ffff:1.2.3.4]/",
    "https://münchen.example/café?ü=ö".encode(),
    b"HTTPS://EXAMPLE.com.:443?q",
    b"http://xn--mnchen-3ya.example/%7Euser",
)


def url(data: bytes) -> None:
    """A URL that is accepted is called at the host that all limits know it by."""
    text = unicode_of(data)
    for read in (host_of, authority_of, is_loopback_url):
        read(text)
    try:
        check_url(text)
    except UrlError:
        return
    wire = wire_url(text)
    assert wire.isascii() and wire.isprintable() and " " not in wire, "not one line of ASCII"  # noqa: PT018
    assert wire_url(wire) == wire, "another URL the second time"
    host = host_of(text)
    assert host, "no host"
    assert host == host_of(wire) == host_of(ascii_url(text)), "another host on the wire"
    assert authority_of(text) == authority_of(wire), "another authority on the wire"
    assert _host_of_httpx(wire) == host, "httpx calls another host"
    assert urlsplit(wire).hostname == host, "urlsplit sees another host"
    assert is_loopback_url(text) == is_loopback_host(host), "on loopback or not"
    assert text_of(target_of(wire).encode()).startswith(path_of(wire)), "the path is not that of the target"
    assert url_identity(url_identity(text)) == url_identity(text), "another identity the second time"
    assert iri_identity(iri_identity(text)) == iri_identity(text), "another identity the second time"
    check_url(ascii_url(text), limit=REQUEST_URL_LIMIT)
    asking = append_query(text, [("hub.mode", "subscribe"), ("hub.topic", text)])
    assert asking.startswith(text), "the callback was changed"
    check_url(wire_url(asking), limit=4 * REQUEST_URL_LIMIT)


def _host_of_httpx(wire: str) -> str:
    return httpx.URL(wire).raw_host.decode()


def host(data: bytes) -> None:
    """A host has one spelling, and keeps it."""
    text = unicode_of(data)
    is_loopback_host(text)
    try:
        authority = canonical_authority(text)
    except UrlError:
        return
    assert canonical_authority(authority) == authority, "another spelling the second time"
    name, port = split_authority(text)
    assert canonical_host(f"[{name}]" if ":" in name else name) == name, "another spelling the second time"
    assert authority_of(f"http://{text}/") == authority, "another authority in a URL"
    assert host_of(f"http://{text}/") == name, "another host in a URL"
    assert port is None or 0 < port < 65_536, "no port"


def request_target(data: bytes) -> None:
    """A target in any form, and the headers by which browsers say where it comes from, are read without an error."""
    target, host_header, origin, site = parts_of(data, 4)
    scope = {
        "type": "http",
        "raw_path": target.partition(b"?")[0],
        "path": text_of(target.partition(b"?")[0]),
        "query_string": target.partition(b"?")[2],
        "headers": [(b"host", host_header)],
    }
    found = in_origin_form(scope)
    assert found["path"].startswith("/") or found is scope, "no path"
    headers = [("Origin", text_of(origin)), ("Sec-Fetch-Site", text_of(site))]
    request = Request(method="POST", url=f"http://{text_of(host_header)}{text_of(target)}", headers=headers)
    is_foreign = is_from_another_page(request)
    assert not is_foreign or refusal_on_loopback(request) is not None, "let in from another page"


TARGETS = (
    Target("url", url, _SEEDS, _WORDS),
    Target("host", host, (b"example.com", b"127.0.0.1:8080", b"[::1]:80", "münchen.example.".encode()), _WORDS),
    Target(
        "request-target",
        request_target,
        (
            b"/hub?hub.mode=publish\n127.0.0.1:8080\nhttp://127.0.0.1:8080\nsame-origin",
            b"http://localhost/hub\nlocalhost\nnull\ncross-site",
            b"*\nexample.com\nhttps://evil.example\nnone",
        ),
        (*_WORDS, b"null", b"same-origin", b"none"),
    ),
)
