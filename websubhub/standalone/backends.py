"""Which store a setting names."""

from websubhub.standalone.adapters.memory.store import MemoryStore
from websubhub.standalone.adapters.sqlite.store import SqliteStore
from websubhub.standalone.clock import HubClock
from websubhub.standalone.ports import HubStore
from websubhub.standalone.schedule.limits import DeliveryLimits
from websubhub.standalone.settings import Settings, SettingsError

_SQLITE = "sqlite:///"
_RETRIES_SHARE = 2


def open_store(settings: Settings) -> HubStore:
    """Return the store of a hub, not yet opened: use it with ``async with``.

    Raises:
        SettingsError: The store is not available here.
    """
    limits = DeliveryLimits(
        per_host=settings.concurrency_per_host,
        # Half of the slots are kept for first attempts, so that a wave of retries delays no fresh update.
        retries=max(1, settings.concurrency // _RETRIES_SHARE),
        waiting=settings.max_backlog,
    )
    if settings.store == "memory:":
        return MemoryStore(limits=limits, clock=HubClock())
    if settings.store.startswith(_SQLITE):
        path = settings.store.removeprefix(_SQLITE)
        if not path:
            raise SettingsError("--store sqlite:///FILE needs a file name.")
        return SqliteStore(path, limits=limits, clock=HubClock())
    raise SettingsError("--store nats:// is not available in this version; use sqlite:///FILE.")


async def examine_store(settings: Settings) -> str:
    """Open the store and look whether it is sound; says in one sentence what it found.

    Raises:
        StoreError: It cannot be opened, or is damaged.
    """
    async with open_store(settings) as store:
        statistics = await store.broker.statistics()
        await store.examine()
    return f"the store {settings.store} is sound, with {statistics.subscriptions} subscriptions"
