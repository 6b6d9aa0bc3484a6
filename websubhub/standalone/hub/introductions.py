"""Hosts, by the clients that named them, so that a client with few requests does not wait behind one with many."""

from collections import Counter, OrderedDict

_CLIENTS = 64
_HOSTS = 8
_REQUESTS = 64
_AT_ONCE = 2


class Introductions:
    """The hosts that each client named most recently, and how many of them the hub is calling on its behalf.

    Most places go to the requests that come first. The rest are for introductions, with a limit for each client,
    since a client that names a thousand hosts could otherwise take them all.

    Args:
        at_once: How many hosts the hub may call at once on behalf of one client.
    """

    def __init__(self, at_once: int = _AT_ONCE) -> None:
        self._at_once = at_once
        self._named: OrderedDict[str, OrderedDict[str, int]] = OrderedDict()
        self._under_way = Counter[str]()

    def note(self, client: str, host: str) -> None:
        """Note that a client named a host. Unknown clients are ignored."""
        if not client:
            return
        hosts = self._named.setdefault(client, OrderedDict())
        self._named.move_to_end(client)
        hosts[host] = min(hosts.get(host, 0) + 1, _REQUESTS)
        hosts.move_to_end(host)
        if len(hosts) > _HOSTS:
            hosts.popitem(last=False)
        if len(self._named) > _CLIENTS:
            self._named.popitem(last=False)

    def hosts(self) -> list[str]:
        """Return the hosts that the hub may now call on behalf of the clients that named them."""
        return [host for client, hosts in self._named.items() if self._has_room(client) for host in hosts]

    def begin(self, host: str) -> str | None:
        """Begin a call to a host on behalf of a client that named it.

        Returns:
            The client, to pass to ``end``, or None if the host may not be called for any client.
        """
        for client, hosts in self._named.items():
            if host in hosts and self._has_room(client):
                hosts[host] -= 1
                if not hosts[host]:
                    del hosts[host]
                self._under_way[client] += 1
                return client
        return None

    def end(self, client: str | None) -> None:
        """End a call."""
        if client is not None:
            self._under_way -= Counter([client])

    def _has_room(self, client: str) -> bool:
        return self._under_way[client] < self._at_once
