"""Operations of the admin API on dead letters."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from websubhub import authority_of
from websubhub.standalone.admin.contents import shown_content
from websubhub.standalone.admin.cursors import next_cursor, read_cursor
from websubhub.standalone.admin.parameters import (
    OperationError,
    read_delivery_filter,
    read_flag,
    read_ids,
    read_limit,
    read_number,
    shown,
    unknown_ids,
)
from websubhub.standalone.ports import EVERY_DELIVERY, DeadLetter, HubStore

_AT_ONCE = 1_000


class LetterOperations:
    """Lists, replays and drops dead letters.

    Args:
        store: The store.
    """

    def __init__(self, store: HubStore) -> None:
        self._store = store

    async def page(self, parameters: dict[str, Any]) -> object:
        """Return a page of the dead letters that match a filter, and how many match in total."""
        limit, cursor, only = read_limit(parameters), read_cursor(parameters, int), read_delivery_filter(parameters)
        after = cursor[0] if cursor else read_number(parameters.get("after") or 0, "after")
        letters = await self._store.letters.page(only, after=after, limit=limit)
        return {
            "dead_letters": [_shown(letter) for letter in letters],
            "total": await self._store.letters.count(only),
            "next": next_cursor(letters, limit, letters[-1].id) if letters else None,
        }

    async def content(self, parameters: dict[str, Any]) -> object:
        """Return the content of a dead letter, or the beginning of very large content."""
        update = await self._store.letters.update(read_number(parameters.get("id"), "id"))
        if update is None:
            raise OperationError(404, "There is no such dead letter.")
        return shown_content(update)

    async def replay(self, parameters: dict[str, Any]) -> object:
        """Replay dead letters, by id or by filter."""
        return await self._act(parameters, self._store.broker.replay, "replayed")

    async def drop(self, parameters: dict[str, Any]) -> object:
        """Drop dead letters, by id or by filter."""
        return await self._act(parameters, self._store.broker.drop, "dropped")

    async def _act(
        self, parameters: dict[str, Any], act: Callable[[Sequence[int]], Awaitable[int]], word: str
    ) -> dict[str, Any]:
        if "ids" not in parameters:
            return {word: await self._act_on_all(parameters, act), "unknown": []}
        if read_delivery_filter(parameters) != EVERY_DELIVERY:
            raise OperationError(400, "Give either ids or a filter.")
        ids = read_ids(parameters)
        known = await self._store.letters.known(ids)
        done = await act(sorted(known)) if known else 0
        return {word: done, "unknown": unknown_ids(ids, known)}

    async def _act_on_all(self, parameters: dict[str, Any], act: Callable[[Sequence[int]], Awaitable[int]]) -> int:
        """Act on the dead letters that match a filter now, in batches, and return how many there were."""
        only = read_delivery_filter(parameters)
        if only == EVERY_DELIVERY and not read_flag(parameters, "all", default=False):
            raise OperationError(400, "Give ids, or a filter, or set all to true for all dead letters.")
        left = await self._store.letters.count(only)
        expected = parameters.get("expected")
        if expected is not None and read_number(expected, "expected") != left:
            raise OperationError(409, f"There are now {left} such dead letters, not {expected}.")
        done = after = 0
        while left > 0 and (ids := await self._store.letters.ids(only, after=after, limit=min(left, _AT_ONCE))):
            done += await act(ids)
            after, left = ids[-1], left - len(ids)
        return done


def _shown(letter: DeadLetter) -> dict[str, Any]:
    return {**shown(letter), "host": authority_of(letter.callback)}
