"""Fixtures for pytest, which loads them automatically where this distribution is installed."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:  # imported only by the fixtures, so that other test runs do not load them
    import httpx

    from websubhub.testing import InMemoryWeb, RecordingHub, RecordingSubscriber


@pytest.fixture
def websub_web() -> "InMemoryWeb":
    """An internet for one test, with an application for each host name."""
    from websubhub.testing import InMemoryWeb  # noqa: PLC0415 - see above

    return InMemoryWeb()


@pytest.fixture
def recording_hub(websub_web: "InMemoryWeb") -> "RecordingHub":
    """A hub at ``https://hub.example/`` that records requests and answers 202."""
    from websubhub.testing import RecordingHub  # noqa: PLC0415 - see above

    hub = websub_web["hub.example"] = RecordingHub()
    return hub


@pytest.fixture
def recording_subscriber(websub_web: "InMemoryWeb") -> "RecordingSubscriber":
    """A subscriber at ``https://subscriber.example/`` that confirms verifications and records deliveries."""
    from websubhub.testing import RecordingSubscriber  # noqa: PLC0415 - see above

    subscriber = websub_web["subscriber.example"] = RecordingSubscriber()
    return subscriber


@pytest.fixture
def verify(websub_web: "InMemoryWeb") -> "Callable[..., Awaitable[httpx.Response]]":
    """A function that verifies intent as a hub does, in the web of this test."""
    from websubhub import testing  # noqa: PLC0415 - see above

    async def verify(form: dict[str, str], **rest: Any) -> "httpx.Response":
        async with websub_web.client() as client:
            return await testing.verify(client, form, **rest)

    return verify


@pytest.fixture
def signed_delivery(websub_web: "InMemoryWeb") -> "Callable[..., Awaitable[httpx.Response]]":
    """A function that delivers content as a hub does, in the web of this test."""
    from websubhub import testing  # noqa: PLC0415 - see above

    async def signed_delivery(form: dict[str, str], content: bytes, **rest: Any) -> "httpx.Response":
        async with websub_web.client() as client:
            return await testing.signed_delivery(client, form, content, **rest)

    return signed_delivery
