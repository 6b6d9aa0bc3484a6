"""Failed deliveries in memory that match a filter."""

from collections.abc import Callable, Iterable
from heapq import nsmallest
from typing import Protocol

from websubhub import authority_of, url_identity
from websubhub.standalone.ports import DeliveryFilter, FailingDelivery, FailingPlace


class Retrying(Protocol):
    """The state of a delivery that will be retried."""

    @property
    def attempts(self) -> int:
        """The number of attempts made."""

    @property
    def refusals(self) -> int:
        """The number of these attempts that the subscriber refused."""

    @property
    def due_at(self) -> float:
        """The time of the next attempt."""

    @property
    def reason(self) -> str:
        """The reason of the last failure."""


def matcher(only: DeliveryFilter) -> Callable[[str, str, str], bool]:
    """Return a function that tests the topic, callback and reason of a delivery against a filter."""
    topic, callback = (None if url is None else url_identity(url) for url in (only.topic, only.callback))

    def matches(its_topic: str, its_callback: str, its_reason: str) -> bool:
        return (
            only.reason in {None, its_reason}
            and (topic is None or topic == url_identity(its_topic))
            and (callback is None or callback == url_identity(its_callback))
            and (only.host is None or only.host == authority_of(its_callback))
        )

    return matches


def page_of_failing(
    retries: Iterable[tuple[str, str, Retrying]], only: DeliveryFilter, after: FailingPlace | None, limit: int
) -> list[FailingDelivery]:
    """Return a page of the deliveries that will be retried, next one first.

    Args:
        retries: The topic, the callback and the retry of each.
        only: The filter that they match.
        after: The place of the last delivery on the previous page.
        limit: The most to return.
    """
    matches = matcher(only)
    places = (
        ((retry.due_at, topic, callback), retry)
        for topic, callback, retry in retries
        if matches(topic, callback, retry.reason)
    )
    following = ((place, retry) for place, retry in places if after is None or place > after)
    return [
        FailingDelivery(
            topic=topic,
            callback=callback,
            attempts=retry.attempts,
            refusals=retry.refusals,
            due_at=due_at,
            reason=retry.reason,
        )
        for (due_at, topic, callback), retry in nsmallest(limit, following, key=lambda each: each[0])
    ]
