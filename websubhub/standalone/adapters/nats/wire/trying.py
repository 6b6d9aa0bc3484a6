"""Trying again at the start, while no server can be used."""

import logging
from collections.abc import Awaitable, Callable
from time import monotonic

import anyio

from websubhub.standalone.adapters.nats.wire.errors import UnavailableError

log: logging.Logger = logging.getLogger("websubhub")

_PAUSE_SECONDS = 2.0


async def keep_trying(step: Callable[[], Awaitable[None]], until: float) -> None:
    """Take a step, and take it again if the servers cannot be used.

    Args:
        step: The step.
        until: The time by the monotonic clock after which the step is not taken again.

    Raises:
        UnavailableError: The last try failed because of the servers.
        StoreError: A try failed for another reason.
    """
    while True:
        try:
            return await step()
        except UnavailableError as error:
            left = until - monotonic()
            if left <= 0:
                raise
            log.warning("%s Trying again for up to %.0f s.", error, left)
        await anyio.sleep(min(_PAUSE_SECONDS, left))
