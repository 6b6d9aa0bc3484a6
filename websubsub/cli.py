"""The command line: discover the hubs of a page, and listen to a feed."""

import argparse
import sys
from collections.abc import Iterable, Sequence

from _websub import __version__
from _websub.namesake import NamesakeError, require_own_subscriber
from websubsub._state.kinds import FORMS

TYPE_CHECKING = False  # type checkers know the name; importing typing costs more than the start of the program
if TYPE_CHECKING:
    from typing import Any, NoReturn

_USER_MISTAKE = 2
_SHELLS = ("bash", "zsh", "fish", "tcsh")
_EXAMPLES = """examples:
  websubsub listen https://example.com/feed
  websubsub listen --hub https://hub.example.com/hub --topic https://example.com/feed
  websubsub listen https://example.com/feed --save updates --state sqlite:///subscriptions.db --keep"""
_DISCOVER_EXAMPLES = """examples:
  websubsub discover https://example.com/feed
  websubsub discover https://example.com/feed --json"""
_COMPLETION_EXAMPLES = """examples:
  websubsub completion bash > ~/.local/share/bash-completion/completions/websubsub
  websubsub completion zsh > ~/.zfunc/_websubsub"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: The arguments. The default is those of the process.

    Returns:
        The exit status: 0 for success, 1 if a page or a hub failed, 2 for a mistake of the user.
    """
    try:
        require_own_subscriber()
        return _run(_parser().parse_args(argv))
    except (ValueError, NamesakeError) as error:
        print(f"websubsub: {error}", file=sys.stderr)
        return _USER_MISTAKE


def _run(arguments: argparse.Namespace) -> int:
    # Imported only when needed, so that help and mistakes appear at once.
    if arguments.command == "completion":
        from websubsub._command.completion import completion  # noqa: PLC0415 - see above

        return completion(arguments, _parser())
    import logging  # noqa: PLC0415 - see above

    # Warnings are already printed as events.
    logging.basicConfig(level=logging.ERROR, format="%(levelname)s %(message)s", stream=sys.stderr)
    if arguments.command == "discover":
        from websubsub._command.discover import discover  # noqa: PLC0415 - see above

        return discover(arguments)
    from _websub.early_signals import end_on_signals  # noqa: PLC0415 - see above

    end_on_signals()
    from websubsub._command.listen import listen  # noqa: PLC0415 - see above

    return listen(arguments)


class _Parser(argparse.ArgumentParser):
    """A parser that reports an error in one sentence and points to the help."""

    def error(self, message: str) -> "NoReturn":
        """Print the error, and exit."""
        message = message.removeprefix("argument ")
        argument, _, fault = message.partition(": ")
        kind, _, rest = fault.partition(": ")
        word = rest.removeprefix("'").partition("'")[0]
        if kind == "invalid choice":
            choices = rest.rpartition("(choose from ")[2].removesuffix(")").replace("'", "").split(", ")
            what = "a command" if argument == "COMMAND" else f"one of {', '.join(choices)}"
            self._leave(f"{word} is not {what}{_hint(word, choices)}")
        if kind == "invalid int value":
            self._leave(f"{argument} must be a whole number, not {word}")
        if fault == "expected one argument":
            self._leave(f"{argument} needs a value")
        if fault.startswith("not allowed with argument "):
            self._leave(f"{argument} is not allowed with {fault.rpartition(' ')[2]}")
        self._leave(f"{message[:1].upper()}{message[1:].removesuffix('.')}")

    def parse_known_args(  # type: ignore[override]  # of the many signatures that argparse has, only this one is used
        self, args: Sequence[str] | None = None, namespace: "Any" = None
    ) -> "Any":
        """Parse the arguments, and refuse those that are unknown."""
        options, unknown = super().parse_known_args(args, namespace)
        if unknown:
            word = unknown[0].partition("=")[0]
            self._leave(f"{word} is not an argument of {self.prog}{_hint(word, self._option_string_actions)}")
        return options, unknown

    def _leave(self, message: str) -> "NoReturn":
        sentence = message if message.endswith("?") else f"{message}."
        self.exit(_USER_MISTAKE, f"websubsub: {sentence} See {self.prog} --help.\n")


def _hint(word: str, known: Iterable[str]) -> str:
    import difflib  # noqa: PLC0415 - only needed for mistakes

    close = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="websubsub",
        description="Discover the hub of a page or feed, subscribe there, and show what it delivers.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"websubsub {__version__}", help="show the version")
    commands = parser.add_subparsers(required=True, title="commands", metavar="COMMAND", dest="command")
    _add_discover(_command(commands, "discover", "show the topic and the hubs of a page or feed", _DISCOVER_EXAMPLES))
    _add_listen(_command(commands, "listen", "subscribe to a page or feed and print what its hub delivers", _EXAMPLES))
    completion = _command(commands, "completion", "print the completion script for a shell", _COMPLETION_EXAMPLES)
    completion.add_argument("shell", choices=_SHELLS, metavar="SHELL", help=", ".join(_SHELLS))
    return parser


def _command(commands: "Any", name: str, summary: str, examples: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog=examples,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    return parser


def _add_discover(discover: argparse.ArgumentParser) -> None:
    discover.add_argument("url", metavar="URL", help="the page or feed")
    discover.add_argument("--json", action="store_true", help="print one JSON object")
    _add_discovery(discover)


def _add_listen(listen: argparse.ArgumentParser) -> None:
    what = listen.add_argument_group("what to subscribe to")
    what.add_argument("url", metavar="RESOURCE_URL", nargs="?", help="the page or feed")
    what.add_argument("--hub", metavar="URL", help="the hub, instead of the one that the page names")
    what.add_argument("--topic", metavar="URL", help="the topic, instead of the one that the page names")
    _add_discovery(what)
    what.add_argument("--lease-seconds", type=int, metavar="N", help="the lease to ask for [default: the hub decides]")
    secret = what.add_mutually_exclusive_group()
    secret.add_argument("--secret", metavar="S", help="the key for signatures, sent even over http [default: random]")
    secret.add_argument(
        "--no-secret", action="store_true", help="subscribe without a secret, so that deliveries are not signed"
    )
    what.add_argument("--keep", action="store_true", help="stay subscribed on exit")
    where = listen.add_argument_group("where to listen")
    where.add_argument("--host", default="127.0.0.1", help="the address to listen on [default: %(default)s]")
    where.add_argument("--port", type=int, default=8081, help="the port, 0 for a free one [default: %(default)s]")
    where.add_argument("--public-url", metavar="URL", help="the URL that hubs call [default: http://HOST:PORT/]")
    where.add_argument("--state", default="memory:", metavar="STATE", help=f"{FORMS} [default: %(default)s]")
    _add_output(listen.add_argument_group("what to do with deliveries"))


def _add_output(output: "argparse._ArgumentGroup") -> None:
    output.add_argument("--json", action="store_true", help="print JSON lines, even on a terminal")
    output.add_argument("--save", metavar="DIR", help="write each delivery to a new file in this folder")
    output.add_argument(
        "--exec", metavar="COMMAND", help="run this command for each delivery, with the body on its standard input"
    )
    output.add_argument("--forward-to", metavar="URL", help="forward each delivery to this URL")


def _add_discovery(parser: "argparse._ActionsContainer") -> None:
    parser.add_argument("--json-feed", action="store_true", help="read the hubs of JSON Feeds too")
    parser.add_argument(
        "--header",
        metavar="'Name: value'",
        action="append",
        default=[],
        type=_header,
        help="a header for the page, for private feeds; can be repeated",
    )


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    usable = name.isascii() and name.replace("-", "").replace("_", "").isalnum() and value.isprintable()
    if not colon or not usable or not value.isascii():
        raise argparse.ArgumentTypeError("write a header as 'Name: value'")
    return name, value.strip()


if __name__ == "__main__":
    sys.exit(main())
