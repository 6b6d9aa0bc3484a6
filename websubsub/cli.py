"""The command line: discover the hubs of a page, and listen to a feed."""

import argparse
import sys
from collections.abc import Sequence

from websubsub._state.kinds import FORMS

TYPE_CHECKING = False  # type checkers know the name; importing typing costs more than the start of the program
if TYPE_CHECKING:
    from typing import NoReturn

_USER_MISTAKE = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: The arguments, by default those of the process.

    Returns:
        The exit status: 0 for success, 1 if a page or a hub failed, 2 for a mistake of the user.
    """
    try:
        return _run(_parser().parse_args(argv))
    except ValueError as error:
        print(f"websubsub: {error}", file=sys.stderr)
        return _USER_MISTAKE


def _run(arguments: argparse.Namespace) -> int:
    # Imported when needed, so that help and mistakes are shown at once.
    import logging  # noqa: PLC0415 - see above

    # Warnings are already printed as events.
    logging.basicConfig(level=logging.ERROR, format="%(levelname)s %(message)s", stream=sys.stderr)
    if arguments.command == "discover":
        from websubsub._command.discover import discover  # noqa: PLC0415 - see above

        return discover(arguments)
    from websubsub._command.listen import listen  # noqa: PLC0415 - see above

    return listen(arguments)


class _Parser(argparse.ArgumentParser):
    """A parser that reports errors in one sentence, without the usage."""

    def error(self, message: str) -> "NoReturn":
        """Print the error, and exit."""
        self.exit(_USER_MISTAKE, f"websubsub: {message[:1].upper()}{message[1:].removesuffix('.')}.\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="websubsub", description="Discover WebSub topics and listen to them.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    discover = commands.add_parser("discover", help="show the topic and the hubs of a page or feed")
    discover.add_argument("url", metavar="URL", help="the page or feed")
    discover.add_argument("--json", action="store_true", help="print one JSON object")
    _add_discovery(discover)
    listen = commands.add_parser("listen", help="subscribe to a page or feed and print what its hub delivers")
    listen.add_argument("url", metavar="RESOURCE_URL", nargs="?", help="the page or feed")
    listen.add_argument("--hub", metavar="URL", help="the hub, instead of the one that the page names")
    listen.add_argument("--topic", metavar="URL", help="the topic, instead of the one that the page names")
    _add_discovery(listen)
    listen.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: %(default)s)")
    listen.add_argument("--port", type=int, default=8081, help="the port, 0 for a free one (default: %(default)s)")
    listen.add_argument("--public-url", metavar="URL", help="the URL where hubs reach it (default: http://HOST:PORT/)")
    listen.add_argument(
        "--lease-seconds", type=int, metavar="N", help="the lease to ask for (default: the hub decides)"
    )
    secret = listen.add_mutually_exclusive_group()
    secret.add_argument("--secret", metavar="S", help="the key for signatures, sent even over http (default: random)")
    secret.add_argument(
        "--no-secret", action="store_true", help="subscribe without a secret: deliveries are not signed"
    )
    listen.add_argument("--state", default="memory:", metavar="STATE", help=f"{FORMS} (default: %(default)s)")
    listen.add_argument("--keep", action="store_true", help="stay subscribed on exit")
    listen.add_argument("--json", action="store_true", help="print JSON lines, even on a terminal")
    listen.add_argument("--save", metavar="DIR", help="write each delivery to a new file in this folder")
    listen.add_argument(
        "--exec", metavar="COMMAND", help="run this command for each delivery, the body on its standard input"
    )
    listen.add_argument("--forward-to", metavar="URL", help="forward each delivery to this URL")
    return parser


def _add_discovery(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json-feed", action="store_true", help="read the hubs of JSON Feeds too")
    parser.add_argument(
        "--header",
        metavar="'Name: value'",
        action="append",
        default=[],
        type=_header,
        help="a header for the page, for private feeds; may be repeated",
    )


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    usable = name.isascii() and name.replace("-", "").replace("_", "").isalnum() and value.isprintable()
    if not colon or not usable or not value.isascii():
        raise argparse.ArgumentTypeError("a header is written as 'Name: value'")
    return name, value.strip()


if __name__ == "__main__":
    sys.exit(main())
