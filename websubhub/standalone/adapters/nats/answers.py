"""Answering the questions of other processes about this one."""

from collections.abc import Awaitable, Callable
from typing import Any

from attrs import asdict

from websubhub.standalone.adapters.nats.reclaiming import ClusterReclaimer
from websubhub.standalone.adapters.nats.stores.standing import Standing
from websubhub.standalone.broker.broker import Broker
from websubhub.standalone.ports import DeliveryFilter


def answers(own: Broker, reclaimer: ClusterReclaimer, standing: Standing) -> dict[str, Callable[[Any], Awaitable[Any]]]:
    """Return the function that answers each question.

    Args:
        own: Delivers to the partitions of this process.
        reclaimer: Deletes updates.
        standing: How messages and subscriptions stand here.
    """

    async def statistics(_about: Any) -> Any:
        return asdict(await own.statistics())

    async def failing(about: Any) -> Any:
        only, after = DeliveryFilter(**about["only"]), None if about["after"] is None else tuple(about["after"])
        return [asdict(each) for each in await own.failing(only, after=after, limit=int(about["limit"]))]

    async def hosts(about: Any) -> Any:
        after = None if about["after"] is None else tuple(about["after"])
        return [asdict(state) for state in await own.hosts(only=about["only"], after=after, limit=int(about["limit"]))]

    asked = {"statistics": statistics, "failing": failing, "hosts": hosts, "floors": reclaimer.floors}
    return asked | standing.answers()
