"""The choice of the next server when a connection is lost: one that was found to be better, or else another one."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Protocol

_PAUSE_SECONDS = 0.2


class NamedServer(Protocol):
    """A server, as the client names it."""

    @property
    def uri(self) -> Any:
        """Its URL, in parts."""


class ServerChoice:
    """Tries the servers in turn, beginning with those tried least often since the last connection."""

    def __init__(self) -> None:
        self._tried: Counter[str] = Counter[str]()

    def connected(self, netloc: str) -> None:
        """Note which server is connected now. It is tried last when the connection is lost."""
        self._tried.clear()
        self._tried[netloc] = 1

    def prefer(self, netloc: str) -> None:
        """Try this server first when the connection is lost."""
        self._tried[netloc] = -1

    def __call__(self, servers: Sequence[NamedServer], _info: object) -> tuple[Any, float]:
        """Return a server, and how long to wait before trying it."""
        chosen = min(servers, key=lambda server: self._tried[server.uri.netloc])
        tried = self._tried[chosen.uri.netloc]
        self._tried[chosen.uri.netloc] += 1
        return chosen, _PAUSE_SECONDS if tried else 0.0
