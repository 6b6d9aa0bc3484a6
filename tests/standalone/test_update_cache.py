"""The updates that are kept at hand take no more memory than is meant for them, however small or large they are."""

import pytest

from websubhub.standalone.broker.cache import UpdateCache
from websubhub.standalone.ports import Update

MEBIBYTE = 1_048_576


def update(content: bytes) -> Update:
    return Update(id="1", topic="https://topic.example/", content=content, content_type="a/b", published_at=0.0)


@pytest.mark.threat("BQ-1")
@pytest.mark.parametrize(("size", "number", "most"), [(1, 20_000, 2_048), (MEBIBYTE, 100, 32), (64 * MEBIBYTE, 3, 1)])
def test_the_newest_updates_are_kept_and_no_more_than_there_is_room_for(size: int, number: int, most: int) -> None:
    cache, content = UpdateCache(), bytes(size)
    for sequence in range(number):
        cache.put((1, sequence), update(content))
    kept = [sequence for sequence in range(number) if cache.get((1, sequence)) is not None]
    assert kept == list(range(number - most, number))


def test_what_is_read_stays() -> None:
    cache = UpdateCache()
    for sequence in range(10_000):
        cache.put((1, sequence), update(b"x"))
        assert cache.get((1, 0)) is not None
