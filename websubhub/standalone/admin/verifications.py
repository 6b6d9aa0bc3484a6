"""Operations of the admin API on pending verifications."""

from itertools import islice
from typing import Any

from websubhub import authority_of, host_of
from websubhub.standalone.admin.controls import Controls
from websubhub.standalone.admin.cursors import next_cursor, read_cursor, read_place
from websubhub.standalone.admin.parameters import (
    OperationError,
    read_host_filter,
    read_limit,
    read_names,
    read_text,
    shown,
    unknown_ids,
)
from websubhub.standalone.admin.subscriptions import shown_verification
from websubhub.standalone.ports import HubStore

_STATES = {"pending": False, "failing": True}


class VerificationOperations:
    """Lists, retries and drops the requests that await verification.

    Args:
        store: The store.
        controls: The controls of the hub.
    """

    def __init__(self, store: HubStore, controls: Controls) -> None:
        self._store = store
        self._controls = controls

    async def page(self, parameters: dict[str, Any]) -> object:
        """Return a page of pending verifications, in one state or in all, and how many there are in total."""
        limit, after = read_limit(parameters), read_place(parameters, str, str)
        state = read_text(parameters, "state")
        if state is not None and state not in _STATES:
            raise OperationError(400, f"state must be one of {', '.join(_STATES)}.")
        failing = None if state is None else _STATES[state]
        page = await self._store.verifications.page(after=after, limit=limit, failing=failing, host=_host(parameters))
        return {
            "verifications": [shown_verification(pending) for pending in page],
            "total": await self._store.verifications.count(),
            "next": next_cursor(page, limit, page[-1].topic, page[-1].callback) if page else None,
        }

    async def given_up(self, parameters: dict[str, Any]) -> object:
        """Return a page of the verifications that the hub has given up on since its start, newest first."""
        limit, cursor = read_limit(parameters), read_cursor(parameters, int)
        newest, host = self._controls.given_up.newest(cursor[0] if cursor else None), _host(parameters)
        page = list(islice((each for each in newest if host in {None, host_of(each.callback)}), limit))
        return {
            "given_up": [{**shown(each), "host": authority_of(each.callback)} for each in page],
            "next": next_cursor(page, limit, page[-1].number) if page else None,
        }

    async def retry(self, parameters: dict[str, Any]) -> object:
        """Verify requests now, starting over with the first attempt."""
        ids = read_names(parameters)
        known = await self._store.verifications.known(ids)
        retried = await self._store.verifications.retry(sorted(known)) if known else 0
        self._controls.accepted()
        return {"retried": retried, "unknown": unknown_ids(ids, known)}

    async def drop(self, parameters: dict[str, Any]) -> object:
        """Drop requests. A subscription that a request would have renewed or ended stays as it is."""
        ids = read_names(parameters)
        known = await self._store.verifications.known(ids)
        dropped = await self._store.verifications.drop(sorted(known)) if known else 0
        return {"dropped": dropped, "unknown": unknown_ids(ids, known)}


def _host(parameters: dict[str, Any]) -> str | None:
    """Return the host to which a list is limited, or None. Verifications of all ports of a host count together."""
    host = read_host_filter(parameters)
    return None if host is None else host_of(f"http://{host}/")
