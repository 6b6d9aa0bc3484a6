"""``websubhub doctor``: check what works and what does not work."""

import argparse
import sys
from collections.abc import Awaitable, Callable

from websubhub.standalone.command.flags import add_settings, ignored_variables, read_settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``doctor``."""
    parser.add_argument("--callback", metavar="URL", help="A callback to check.")
    parser.add_argument("--topic", metavar="URL", help="A topic to check.")
    add_settings(parser)
    parser.set_defaults(run=_examine)


def _examine(options: argparse.Namespace) -> int:
    settings = read_settings(options)
    for sentence in ignored_variables():
        print(f"websubhub: {sentence}", file=sys.stderr)
    # Imported late, so that help and mistakes appear at once.
    from websubhub import run_app  # noqa: PLC0415 - see above
    from websubhub.standalone.command import doctor  # noqa: PLC0415 - see above

    findings: list[bool] = []

    async def look(_: Callable[[], Awaitable[object]]) -> None:
        findings.extend(await doctor.examine(settings, callback=options.callback, topic=options.topic, out=sys.stdout))

    run_app(look, backend=settings.loop)
    return 0 if all(findings) else 1
