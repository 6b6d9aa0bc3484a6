"""Which of the failed deliveries in memory a filter means."""

from collections.abc import Callable, Iterable
from heapq import nsmallest
from typing import Protocol

from websubhub import authority_of, url_identity
from websubhub.standalone.ports import DeliveryFilter, FailingDelivery, FailingPlace


class Retrying(Protocol):
    """What is kept of a delivery that will be tried again."""

    @property
    def attempts(self) -> int:
        """How often it was tried."""

    @property
    def refusals(self) -> int:
        """How many of these attempts the subscriber refused."""

    @property
    def due_at(self) -> float:
        """When it is tried again."""

    @property
    def reason(self) -> str:
        """What went wrong in the last attempt."""


def matcher(only: DeliveryFilter) -> Callable[[str, str, str], bool]:
    """Return a function that says whether a filter means a delivery, from its topic, its callback and its reason."""
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
    """Return a page of the deliveries that will be tried again, the next one first.

    Args:
        retries: The topic, the callback and the retry of each.
        only: Which ones are meant.
        after: The place of the last one of the previous page.
        limit: How many at most.
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
