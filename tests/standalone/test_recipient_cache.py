"""Where subscriptions are delivered to is kept at hand within bounds, and never longer than it holds."""

import pytest

from websubhub.standalone.broker import recipient_cache
from websubhub.standalone.broker.recipient_cache import RecipientCache


def test_what_was_not_asked_for_the_longest_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipient_cache, "_RECIPIENTS", 2)
    cache = RecipientCache()
    cache.put(1, ("https://one.example/", "s"))
    cache.put(2, ("https://two.example/", None))
    assert cache.get_all([1]) == [("https://one.example/", "s")]
    cache.put(3, ("https://three.example/", None))
    assert [cache.get_all([number]) is not None for number in (1, 2, 3)] == [True, False, True]


@pytest.mark.parametrize("again", [1, 50])
def test_long_callbacks_take_the_room_of_many(again: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipient_cache, "_CHARACTERS", 1_000)
    cache = RecipientCache()
    for number in range(40):
        for _ in range(again):
            cache.put(number, ("c" * 80, "s" * 20))
            cache.forget(number)
            cache.put(number, ("c" * 80, "s" * 20))
    assert [number for number in range(40) if cache.get_all([number])] == list(range(30, 40))


def test_the_data_of_many_is_all_there_or_not_given() -> None:
    cache = RecipientCache()
    cache.put(1, ("https://one.example/", "s"))
    cache.put(2, ("https://two.example/", None))
    assert cache.get_all([2, 1, 2]) == [
        ("https://two.example/", None),
        ("https://one.example/", "s"),
        ("https://two.example/", None),
    ]
    assert cache.get_all([1, 3]) is None
    cache.drop(1)
    cache.drop(1)
    assert cache.get_all([1, 2]) is None
    assert cache.get_all([]) == []


def test_what_changes_is_forgotten() -> None:
    cache = RecipientCache()
    cache.put(1, ("https://one.example/", "old"))
    cache.forget(1)
    cache.forget(2)
    assert cache.get_all([1]) is None


def test_a_reading_is_told_what_has_changed_meanwhile_and_no_other() -> None:
    cache = RecipientCache()
    with cache.reading() as early:
        with cache.reading() as late:
            cache.forget(1)
        cache.forget(2)
    cache.forget(3)
    assert (early, late) == ({1, 2}, {1})
