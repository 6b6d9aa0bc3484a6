"""``websubhub demo``: the whole round on loopback, with a hub like the one that ``serve`` runs."""

import argparse
import sys
from collections.abc import Callable


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add nothing: there is nothing to choose."""
    parser.set_defaults(run=_show)


def _show(_: argparse.Namespace) -> int:
    # A hub needs nothing of the subscriber that the demonstration brings along, and help nothing of either.
    from websubhub import demo  # noqa: PLC0415 - see above

    return demo.main(demo_hub, sys.stdout)


async def demo_hub(*, ready: Callable[[str], None]) -> None:
    """Run the hub that the demo shows: this one, on a free port of loopback, in memory."""
    from websubhub.standalone.runtime import run_hub  # noqa: PLC0415 - see above
    from websubhub.standalone.settings import Settings  # noqa: PLC0415 - see above

    await run_hub(Settings(port=0, store="memory:"), ready=ready)
