"""What a hub makes of requests that are wrong, whatever they ask for."""

import pytest

from tests.conformance.hubs import (
    CALLBACK,
    FORM,
    HUB,
    TOPIC,
    Hub,
    Raised,
    assert_is_one_plain_sentence,
    subscription_fields,
    world,
)
from websubhub import EdgeLimits

pytestmark = pytest.mark.spec("H-14", "H-15")

UNKNOWN_MODES = ["register123", "SUBSCRIBE", " subscribe", "denied", "accepted", "hub-error", "sync", "\x00"]


@pytest.mark.parity("H4")
@pytest.mark.parametrize("mode", UNKNOWN_MODES)
@pytest.mark.threat("FORM-7")
async def test_an_unknown_mode_is_refused(mode: str) -> None:
    hub = Hub()
    async with world(hub) as w:
        response = await w.post(subscription_fields(mode=mode))
    assert response.status_code == 400
    assert_is_one_plain_sentence(response, "The request does not include valid `hub.mode` form param.")
    assert not hub.calls


@pytest.mark.parity("H65")
async def test_a_hub_whose_hooks_fail_refuses_an_unknown_mode() -> None:
    failing = Raised(RuntimeError("no"))
    hub = Hub(on_register_topic=failing, on_subscription=failing, on_update_message=failing)
    async with world(hub) as w:
        response = await w.post({"hub.mode": "register123", "hub.topic": TOPIC})
    assert response.status_code == 400
    assert_is_one_plain_sentence(response, "hub.mode")


@pytest.mark.parametrize(
    "body", [b"", b"hub.mode=", b"hub.topic=https%3A%2F%2Fa.example%2F", b"nonsense", b"&&&", b"="]
)
async def test_a_missing_mode_is_refused(body: bytes) -> None:
    async with world() as w:
        response = await w.post(body)
    assert response.status_code == 400
    assert_is_one_plain_sentence(response, "hub.mode")


@pytest.mark.parametrize(
    "content_type", [None, "", "application/json", "multipart/form-data; boundary=x", "text/plain"]
)
async def test_a_request_that_is_no_form_is_refused_by_its_type(content_type: str | None) -> None:
    hub = Hub()
    async with world(hub) as w:
        response = await w.post(b"hub.mode=register&hub.topic=https%3A%2F%2Fa.example%2F", content_type)
    assert response.status_code == 415
    assert_is_one_plain_sentence(response, FORM)
    assert not hub.calls


@pytest.mark.threat("FORM-4")
async def test_parameters_of_a_form_are_not_read_from_the_query() -> None:
    hub = Hub()
    async with world(hub) as w:
        response = await w.post(b"", query=subscription_fields())
    assert response.status_code == 400
    assert not hub.calls


@pytest.mark.parametrize("content_type", [FORM.upper(), f"{FORM};charset=utf-8", f'{FORM} ; charset="UTF-8"'])
async def test_the_type_of_a_form_is_read_as_http_says(content_type: str) -> None:
    hub = Hub()
    async with world(hub) as w:
        response = await w.post({"hub.mode": "register", "hub.topic": TOPIC}, content_type)
    assert response.status_code == 200
    assert hub.called == ["on_register_topic"]


async def test_a_form_in_another_charset_is_refused() -> None:
    hub = Hub()
    async with world(hub) as w:
        response = await w.post({"hub.mode": "register", "hub.topic": TOPIC}, f"{FORM}; charset=latin-1")
    assert response.status_code == 400
    assert_is_one_plain_sentence(response, "utf-8")
    assert not hub.calls


@pytest.mark.parametrize("value", [b"%ff", b"%C0%AF", b"%ED%A0%80", b"\xff", b"%E2%82"])
@pytest.mark.parametrize("name", [b"hub.topic", b"hub.callback", b"hub.secret", b"foo"])
async def test_text_that_is_not_utf_8_is_refused(name: bytes, value: bytes) -> None:
    hub = Hub()
    fields = {b"hub.topic": b"https://a.example/", b"hub.callback": b"https://b.example/"}
    fields[name] = fields.get(name, b"") + value
    body = b"&".join([b"hub.mode=subscribe", *(key + b"=" + text for key, text in fields.items())])
    async with world(hub) as w:
        response = await w.post(body)
    assert response.status_code == 400
    assert_is_one_plain_sentence(response, "UTF-8")
    assert not hub.calls


@pytest.mark.parity("H95", "H97", "H99", "H100")
@pytest.mark.parametrize("name", ["hub.mode", "hub.topic", "hub.callback", "hub.secret", "hub.lease_seconds"])
@pytest.mark.threat("FORM-2")
async def test_a_parameter_that_comes_twice_is_refused(name: str) -> None:
    hub = Hub()
    fields = subscription_fields(secret="s", lease_seconds="3600")
    async with world(hub) as w:
        response = await w.post([*fields.items(), (name, fields[name])])
    assert response.status_code == 400
    assert_is_one_plain_sentence(response, name)
    assert not hub.calls


@pytest.mark.parametrize("name", ["hub.mode", "hub.topic", "hub.callback"])
@pytest.mark.parametrize("mode", ["subscribe", "unsubscribe"])
@pytest.mark.parametrize("value", [None, ""], ids=["missing", "empty"])
async def test_a_required_parameter_that_is_missing_is_named(mode: str, name: str, value: str | None) -> None:
    hub = Hub()
    fields = subscription_fields(mode=mode)
    del fields[name]
    async with world(hub) as w:
        response = await w.post(fields if value is None else fields | {name: value})
    assert response.status_code == 400
    assert_is_one_plain_sentence(response, name)
    assert not hub.calls


WRONG_URLS = {
    "relative": "/callback",
    "without scheme": "subscriber.example/callback",
    "without host": "https:///callback",
    "opaque": "https:subscriber.example",
    "other scheme": "ftp://subscriber.example/",
    "script": "javascript:alert(1)",
    "user information": "https://user:word@subscriber.example/",
    "fragment": "https://subscriber.example/callback#part",
    "port out of range": "https://subscriber.example:99999/",
    "port zero": "https://subscriber.example:0/",
    "backslash": "https://subscriber.example\\@127.0.0.1/",
    "space": "https://subscriber.example/a b",
    "tab": "https://sub\tscriber.example/",
    "line break": "https://subscriber.example/\r\nX-Injected: 1",
    "null": "https://subscriber.example/\x00",
    "link delimiter": 'https://subscriber.example/>; rel="hub"',
    "line separator": "https://subscriber.example/\u2028",
    "text direction": "https://subscriber.example/\u202e",
    "broken escape": "https://subscriber.example/%zz",
    "number as host": "http://2130706433/",
    "hexadecimal host": "http://0x7f000001/",
    "octal host": "http://0177.0.0.1/",
    "short host": "http://127.1/",
    "zone": "http://[fe80::1%25lo]/",
    "long label": f"https://{'a' * 64}.example/",
    "long host": f"https://{'a.' * 130}example/",
    "too long": f"https://subscriber.example/{'a' * 2048}",
}


@pytest.mark.parametrize("url", WRONG_URLS.values(), ids=WRONG_URLS)
@pytest.mark.parametrize("name", ["topic", "callback"])
async def test_a_url_that_cannot_be_used_is_refused(name: str, url: str) -> None:
    hub = Hub()
    async with world(hub) as w:
        response = await w.subscribe(**{name: url})
    assert response.status_code == 400
    assert_is_one_plain_sentence(response, f"hub.{name}")
    assert not hub.calls
    assert w.web.requests == [("POST", HUB)]


async def test_a_form_with_too_many_fields_is_refused() -> None:
    hub = Hub()
    async with world(hub) as w:
        response = await w.post([*subscription_fields().items(), *((f"x{n}", "1") for n in range(51))])
    assert response.status_code == 400
    assert_is_one_plain_sentence(response)
    assert not hub.calls


@pytest.mark.parametrize(
    ("content_type", "query"), [(FORM, {}), ("text/plain", {"hub.mode": "publish", "hub.topic": TOPIC})]
)
@pytest.mark.threat("BODY-1")
async def test_a_body_beyond_the_limit_is_refused(content_type: str, query: dict[str, str]) -> None:
    hub = Hub()
    async with world(hub, limits=EdgeLimits(body_bytes=1000)) as w:
        response = await w.post(b"x" * 1001, content_type, query=query)
    assert response.status_code == 413
    assert_is_one_plain_sentence(response)
    assert not hub.calls


async def test_content_up_to_the_limit_is_taken() -> None:
    hub = Hub()
    async with world(hub, limits=EdgeLimits(body_bytes=1000)) as w:
        await w.post(b"x" * 1000, "text/plain", query={"hub.mode": "publish", "hub.topic": TOPIC})
    assert hub.message("on_update_message").body == b"x" * 1000


@pytest.mark.threat("FORM-12")
async def test_a_compressed_form_is_refused() -> None:
    hub = Hub()
    async with world(hub) as w:
        response = await w.post(subscription_fields(), headers=[("Content-Encoding", "gzip")])
    assert response.status_code == 415
    assert_is_one_plain_sentence(response)
    assert not hub.calls


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"])
async def test_other_methods_than_post_are_refused(method: str) -> None:
    async with world() as w:
        response = await w.client.request(method, HUB)
    assert response.status_code == 405
    assert response.headers["allow"] == "POST"


@pytest.mark.parametrize("path", ["/", "/hu", "/hub/x", "/HUB", "//hub"])
async def test_a_hub_answers_at_its_path_only(path: str) -> None:
    hub = Hub()
    async with world(hub) as w:
        response = await w.client.post(f"https://hub.example{path}", data=subscription_fields())
    assert response.status_code == 404
    assert not hub.calls


async def test_a_refusal_never_repeats_what_was_sent() -> None:
    async with world() as w:
        response = await w.subscribe(callback="ftp://capability-token.example/", secret="x" * 200)
        other = await w.subscribe(secret="swordfish" * 40)
    assert "capability-token" not in response.text
    assert "swordfish" not in other.text


@pytest.mark.spec("SEC-17")
async def test_secrets_callbacks_and_bodies_are_not_shown_by_messages() -> None:
    hub = Hub()
    async with world(hub) as w:
        await w.subscribe(secret="swordfish")
        await w.subscribe(mode="unsubscribe", secret="swordfish")
        await w.post(b"swordfish", "text/plain", query={"hub.mode": "publish", "hub.topic": TOPIC})
    assert len(hub.calls) == 7
    shown = repr(hub.calls) + "".join(str(message) for _, message in hub.calls)
    assert "swordfish" not in shown
    assert CALLBACK not in shown
