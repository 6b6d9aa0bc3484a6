"""The other processes of the hub: a hint, which saves time. What it gets wrong costs repeated deliveries, no more."""

import json
from collections.abc import Collection, Iterable
from hashlib import blake2b
from time import monotonic
from typing import Any

from attrs import define, field

SILENT_SECONDS = 3.0
"""After which a process that says nothing is taken for dead."""
_DEAF_SECONDS = 1.2
_LATE_SECONDS = 2.0
_MISSED_SECONDS = 30.0


@define
class Peer:
    """Another process, as it was heard last.

    Attributes:
        heard_at: When, by the clock of this process that never goes back.
        waiting: How many deliveries it owes.
        partitions: What it owns.
        leaving: Whether it is being stopped.
        server: The id of the server that it is connected to, or an empty string if it did not say.
    """

    heard_at: float
    waiting: int = 0
    partitions: frozenset[int] = field(factory=frozenset)
    leaving: bool = False
    server: str = ""


class Peers:
    """The other processes that were heard lately.

    A process hears itself too. While it does not, its own connection is broken or its server stands still, and the
    silence of others means nothing: that time does not count.

    Args:
        own: The id of this process.
    """

    def __init__(self, own: str) -> None:
        self.own = own
        self._peers: dict[str, Peer] = {}
        self._since = monotonic()
        self._heard_at = self._since
        self._missed_at = float("-inf")
        self._server = ""

    def hear(self, data: bytes) -> bool:
        """Take what a process says of itself. Return whether anybody may have to take or leave something for it."""
        try:
            said: dict[str, Any] = json.loads(data)
            peer = Peer(
                heard_at=monotonic(),
                waiting=int(said["waiting"]),
                partitions=frozenset(said["partitions"]),
                leaving=bool(said["leaving"]),
                server=str(said.get("server", "")),
            )
            name = str(said["id"])
        except (ValueError, TypeError, LookupError, AttributeError):
            return False
        self._count(peer.heard_at)
        if name == self.own:
            self._server = peer.server
            return False
        before = self._peers.get(name)
        self._peers[name] = peer
        return before is None or (before.partitions, before.leaving) != (peer.partitions, peer.leaving)

    @property
    def hears(self) -> bool:
        """Whether this process hears itself, so that it would hear others too."""
        return monotonic() - self._heard_at <= _DEAF_SECONDS

    @property
    def in_contact(self) -> bool:
        """Whether this process is heard by the others, as far as it can tell by hearing itself and them.

        If one has fallen silent without saying that it would, it may be dead, or this process and its server are cut
        off from it. They are not if a process at another server is heard.
        """
        if not self.hears:
            return False
        now = monotonic()
        lately = now - _LATE_SECONDS
        if any(peer.heard_at >= lately and peer.server not in {"", self._server} for peer in self._peers.values()):
            return True
        is_silent = any(peer.heard_at < lately and not peer.leaving for peer in self._peers.values())
        return not is_silent and now - self._missed_at > _MISSED_SECONDS

    def _count(self, now: float) -> None:
        """Note that this process hears at a time, and leave out the time before, if it heard nobody then."""
        deaf = now - self._heard_at
        if deaf > _DEAF_SECONDS:
            self._since += deaf
            for peer in self._peers.values():
                peer.heard_at += deaf
        self._heard_at = now

    def living(self) -> dict[str, Peer]:
        """Return those that are not taken for dead."""
        now = self._heard_at
        dead = [name for name, peer in self._peers.items() if now - peer.heard_at >= SILENT_SECONDS]
        for name in dead:
            if not self._peers.pop(name).leaving:
                self._missed_at = monotonic()
        return self._peers

    def start_over(self) -> None:
        """Take nobody for dead for a while: it was this process that stood still."""
        self._since = self._heard_at = monotonic()
        for peer in self._peers.values():
            peer.heard_at = self._since

    def waiting(self) -> int:
        """Return how many deliveries the others owe."""
        return sum(peer.waiting for peer in self.living().values())

    def may_own(self, name: str, partition: int) -> bool:
        """Return whether a process may be the owner of a partition at this moment."""
        if name in {"", self.own}:
            return False
        peer = self.living().get(name)
        if peer is None:  # unknown: give it time to be heard
            return self._heard_at - self._since < SILENT_SECONDS
        return partition in peer.partitions

    def wanted(self, partitions: Iterable[int], *, leaving: bool) -> set[int]:
        """Return which of these partitions this process is to own, as every process computes it."""
        names = [name for name, peer in self.living().items() if not peer.leaving]
        if leaving:
            return set()
        return {number for number in partitions if _highest([*names, self.own], number) == self.own}


def _highest(names: Collection[str], number: int) -> str:
    return max(names, key=lambda name: blake2b(f"{name}/{number}".encode(), digest_size=8).digest())
