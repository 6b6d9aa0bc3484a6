"""``websubhub demo``: walk through all of WebSub on loopback, with the same hub that ``serve`` runs."""

import argparse
import sys
from collections.abc import Callable


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add no arguments."""
    parser.set_defaults(run=_show)


def _show(_: argparse.Namespace) -> int:
    # The demo imports the subscriber package, which neither the hub nor its help needs.
    from websubhub import demo  # noqa: PLC0415 - see above

    return demo.main(demo_hub, sys.stdout)


async def demo_hub(*, ready: Callable[[str], None]) -> None:
    """Run the demo's hub: the standalone hub, in memory, on a free loopback port."""
    from websubhub.standalone.runtime import run_hub  # noqa: PLC0415 - see above
    from websubhub.standalone.settings import Settings  # noqa: PLC0415 - see above

    await run_hub(Settings(port=0, store="memory:"), ready=ready)
