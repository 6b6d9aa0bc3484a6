"""A running hub is examined over its admin API, and in a browser."""

import re
from typing import Any

import httpx

from tests.standalone.hub import ADMIN, World, world

VIEWER = "viewer-token-of-the-tests"
FORM_TOKEN = re.compile(r'name="form_token" value="([0-9a-f]+)"')


def said(found: dict[str, Any]) -> dict[str, str]:
    """The findings, by their text."""
    return {finding["text"]: finding["mark"] for finding in found["findings"]}


async def test_a_hub_that_works_says_so_of_its_store_and_its_url() -> None:
    async with world() as hub:
        found = await hub.order("/admin/doctor")
        assert found["works"]
        assert set(said(found).values()) == {"ok"}
        assert any(text.startswith("The store memory: can be") for text in said(found))
        assert any(text.startswith("The hub's public URL responds") for text in said(found))


async def test_a_topic_and_a_callback_are_asked_as_the_hub_asks_them() -> None:
    async with world() as hub:
        hub.site(Link=f'<{hub.hub}>; rel="hub", <{hub.peers}/topic>; rel="self"')
        subscriber = hub.subscriber()
        found = await hub.order("/admin/doctor", topic=f"{hub.peers}/topic", callback=f"{hub.peers}/callback")
        marks = said(found)
        assert any("names this hub" in text and marks[text] == "ok" for text in marks)
        assert any("confirms a subscription" in text and marks[text] == "ok" for text in marks)
        assert [each["hub.topic"] for each in subscriber.verifications] == [f"{hub.peers}/topic"]

        found = await hub.order("/admin/doctor", topic=f"{hub.peers}/missing")
        assert not found["works"]
        [failed] = [text for text, mark in said(found).items() if mark == "fail"]
        assert "404" in failed


async def test_what_is_unsafe_is_noted() -> None:
    async with world(allow_network=("10.0.0.0/8",)) as hub:
        marks = said(await hub.order("/admin/doctor"))
        assert any("10.0.0.0/8" in text and mark == "note" for text, mark in marks.items())


async def test_the_doctor_calls_nobody_that_the_hub_may_not_call() -> None:
    async with world() as hub:
        found = await hub.order("/admin/doctor", callback="http://192.168.77.1/callback")
        [failed] = [text for text, mark in said(found).items() if mark == "fail"]
        assert "cannot be reached" in failed


async def test_what_is_no_url_is_refused() -> None:
    async with world() as hub:
        headers = {"Authorization": f"Bearer {ADMIN}"}
        answer = await hub.client.post(hub.hub.replace("/hub", "/admin/doctor"), json={"topic": "x"}, headers=headers)
        assert answer.status_code == 400
        assert "topic" in answer.json()["error"]


async def signed_in(hub: World, token: str) -> dict[str, str]:
    base = hub.hub.removesuffix("/hub")
    headers = {"Origin": base, "Sec-Fetch-Site": "same-origin"}
    answer = await hub.client.post(f"{base}/sign-in", data={"token": token}, headers=headers)
    assert answer.status_code == 303
    return headers


async def test_the_page_asks_first_and_shows_what_was_found() -> None:
    async with world(viewer_token=VIEWER) as hub:
        base = hub.hub.removesuffix("/hub")
        headers = await signed_in(hub, ADMIN)
        page = await hub.client.get(f"{base}/doctor")
        assert page.status_code == 200
        assert "Examine now" in page.text
        assert "banner" not in page.text
        [token] = set(FORM_TOKEN.findall(page.text))
        without = await hub.client.post(f"{base}/doctor", data={"topic": ""}, headers=headers)
        assert without.status_code == 403
        fields = {"form_token": token, "topic": "", "callback": "http://192.168.77.1/callback"}
        found = await hub.client.post(f"{base}/doctor", data=fields, headers=headers)
        assert found.status_code == 200
        assert "Something does not work." in found.text
        assert "can be read and written" in found.text
        refused = await hub.client.post(f"{base}/doctor", data={**fields, "callback": "<b>"}, headers=headers)
        assert 'role="alert"' in refused.text
        assert "<b>" not in refused.text


async def test_a_viewer_sees_the_page_and_examines_nothing() -> None:
    async with world(viewer_token=VIEWER) as hub:
        base = hub.hub.removesuffix("/hub")
        headers = await signed_in(hub, VIEWER)
        page = await hub.client.get(f"{base}/doctor")
        assert page.status_code == 200
        assert "Examine now" not in page.text
        token = FORM_TOKEN.findall(page.text)[0]
        answer: httpx.Response = await hub.client.post(f"{base}/doctor", data={"form_token": token}, headers=headers)
        assert answer.status_code == 403
        over_api = await hub.client.post(f"{base}/admin/doctor", json={}, headers={"Authorization": f"Bearer {VIEWER}"})
        assert over_api.status_code == 403
