"""``websubhub serve``: run a hub."""

import argparse
import ctypes
import gc
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress

from websubhub.standalone.command.flags import add_settings, read_settings

#: How long one thread may keep the others waiting. The database needs Python between two statements: with the 5 ms that
#: are usual, a commit of fifty writes takes half a second of its time while the event loop is busy.
_SWITCH_SECONDS = 0.0005
_MMAP_THRESHOLD = -3  # M_MMAP_THRESHOLD of malloc.h
_LARGE_BLOCK_BYTES = 256 * 1024


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the settings."""
    add_settings(parser)
    parser.set_defaults(run=serve)


def serve(options: argparse.Namespace) -> int:
    """Run a hub until it is told to stop."""
    settings = read_settings(options)
    # Loaded when they are needed: help and a mistake are to be told at once.
    from websubhub.standalone.command import logs, loop  # noqa: PLC0415 - see above
    from websubhub.standalone.runtime import run_hub  # noqa: PLC0415 - see above

    logs.set_up(settings.log_format, settings.log_level)
    gc.disable()  # until it is ready: what is loaded stays
    sys.setswitchinterval(_SWITCH_SECONDS)
    _give_large_blocks_back()

    async def hub(stop: Callable[[], Awaitable[object]]) -> None:
        await run_hub(settings, stop=stop, ready=announce)

    loop.run(hub, settings)
    return 0


def _give_large_blocks_back() -> None:
    """Have the C library of GNU return each large block to the system; by default, it learns to keep them in pieces."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, _LARGE_BLOCK_BYTES)


def announce(url: str) -> None:
    """Say that the hub accepts requests, now that all of it is there."""
    # What is there now stays for good. Each full collection would look at all of it, which holds up the loop for 20 ms.
    gc.collect()
    gc.freeze()
    # And what is there after a while, thousands of connections, is looked at in full less often.
    gc.set_threshold(1_000, 20, 10)
    gc.enable()
    print(f"ready: {url}", flush=True)
