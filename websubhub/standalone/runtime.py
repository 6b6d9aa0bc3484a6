"""A hub on hypercorn, running until it is told to stop."""

import logging
from collections.abc import Awaitable, Callable

import anyio

from websubhub import AppListener, Binding, is_loopback_url
from websubhub.standalone.assembly import GRACE_SECONDS, HUB_PATH, assembled, warn, working
from websubhub.standalone.backends import open_store
from websubhub.standalone.settings import Settings, SettingsError

log = logging.getLogger("websubhub")


async def run_hub(
    settings: Settings,
    *,
    stop: Callable[[], Awaitable[object]] = anyio.sleep_forever,
    ready: Callable[[str], None] | None = None,
) -> None:
    """Run a hub until ``stop`` returns; what it has accepted and begun is finished within a limit.

    Args:
        settings: Its settings.
        stop: Returns when the hub is to stop.
        ready: Called with the hub's public URL once it accepts requests.

    Raises:
        SettingsError: The settings cannot be used, the address cannot be listened on for example.
        StoreError: The store cannot be opened.
    """
    binding = Binding(host=settings.host, port=settings.port, graceful_seconds=GRACE_SECONDS)
    async with open_store(settings) as store, AppListener(binding) as listener:
        base = await _listen(listener, binding)
        hub = settings.public_url or base + HUB_PATH
        # A loopback URL says who is meant to come, the address who can.
        private = is_loopback_url(hub) and is_loopback_url(f"http://{settings.host}/")
        async with assembled(settings, store, hub, private=private) as parts, working(parts) as delivered:
            listener.attach(HUB_PATH, parts.app, parts.app)
            listener.attach("/", parts.admin, parts.admin)
            warn(settings, hub)
            if ready is not None:
                ready(hub)
            await stop()
            log.info("Stopping: finishing what is under way.")
            parts.delivery.stop()
            with anyio.move_on_after(GRACE_SECONDS):
                await listener.graceful_stop()
                await delivered.wait()


async def _listen(listener: AppListener, binding: Binding) -> str:
    try:
        return await listener.start()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise SettingsError(f"Cannot listen on {binding.host} port {binding.port}: {reason}.") from None
