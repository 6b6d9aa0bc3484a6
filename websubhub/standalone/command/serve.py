"""``websubhub serve``: run a hub."""

import argparse
import ctypes
import gc
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress

from _websub.early_signals import end_on_signals
from websubhub.standalone.command.flags import add_settings, ignored_variables, read_settings, read_sources

#: How long one thread may keep the others waiting. The database thread needs the interpreter lock between statements.
#: With the default of 5 ms, a commit of fifty writes takes half a second while the event loop is busy.
_SWITCH_SECONDS = 0.0005
_MMAP_THRESHOLD = -3  # M_MMAP_THRESHOLD of malloc.h
_LARGE_BLOCK_BYTES = 256 * 1024


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the settings."""
    add_settings(parser)
    parser.set_defaults(run=serve)


def serve(options: argparse.Namespace) -> int:
    """Run a hub until it receives a signal to stop."""
    settings, sources = read_settings(options), read_sources(options)
    end_on_signals()
    # Imported late, so that help and mistakes appear at once.
    from websubhub import run_app  # noqa: PLC0415 - see above
    from websubhub.standalone.command import logs  # noqa: PLC0415 - see above
    from websubhub.standalone.runtime import run_hub  # noqa: PLC0415 - see above

    logs.set_up(settings.log_format, settings.log_level)
    logs.warn(ignored_variables())
    gc.disable()  # until the hub is ready, since everything loaded before that stays in memory
    sys.setswitchinterval(_SWITCH_SECONDS)
    _return_large_blocks()

    async def hub(stop: Callable[[], Awaitable[object]]) -> None:
        await run_hub(settings, stop=stop, ready=announce, sources=sources)

    run_app(hub, backend=settings.loop)
    return 0


def _return_large_blocks() -> None:
    """Make glibc return every large block to the system. By default, it stops doing so after a while."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, _LARGE_BLOCK_BYTES)


def announce(url: str) -> None:
    """Print that the hub accepts requests, and tune the garbage collector."""
    # Everything allocated so far stays. Scanning it in each full collection would block the loop for 20 ms.
    gc.collect()
    gc.freeze()
    # Thousands of connections come later. Higher thresholds make full scans of them less frequent.
    gc.set_threshold(1_000, 20, 10)
    gc.enable()
    print(f"ready: {url}", flush=True)
