"""The kinds of stores, in one table for the settings, their help and the code that opens a store."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from attrs import frozen

if TYPE_CHECKING:  # for help on the command line
    from websubhub.standalone.ports import HubStore


@frozen
class StoreKind:
    """A kind of store.

    Attributes:
        prefix: The beginning of a setting that names one.
        place: The help's placeholder for what follows the prefix; empty if nothing does.
        adapter: The adapter's class as ``module:class``, below ``adapters``. It is loaded only if chosen. Empty if
            this version has no such adapter.
        use: Its purpose, if it is not meant for everything.
        shared: Whether several processes can have it open at once, as one hub.
    """

    prefix: str
    place: str = ""
    adapter: str = ""
    use: str = ""
    shared: bool = False

    @property
    def form(self) -> str:
        """The form of a setting that names one."""
        return self.prefix + self.place

    def open(self, setting: str, **rest: Any) -> "HubStore":
        """Return the store that a setting names, not yet opened. Open it with ``async with``.

        Args:
            setting: The setting, which begins with the prefix.
            rest: The other arguments of the adapter: ``limits`` and ``clock``, and ``takes_part`` if it is shared.
        """
        module, _, name = self.adapter.partition(":")
        adapter = getattr(import_module(f"{__package__}.adapters.{module}"), name)
        place = (setting.removeprefix(self.prefix),) if self.place else ()
        store: HubStore = adapter(*place, **rest)
        return store


STORES = (
    StoreKind("sqlite:///", "FILE", "sqlite.store:SqliteStore"),
    StoreKind("memory:", adapter="memory.store:MemoryStore", use="for trials"),
    StoreKind("nats://", "HOST:PORT", "nats.store:NatsStore", shared=True),
)


def kind_of(setting: str) -> StoreKind | None:
    """Return the kind of store that a setting names, or None."""
    for kind in STORES:
        if setting == kind.prefix or (kind.place and setting.startswith(kind.prefix)):
            return kind
    return None


def shown_store(setting: str) -> str:
    """Return a setting that names a store, without the user and password that it may contain."""
    prefix, separator, place = setting.partition("://")
    return prefix + separator + place.rpartition("@")[2] if separator else setting


def forms(*, uses: bool = False) -> str:
    """Return the forms of all stores as text, with their purposes if asked."""
    *first, last = [f"{kind.form} {kind.use}".rstrip() if uses else kind.form for kind in STORES]
    return f"{', '.join(first)} or {last}"
