"""Operations of the admin API on dead letters."""

from typing import Any

from websubhub.standalone.admin.parameters import read_ids, read_limit, read_number, shown
from websubhub.standalone.ports import ContentBroker


class LetterOperations:
    """Lists, replays and drops dead letters.

    Args:
        broker: The broker.
    """

    def __init__(self, broker: ContentBroker) -> None:
        self._broker = broker

    async def page(self, parameters: dict[str, Any]) -> object:
        """Return a page of dead letters."""
        after = read_number(parameters.get("after", 0), "after")
        letters = await self._broker.dead_letters(after=after, limit=read_limit(parameters))
        return {"dead_letters": [shown(letter) for letter in letters]}

    async def replay(self, parameters: dict[str, Any]) -> object:
        """Replay dead letters."""
        return {"replayed": await self._broker.replay(read_ids(parameters))}

    async def drop(self, parameters: dict[str, Any]) -> object:
        """Drop dead letters."""
        return {"dropped": await self._broker.drop(read_ids(parameters))}
