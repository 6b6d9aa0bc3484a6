"""Redirects to another hub take its URL as their first argument."""

from typing import Any

import pytest

from tests.conformance.hubs import HUB, Hub, world
from websubhub import SubscriptionPermanentRedirect, SubscriptionTemporaryRedirect, UrlError

OTHER = "https://other.example/hub?a=%7e"
KINDS = [(SubscriptionTemporaryRedirect, 307), (SubscriptionPermanentRedirect, 308)]


@pytest.mark.parametrize(("kind", "status"), KINDS)
def test_the_location_is_the_first_argument_and_has_a_name(kind: Any, status: int) -> None:
    assert kind(OTHER) == kind(location=OTHER)
    made = kind(OTHER, headers={"X-A": ["1", "2"]})
    assert (made.location, made.status, made.headers.get_all("x-a")) == (OTHER, status, ("1", "2"))


@pytest.mark.parametrize(("kind", "status"), KINDS)
def test_nothing_else_goes_without_a_name(kind: Any, status: int) -> None:
    for arguments in ((), (OTHER, status), (OTHER, {"X-A": "1"})):
        with pytest.raises(TypeError, match="positional argument"):
            kind(*arguments)


@pytest.mark.parametrize(("kind", "status"), KINDS)
def test_what_is_no_url_is_refused_where_it_is_given(kind: Any, status: int) -> None:
    assert status
    with pytest.raises(UrlError, match="The location of a redirect must start with http"):
        kind("/hub")
    with pytest.raises(TypeError, match=r"The location of a redirect must be text, not list\."):
        kind([OTHER])


@pytest.mark.spec("H-18", "H-19")
@pytest.mark.parametrize(("kind", "status"), KINDS)
async def test_a_hook_sends_subscribers_to_another_hub(kind: Any, status: int) -> None:
    async with world(Hub(on_subscription=kind(OTHER))) as w:
        response = await w.subscribe()
    assert (response.status_code, response.headers["location"]) == (status, OTHER)
    assert HUB not in response.headers["location"]
