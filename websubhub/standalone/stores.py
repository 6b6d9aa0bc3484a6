"""Which stores there are: a line each, that the settings, their help, and whoever opens a store read."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from attrs import frozen

if TYPE_CHECKING:  # for help on the command line
    from websubhub.standalone.ports import HubStore


@frozen
class StoreKind:
    """A kind of store.

    Attributes:
        prefix: How a setting that names one begins.
        place: What follows the prefix, as the help calls it; empty if nothing does.
        adapter: Where the class of the adapter is, below ``adapters``, as ``module:class``; loaded once it is chosen.
            Empty where this version has none.
        use: What it is for, if not for everything.
        shared: Whether several processes have it open at the same time, as one hub.
        whole: Whether the adapter gets the whole setting, with the prefix.
    """

    prefix: str
    place: str = ""
    adapter: str = ""
    use: str = ""
    shared: bool = False
    whole: bool = False

    @property
    def form(self) -> str:
        """How a setting that names one is written."""
        return self.prefix + self.place

    def open(self, setting: str, **rest: Any) -> "HubStore":
        """Return the store that a setting names, not yet opened: use it with ``async with``.

        Args:
            setting: The setting, which begins with the prefix.
            rest: What every adapter is made with: ``limits`` and ``clock``, and for a shared one ``takes_part`` and
                ``alone`` too.
        """
        module, _, name = self.adapter.partition(":")
        adapter = getattr(import_module(f"{__package__}.adapters.{module}"), name)
        place = (setting if self.whole else setting.removeprefix(self.prefix),) if self.place else ()
        store: HubStore = adapter(*place, **rest)
        return store


STORES = (
    StoreKind("sqlite:///", "FILE", "sqlite.store:SqliteStore"),
    StoreKind("memory:", adapter="memory.store:MemoryStore", use="for trials"),
    StoreKind("nats://", "HOST:PORT", "nats.store:NatsStore", shared=True),
    StoreKind("tls://", "HOST:PORT", "nats.store:NatsStore", use="for NATS over TLS", shared=True, whole=True),
)


def kind_of(setting: str) -> StoreKind | None:
    """Return which store a setting names, if it names one at all."""
    for kind in STORES:
        if setting == kind.prefix or (kind.place and setting.startswith(kind.prefix)):
            return kind
    return None


def shown_store(setting: str) -> str:
    """Return a setting that names a store, without the user and the password that it may have."""
    prefix, separator, place = setting.partition("://")
    return prefix + separator + place.rpartition("@")[2] if separator else setting


def forms(*, uses: bool = False) -> str:
    """Return how a store may be named, and what it is for if that is asked."""
    *first, last = [f"{kind.form} {kind.use}".rstrip() if uses else kind.form for kind in STORES]
    return f"{', '.join(first)} or {last}"
