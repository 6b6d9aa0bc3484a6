import pytest

from _websub.http import Headers, Request, Response, plain


def test_headers_are_found_in_any_case_and_join_with_a_comma() -> None:
    headers = Headers([("Link", "<a>; rel=hub"), ("X", "1"), ("LINK", "<b>; rel=self")])
    assert headers["link"] == "<a>; rel=hub, <b>; rel=self"
    assert headers.get_all("lInK") == ("<a>; rel=hub", "<b>; rel=self")
    assert headers.get_all("none") == ()
    assert headers.get("none") is None
    assert "LINK" in headers
    assert list(headers) == ["link", "x"]
    assert len(headers) == 2
    assert headers.pairs == (("Link", "<a>; rel=hub"), ("X", "1"), ("LINK", "<b>; rel=self"))


def test_a_missing_header_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        Headers()["x"]


def test_headers_come_from_pairs_mappings_and_headers() -> None:
    pairs = Headers([("A", "1"), ("B", "2")])
    assert pairs == Headers({"A": "1", "B": "2"}) == Headers(pairs)


def test_equal_headers_have_equal_hashes() -> None:
    one, other = Headers([("A", "1"), ("B", "2")]), Headers([("b", "2"), ("a", "1")])
    assert one == other
    assert hash(one) == hash(other)
    assert one != Headers([("A", "2"), ("B", "2")])
    assert one != {"a": "1", "b": "2"}


@pytest.mark.spec("SEC-17")
def test_a_repr_shows_no_values() -> None:
    headers = [("Authorization", "Bearer t0p"), ("X-Hub-Signature", "sha256=abc")]
    request = Request(method="POST", url="https://sub.example/7fQ2x", headers=headers, body=b"s3cret")
    response = Response(status=200, headers=headers, body=b"s3cret")
    for text in (repr(request), repr(response)):
        assert "authorization" in text
        assert not any(value in text for value in ("t0p", "abc", "7fQ2x", "s3cret"))


@pytest.mark.parametrize(
    ("url", "path", "query"),
    [
        ("http://h", "/", ""),
        ("http://h?a=/b?c", "/", "a=/b?c"),
        ("http://h/hub?", "/hub", ""),
        ("http://h/a%2Fb/?hub.topic=http://t/?x#f", "/a%2Fb/", "hub.topic=http://t/?x"),
        ("http://h/#?x", "/", ""),
    ],
)
def test_path_and_query_of_a_request(url: str, path: str, query: str) -> None:
    request = Request(method="GET", url=url)
    assert (request.path, request.query) == (path, query)


@pytest.mark.parametrize(
    ("mount", "path", "local"),
    [
        ("", "/hub", "/hub"),
        ("/m", "/m", ""),
        ("/m", "/m/", ""),
        ("/m", "/m/hub", "/hub"),
        ("/m", "/m/hub/", "/hub"),
        ("/m", "/mother", "/mother"),
        ("/m", "/other", "/other"),
    ],
)
def test_the_path_below_a_mount(mount: str, path: str, local: str) -> None:
    assert Request(method="GET", url=f"http://h{path}", mount=mount).local_path == local


@pytest.mark.parametrize(("status", "ok"), [(199, False), (200, True), (204, True), (299, True), (300, False)])
@pytest.mark.spec("H-49")
def test_2xx_is_ok(status: int, ok: bool) -> None:  # noqa: FBT001 - a parameter
    assert Response(status=status).ok is ok


@pytest.mark.spec("H-15")
def test_a_plain_answer_is_one_sentence_of_text() -> None:
    response = plain(400, "Nö.", [("X", "1")])
    assert response.headers.pairs == (("Content-Type", "text/plain; charset=utf-8"), ("X", "1"))
    assert response.body == "Nö.".encode()
