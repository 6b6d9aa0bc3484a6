"""Operations of the admin API on the hosts of callbacks."""

from typing import Any

from websubhub import AccountState, VerificationBudget, host_of
from websubhub.standalone.admin.cursors import next_cursor, read_place
from websubhub.standalone.admin.parameters import (
    read_host,
    read_host_filter,
    read_limit,
    read_network,
    shown,
)
from websubhub.standalone.ports import ContentBroker


class HostOperations:
    """Lists, pauses and resumes hosts.

    Args:
        broker: The broker.
        verifications: The budgets of the hosts of callbacks.
    """

    def __init__(self, broker: ContentBroker, verifications: VerificationBudget) -> None:
        self._broker = broker
        self._verifications = verifications

    async def page(self, parameters: dict[str, Any]) -> object:
        """Return the hosts that are paused, failing or busy, for deliveries and for verifications."""
        limit, after = read_limit(parameters), read_place(parameters, int, int, int, str)
        hosts = await self._broker.hosts(only=read_host_filter(parameters), after=after, limit=limit)
        accounts = self._verifications.states()[:limit] if after is None else []
        return {
            "hosts": [shown(host) for host in hosts],
            "verifications": [_shown_account(account) for account in accounts],
            "next": next_cursor(hosts, limit, *hosts[-1].place) if hosts else None,
        }

    async def pause(self, parameters: dict[str, Any]) -> object:
        """Pause deliveries to a host."""
        host = read_host(parameters)
        await self._broker.pause_host(host)
        return {"paused": host}

    async def resume(self, parameters: dict[str, Any]) -> object:
        """Resume deliveries to a host, and verifications of new subscriptions on it."""
        network = read_network(parameters, "host")
        if network is not None:
            self._verifications.resume(network)
            return {"resumed": network}
        host = read_host(parameters)
        self._verifications.resume(host_of(f"http://{host}/"))
        await self._broker.resume_host(host)
        return {"resumed": host}


def _shown_account(account: AccountState) -> dict[str, Any]:
    fields = shown(account)
    return {"host": fields.pop("name"), **fields}
