"""``websubhub serve``: run a hub."""

import argparse
import gc
from collections.abc import Awaitable, Callable

from websubhub.standalone.command.flags import add_settings, read_settings


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

    async def hub(stop: Callable[[], Awaitable[object]]) -> None:
        await run_hub(settings, stop=stop, ready=announce)

    loop.run(hub, settings)
    return 0


def announce(url: str) -> None:
    """Say that the hub accepts requests, now that all of it is there."""
    # What is there now stays for good. Each full collection would look at all of it, which holds up the loop for 20 ms.
    gc.collect()
    gc.freeze()
    gc.enable()
    print(f"ready: {url}", flush=True)
