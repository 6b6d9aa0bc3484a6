"""The network of a cluster: a proxy from each program to each that it talks to, so that any of them can be cut off."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Literal

from tests.cluster.proxies import Link, Proxies, proxies

Way = Literal["silently", "with resets", "from it", "to it"]
"""How somebody is cut off: in both directions, or so that nothing comes from it, or nothing to it."""


class Network:
    """Everybody's ways to everybody else, by name.

    Args:
        made: Makes proxies.
    """

    def __init__(self, made: Proxies) -> None:
        self._made = made
        self._links: dict[tuple[str, str], Link] = {}

    def way(self, who: str, whom: str, port: int) -> int:
        """Return the port at which somebody reaches somebody else, who listens on a port."""
        link = self._links[who, whom] = self._made.link(port)
        return link.port

    def cut_off(self, who: str, whom: Collection[str], way: Way) -> None:
        """Cut somebody off from some others."""
        for (one, other), link in self._links.items():
            if one == who and other in whom:
                _cut(link, way, there=way != "to it", back=way != "from it")
            elif other == who and one in whom:
                _cut(link, way, there=way != "from it", back=way != "to it")

    def mend(self) -> None:
        """Let everybody reach everybody else again."""
        for link in self._links.values():
            link.mend()


def _cut(link: Link, way: Way, *, there: bool, back: bool) -> None:
    if way == "with resets":
        link.reset()
    else:
        link.cut(there=there, back=back)


@contextmanager
def network() -> Iterator[Network]:
    """Run the proxies of a network."""
    with proxies() as made:
        yield Network(made)
