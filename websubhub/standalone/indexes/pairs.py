"""Pairs of topic and callback, which identify subscriptions."""

from collections.abc import Callable, Iterable, Iterator
from itertools import takewhile

from websubhub import url_identity

Pair = tuple[str, str]
"""The identity of a subscription: the identities of its topic and its callback."""


def pair_of(topic: str, callback: str) -> Pair:
    """Return the pair of a topic and a callback."""
    return url_identity(topic), url_identity(callback)


def matching(
    following: Callable[[Pair], Iterable[Pair]],
    topic: str | None,
    callback: str | None,
    after: tuple[str, str] | None,
) -> Iterator[Pair]:
    """Return the pairs of a page in order, without reading those of other topics.

    Args:
        following: Returns the pairs above a pair, in order.
        topic: Only pairs with this topic, or None for all.
        callback: Only pairs with this callback, or None for all.
        after: The last pair of the previous page.
    """
    start = pair_of(*after) if after else ("", "")
    topic, callback = (None if url is None else url_identity(url) for url in (topic, callback))
    if topic is not None:
        start = max(start, (topic, start[1]))
    pairs = takewhile(lambda pair: topic in {None, pair[0]}, following(start))
    return (pair for pair in pairs if callback in {None, pair[1]})
