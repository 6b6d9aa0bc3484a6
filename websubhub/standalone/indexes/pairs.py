"""Pairs of topic and callback, which name subscriptions."""

from collections.abc import Callable, Iterable, Iterator
from itertools import takewhile

from websubhub import url_identity

Pair = tuple[str, str]
"""Names a subscription: the identities of its topic and of its callback."""


def pair_of(topic: str, callback: str) -> Pair:
    """Return what names the subscription of a callback to a topic."""
    return url_identity(topic), url_identity(callback)


def matching(
    following: Callable[[Pair], Iterable[Pair]],
    topic: str | None,
    callback: str | None,
    after: tuple[str, str] | None,
) -> Iterator[Pair]:
    """Return the pairs of a page in their order, without a look at those of other topics.

    Args:
        following: Returns the pairs above one, in their order.
        topic: The topic of all, if it is given.
        callback: The callback of all, if it is given.
        after: The last pair of the page before.
    """
    start = pair_of(*after) if after else ("", "")
    topic, callback = (None if url is None else url_identity(url) for url in (topic, callback))
    if topic is not None:
        start = max(start, (topic, start[1]))
    pairs = takewhile(lambda pair: topic in {None, pair[0]}, following(start))
    return (pair for pair in pairs if callback in {None, pair[1]})
