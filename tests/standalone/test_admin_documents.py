"""The OpenAPI document of the admin API: what it says of the routes is tried out with requests made from it."""

from typing import Any

import anyio.to_thread
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.standalone.hub import ADMIN, World, world

TOPIC = "https://topic.example/"


async def _document(hub: World) -> dict[str, Any]:
    document: dict[str, Any] = (await hub.get("/admin/openapi.json")).json()
    return document


def _try_out(document: dict[str, Any], base: str, tries: int) -> int:
    """Make requests for every operation, valid and invalid ones, and check the answers. Return how many operations."""
    import schemathesis  # noqa: PLC0415 - takes seconds
    from schemathesis.specs.openapi import checks  # noqa: PLC0415 - as above

    # That guesses are soon answered 429 is right, and a schema cannot say everything about a URL or a host.
    excluded = [checks.ignored_auth, checks.positive_data_acceptance]
    tried = 0
    for result in schemathesis.openapi.from_dict(document).get_all_operations():

        @settings(
            max_examples=tries,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=result.ok().as_strategy())
        def try_one(case: Any) -> None:
            headers = {"Authorization": f"Bearer {ADMIN}"}
            case.call_and_validate(base_url=base, headers=headers, excluded_checks=excluded)

        try_one()
        tried += 1
    return tried


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("tries", [2, pytest.param(50, marks=pytest.mark.durability)])
async def test_every_operation_answers_as_its_document_says(tries: int) -> None:
    pytest.importorskip("schemathesis", reason="schemathesis is missing: pip install 'websubhub[dev]'")
    async with world(retry_delays=(0.02, 600), refused_attempts=2) as hub:
        subscriber = hub.subscriber()
        await hub.subscribe(subscriber, TOPIC)
        subscriber.statuses = [400] * 4
        await hub.publish(TOPIC)
        await hub.ping(TOPIC)
        document = await _document(hub)
        operations = sum(map(len, document["paths"].values()))
        tried = await anyio.to_thread.run_sync(_try_out, document, hub.hub.removesuffix("/hub"), tries)
        assert tried == operations > 25
        assert (await hub.get("/ready")).status_code == 200


async def test_the_document_is_for_those_who_may_look() -> None:
    async with world() as hub:
        base = hub.hub.removesuffix("/hub")
        assert (await hub.client.get(f"{base}/admin/openapi.json")).status_code == 401
        for path, methods in (await _document(hub))["paths"].items():
            for method, described in methods.items():
                assert described["summary"].endswith("."), (path, method)
                assert all(parameter["description"] for parameter in described["parameters"])


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/admin/statistics", "GET"),
        ("GET", "/admin/topics/remove", "POST"),
        ("DELETE", "/admin/topics", "GET, POST"),
        ("POST", "/admin/openapi.json", "GET"),
    ],
)
async def test_another_method_is_answered_with_those_that_there_are(method: str, path: str, allowed: str) -> None:
    async with world() as hub:
        headers = {"Authorization": f"Bearer {ADMIN}"}
        answer = await hub.client.request(method, hub.hub.removesuffix("/hub") + path, headers=headers)
        assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
