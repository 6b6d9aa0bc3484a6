"""Who has named which hosts lately, so that a few requests of one client never stand behind a crowd of another's."""

from collections import Counter, OrderedDict

_CLIENTS = 64
_HOSTS = 8
_AT_ONCE = 2


class Introductions:
    """The hosts that each client has named last, and how many of them are being called on its word.

    Most of the places for hosts that nothing good is known of go to whoever is first. The rest is for introductions,
    so many for each client, since one that names a thousand hosts would have all of them.

    Args:
        at_once: How many hosts may be called at once on the word of one client.
    """

    def __init__(self, at_once: int = _AT_ONCE) -> None:
        self._at_once = at_once
        self._named: OrderedDict[str, OrderedDict[str, None]] = OrderedDict()
        self._under_way = Counter[str]()

    def note(self, client: str, host: str) -> None:
        """Remember that a client has named a host; of one that nobody knows, nothing is remembered."""
        if not client:
            return
        hosts = self._named.setdefault(client, OrderedDict())
        self._named.move_to_end(client)
        hosts[host] = None
        hosts.move_to_end(host)
        if len(hosts) > _HOSTS:
            hosts.popitem(last=False)
        if len(self._named) > _CLIENTS:
            self._named.popitem(last=False)

    def hosts(self) -> list[str]:
        """The hosts that may be called on the word of those who named them."""
        return [host for client, hosts in self._named.items() if self._has_room(client) for host in hosts]

    def begin(self, host: str) -> str | None:
        """Call a host on the word of a client. Return that client, whose ``end`` must follow, or None if none may."""
        for client, hosts in self._named.items():
            if host in hosts and self._has_room(client):
                del hosts[host]
                self._under_way[client] += 1
                return client
        return None

    def end(self, client: str | None) -> None:
        """Say that the call is over."""
        if client is not None:
            self._under_way -= Counter([client])

    def _has_room(self, client: str) -> bool:
        return self._under_way[client] < self._at_once
