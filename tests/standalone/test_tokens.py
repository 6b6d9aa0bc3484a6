"""Tokens that are guessed: counted, logged without the token, and soon answered 429; a right one always passes."""

import pytest

from tests.standalone.hub import ADMIN, TOKEN, world
from websubhub import Headers
from websubhub.standalone.tokens import Tokens

pytestmark = pytest.mark.threat("DOS-17")

GUESS = "a-token-that-somebody-guessed"
TOPIC = "https://topic.example/"


def bearer(token: str) -> Headers:
    return Headers([("Authorization", f"Bearer {token}")])


def statuses(tokens: Tokens, shown: Headers, times: int) -> list[int]:
    refusals = [tokens.refusal(shown) for _ in range(times)]
    return [refusal.status for refusal in refusals if refusal is not None]


def test_ten_guesses_a_minute_are_heard_and_the_right_token_always() -> None:
    now = 100.0
    tokens = Tokens((TOKEN,), "publisher", clock=lambda: now)
    assert statuses(tokens, bearer(GUESS), 12) == [401] * 10 + [429] * 2
    refusal = tokens.refusal(bearer(GUESS))
    assert refusal is not None
    assert refusal.headers == {"Retry-After": "60"}
    assert tokens.refusal(bearer(TOKEN)) is None
    assert tokens.wrong == 13
    now += 60
    assert statuses(tokens, bearer(GUESS), 11) == [401] * 10 + [429]


def test_showing_no_token_is_no_guess() -> None:
    tokens = Tokens((TOKEN,), "publisher")
    assert statuses(tokens, Headers(()), 30) == [401] * 30
    assert tokens.wrong == 0


async def test_a_hub_counts_guesses_and_tells_of_them_without_the_token(caplog: pytest.LogCaptureFixture) -> None:
    async with world(publisher_token=(TOKEN,)) as hub:
        base = hub.hub.removesuffix("/hub")
        shown = {"Authorization": f"Bearer {GUESS}"}
        answers = [await hub.client.get(base + "/admin/topics", headers=shown) for _ in range(11)]
        assert [answer.status_code for answer in answers] == [401] * 10 + [429]
        assert 0 < int(answers[-1].headers["retry-after"]) <= 60
        right = {"Authorization": f"Bearer {ADMIN}"}
        assert (await hub.client.get(base + "/admin/topics", headers=right)).status_code == 200
        published = [await hub.publish(TOPIC, token=GUESS) for _ in range(11)]
        assert [answer.status_code for answer in published] == [401] * 10 + [429]
        assert 0 < int(published[-1].headers["retry-after"]) <= 60
        assert (await hub.ask(mode="register", topic=TOPIC, token=GUESS)).status_code == 429
        assert (await hub.publish(TOPIC, token=TOKEN)).status_code == 200
        metrics = (await hub.client.get(base + "/metrics")).text
        assert 'websubhub_wrong_tokens_total{kind="admin"} 11.0' in metrics
        assert 'websubhub_wrong_tokens_total{kind="publisher"} 12.0' in metrics
    lines = [record.getMessage() for record in caplog.records if "had a wrong" in record.getMessage()]
    assert lines == ["A request had a wrong admin token.", "A request had a wrong publisher token."]
    assert GUESS not in caplog.text
