"""Opening the store that a setting names."""

from websubhub.standalone.clock import HubClock
from websubhub.standalone.ports import HubStore
from websubhub.standalone.schedule.limits import DeliveryLimits
from websubhub.standalone.settings import Settings, SettingsError
from websubhub.standalone.stores import STORES, kind_of

_RETRIES_SHARE = 2


def open_store(settings: Settings, *, takes_part: bool = True) -> HubStore:
    """Return the store of a hub, not yet opened. Open it with ``async with``.

    Args:
        settings: The settings of the hub.
        takes_part: Whether to share the hub's work if its store is shared, or only to read.

    Raises:
        SettingsError: The store is not available in this version, or its setting is incomplete.
    """
    kind = kind_of(settings.store)
    if kind is None or not kind.adapter:
        raise SettingsError(f"--store {settings.store} is not available in this version; use {STORES[0].form}.")
    if kind.place and settings.store == kind.prefix:
        raise SettingsError(f"--store {kind.form} needs a value for {kind.place}.")
    limits = DeliveryLimits(
        per_host=settings.concurrency_per_host,
        # Half of the slots are kept for first attempts, so that a wave of retries does not delay fresh updates.
        retries=max(1, settings.concurrency // _RETRIES_SHARE),
        waiting=settings.max_backlog,
        message_seconds=settings.message_days * 86_400,
        message_bytes=settings.max_message_bytes,
    )
    share = {"takes_part": takes_part} if kind.shared else {}
    return kind.open(settings.store, limits=limits, clock=HubClock(), **share)


async def examine_store(settings: Settings) -> str:
    """Open the store, check that it is intact, and return the result in one sentence.

    Raises:
        StoreError: The store cannot be opened, or is damaged.
    """
    async with open_store(settings, takes_part=False) as store:
        statistics = await store.broker.statistics()
        await store.examine()
    held = statistics.subscriptions
    return f"the store {settings.store} is intact, with {held} subscription{'' if held == 1 else 's'}"
