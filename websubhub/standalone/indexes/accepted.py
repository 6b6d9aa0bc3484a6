"""The keys of accepted publishes."""

from collections import OrderedDict

from attrs import frozen

from websubhub import url_identity
from websubhub.standalone.broker import publish_keys
from websubhub.standalone.ports import PublishKey

_Name = tuple[str, str]


@frozen
class _Accepted:
    id: str
    accepted_at: float


class AcceptedKeys:
    """The keys under which updates were accepted, kept for a day and up to a limit."""

    def __init__(self) -> None:
        self._ids: dict[_Name, dict[str, _Accepted]] = {}
        self._order: OrderedDict[tuple[_Name, str], _Accepted] = OrderedDict()

    def find(self, key: PublishKey, topic: str, now: float) -> str | None:
        """Return the id of the update that was accepted under a key, or None."""
        self._forget(now)
        accepted = self._ids.get((url_identity(topic), key.id), {}).get(key.publisher)
        return None if accepted is None else accepted.id

    def choose(self, key: PublishKey, topic: str, wanted: str) -> str:
        """Return the id for an update with a new key: the wanted one, unless another publisher has used it."""
        others = self._ids.get((url_identity(topic), key.id), {}).values()
        return publish_keys.own_id(key, topic) if any(each.id == wanted for each in others) else wanted

    def remember(self, key: PublishKey, topic: str, chosen: str, now: float) -> None:
        """Store the id of an update that was accepted under a key."""
        name, accepted = (url_identity(topic), key.id), _Accepted(chosen, now)
        self._ids.setdefault(name, {})[key.publisher] = accepted
        self._order[name, key.publisher] = accepted
        self._order.move_to_end((name, key.publisher))
        self._forget(now)

    def _forget(self, now: float) -> None:
        while self._order:
            (name, publisher), accepted = next(iter(self._order.items()))
            is_old = accepted.accepted_at <= now - publish_keys.WINDOW_SECONDS
            if not is_old and len(self._order) <= publish_keys.KEYS_LIMIT:
                return
            del self._order[name, publisher], self._ids[name][publisher]
            if not self._ids[name]:
                del self._ids[name]
