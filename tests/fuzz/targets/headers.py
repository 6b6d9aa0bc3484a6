"""Header fields that peers fill: links, dates, signatures, types and validators."""

import hashlib
import hmac
import math
from contextlib import suppress
from datetime import UTC, datetime

import h11

from _websub.grammar.links import MAX_LINKS, parse_links, write_links
from _websub.grammar.media import ContentError, MediaType, is_content_type, read_fields, read_json, read_text
from _websub.grammar.retry_after import retry_after_seconds
from _websub.grammar.signature import SecretError, SignatureError, check_secret, sign, verify
from _websub.grammar.urls import UrlError, check_url, wire_url
from _websub.grammar.vocabulary import SignatureMethod
from _websub.http import Headers
from tests.fuzz.target import Target, parts_of, text_of, unicode_of, words
from websubhub._clients.topic_answer import content_type_of, targets
from websubhub._clients.validators import strong_validators

_BASE = "https://topic.example/a/b"
_NOW = 1_700_000_000.0
_FORMS = ("%a, %d %b %Y %H:%M:%S GMT", "%a %b %d %H:%M:%S %Y")
_DAY = 86_400.0
_BODY = b"content"


def link(data: bytes) -> None:
    """Links are read without an error, and those that are handed on are read as they were written."""
    values = text_of(data).split("\n")
    links = parse_links(values, base=_BASE)
    parse_links(values)
    assert len(links) <= MAX_LINKS, "too many links"
    hubs, topics = targets(links, "hub"), targets(links, "self")
    if not hubs:
        return
    topic = topics[0] if topics else None
    written = write_links(hubs, topic)
    assert written.isascii() and written.isprintable(), "not one line of ASCII"  # noqa: PT018
    read = parse_links([written])
    expected = ([*hubs] + ([topic] if topic else []))[:MAX_LINKS]
    if len(written) <= 65_536:
        assert [_wired(each.target) for each in read] == [_wired(each) for each in expected], "other links"


def _wired(text: str) -> str:
    try:
        return wire_url(check_url(text, limit=100_000))
    except UrlError:
        return text


def retry_after(data: bytes) -> None:
    """A wait is from nothing to a day, and the one that the standard library reads in a date."""
    text = text_of(data)
    seconds = retry_after_seconds(text, _NOW)
    if seconds is None:
        return
    assert math.isfinite(seconds), "no number"
    assert 0 <= seconds <= _DAY, "longer than a day"
    for form in _FORMS:
        with suppress(ValueError):
            date = datetime.strptime(text.strip(" \t"), form).replace(tzinfo=UTC).timestamp()
            assert seconds == max(0.0, min(date - _NOW, _DAY)), "another time"


def signature(data: bytes) -> None:
    """What is taken for signed is signed, by a secret that may be used."""
    header, secret, body = parts_of(data, 3)
    key = unicode_of(secret)
    with suppress(SecretError):
        check_secret(key)
        for method in SignatureMethod:
            expected = hmac.new(key.encode(), body, getattr(hashlib, method.value)).hexdigest()
            assert sign(method, key, body) == f"{method}={expected}", "another signature"
            verify([sign(method, key, body).upper().replace(method.upper(), method)], [key], body, (method,))
        _never_forged(text_of(header), key, body)


def _never_forged(header: str, key: str, body: bytes) -> None:
    try:
        verify([header], [key], body)
    except SignatureError:
        return
    method = header.partition("=")[0]
    assert header.lower() == sign(method, key, body), "a forged signature"


def content_type(data: bytes) -> None:
    """A type is read without an error, and content by it, or refused; one that is sent on can be sent."""
    value, body = parts_of(data, 2)
    header = text_of(value)
    media = MediaType.parse(header)
    assert media.essence == media.essence.lower(), "not in small letters"
    with suppress(ContentError):
        read_text(body, header).encode("utf-8", "surrogatepass")
    with suppress(ContentError):
        read_json(body)
    with suppress(ContentError):
        read_fields(body)
    if is_content_type(header):
        _send([("Content-Type", header)])


def topic_head(data: bytes) -> None:
    """What a topic says of itself, and the hub stores, can be sent on."""
    lines = text_of(data).split("\n")
    pairs = [(name, value) for name, colon, value in (line.partition(": ") for line in lines) if colon]
    headers = Headers(pairs)
    validators = strong_validators(headers)
    found = [("If-None-Match", validators.etag), ("If-Modified-Since", validators.last_modified)]
    sent = [(name, value) for name, value in found if value is not None]
    _send([("Content-Type", content_type_of(headers)), *sent])


def _send(pairs: list[tuple[str, str]]) -> None:
    """Write these headers as a strict library does, which refuses what cannot be sent."""
    client = h11.Connection(h11.CLIENT)
    fields = [("Host", "a"), ("Content-Length", "0"), *pairs]
    sent = client.send(h11.Request(method="POST", target="/", headers=fields))
    server = h11.Connection(h11.SERVER)
    assert sent is not None
    server.receive_data(sent)
    request = server.next_event()
    assert isinstance(request, h11.Request), "no request"
    arrived = [(name.decode(), value.decode()) for name, value in request.headers][2:]
    assert arrived == [(name.lower(), value.strip(" \t")) for name, value in pairs], "something else arrives"


_DATES = words("GMT UTC +0000 -99999999999999999999 Sun, Mon, Nov Feb 1994 0000 9999 29 31 :60 08:49:37 E1 \uff11 \xb2")
_SIGNED = b"sha256=" + hmac.new(b"secret", _BODY, hashlib.sha256).hexdigest().encode()
TARGETS = (
    Target(
        "link",
        link,
        (
            b'<https://hub.example/>; rel="hub", <https://topic.example/>; rel=self',
            b'<a>; rel="HUB self"; title="a, <http://evil/>; rel=hub"\n<?x>; anchor="#a"; rel*=UTF-8\'\'hub',
            b'<https://h.example/\xc3\xa9"\\>; rel=hub; title="\\""',
        ),
        words('< > ; , = " \\ \\" rel= rel="hub" rel=self anchor= https://hub.example/ // ../ [::1] rel*= title='),
    ),
    Target(
        "retry-after",
        retry_after,
        (
            b"120",
            b"Sun, 06 Nov 1994 08:49:37 GMT",
            b"Sunday, 06-Nov-94 08:49:37 GMT",
            b"Sun Nov  6 08:49:37 1994",
            b"Tue, 14 Nov 2023 22:14:20 GMT",
        ),
        _DATES,
        limit=256,
    ),
    Target(
        "signature",
        signature,
        (_SIGNED + b"\nsecret\n" + _BODY, b"sha1=" + b"0" * 40 + b"\nsecret\nx", b"sha512=00\n" + b"k" * 199 + b"\n"),
        words("sha1= sha256= sha384= sha512= md5= SHA256= = , 0x"),
        work=1_000,
    ),
    Target(
        "content-type",
        content_type,
        (
            b"text/plain; charset=utf-8\nabc",
            b'application/xml;charset="iso-8859-1"\n<?xml version="1.0" encoding="utf-16"?><a/>',
            b"application/json\n{}",
            b"text/html; charset=shift_jis\n\x83\x65\x83X",
        ),
        words(
            "charset= utf-8 utf-16 utf-16le utf-7 idna punycode rot13 hex zip base64 unicode_escape "
            'iso-2022-jp gb18030 big5 windows-1252 x-user-defined ; = " / \xff\xfe <?xml encoding= NaN [[[[ \\ud800'
        ),
        work=400,
    ),
    Target(
        "topic-head",
        topic_head,
        (
            (
                b'ETag: "abc"\nContent-Type: text/html\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT\n'
                b"Date: Tue, 14 Nov 2023 22:14:20 GMT\nAge: 5"
            ),
            b'ETag: W/"x"\nContent-Type: text/plain; a="b"\nDate: Tue, 14 Nov 2023 22:14:20 GMT',
        ),
        (*_DATES, *words('ETag: Last-Modified: Date: Age: Content-Type: W/ " \xe2\x82\xac text/plain')),
    ),
)
