"""The command ``websubhub``. Each subcommand is imported only when it is used."""

import argparse
import sys
from collections.abc import Iterable, Sequence
from importlib import import_module

from websubhub import __version__

TYPE_CHECKING = False  # type checkers recognise the name, and importing typing takes longer than starting the program
if TYPE_CHECKING:
    from typing import Any, NoReturn

_MISTAKE = 2
#: The subcommands: name, help, and the function that adds its arguments and sets the function to run.
_COMMANDS = (
    ("serve", "run a hub", "serve:add_arguments"),
    ("demo", "run a hub, a publisher and a subscriber on loopback, and show each step", "demo:add_arguments"),
    ("publish", "publish an update, or announce that a topic has changed", "publish:add_arguments"),
    ("topics", "list the topics of a hub", "remote.listing:add_topics"),
    ("subscriptions", "list the subscriptions of a hub", "remote.listing:add_subscriptions"),
    ("messages", "show what happened to messages, or redeliver one", "remote.messages:add_arguments"),
    ("deliveries", "show how many deliveries are waiting, and which are failing", "remote.listing:add_deliveries"),
    ("dead-letters", "list, replay or drop deliveries that the hub gave up on", "remote.listing:add_dead_letters"),
    (
        "verifications",
        "list the requests that are not confirmed yet, or were given up; retry or drop them",
        "remote.verifications:add_arguments",
    ),
    (
        "announcements",
        "list announced topics that have not been fetched yet, or replay or drop dead ones",
        "remote.listing:add_announcements",
    ),
    (
        "export",
        "write topics, subscriptions and their secrets to a file, to move to another store",
        "transfer:add_export",
    ),
    ("import", "read the file of an export into the store", "transfer:add_import"),
    ("doctor", "check the store, the public URL, a callback or a topic", "examine:add_arguments"),
    ("completion", "print the completion script for a shell", "completion:add_arguments"),
)
_EXAMPLES = """examples:
  websubhub demo
  websubhub serve --store sqlite:////var/lib/websubhub/hub.db
  websubhub publish https://example.com/feed news.json
  websubhub COMMAND --help"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status: 0 for success, 1 for failure, 2 for incorrect usage.

    Args:
        arguments: The arguments after the command's name.
    """
    options = build_parser().parse_args(arguments)
    try:
        if hasattr(options, "hub"):
            _load("flags:check_environment")()
        status: int = options.run(options)
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        sentence: str | None = _load("mistakes:sentence_of")(error)
        if sentence is None:
            raise
        for line in sentence.splitlines():
            print(f"websubhub: {line}", file=sys.stderr)
        return int(getattr(error, "exit_status", _MISTAKE))
    return status


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser = _Parser(
        prog="websubhub",
        description="Run a WebSub hub, publish to one, and operate it.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"websubhub {__version__}", help="show the version")
    commands = parser.add_subparsers(required=True, title="commands", metavar="COMMAND", parser_class=CommandParser)
    for name, summary, home in _COMMANDS:
        commands.add_parser(
            name,
            help=summary,
            description=f"{summary[0].upper()}{summary[1:]}.",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        ).set_home(home)
    return parser


class _Parser(argparse.ArgumentParser):
    """A parser that reports an error in one sentence and points to the help."""

    def error(self, message: str) -> "NoReturn":
        """Print the error and exit."""
        argument, is_unknown, rest = message.removeprefix("argument ").partition(": invalid choice: '")
        if is_unknown:
            word, _, choices = rest.partition("' (choose from ")
            self._refuse(word, argument, choices.removesuffix(")").replace("'", "").split(", "))
        flag, needs_value, _ = message.removeprefix("argument ").partition(": expected one argument")
        if needs_value:
            self._leave(f"{flag} needs a value")
        self._leave(f"{message[:1].upper()}{message[1:].removesuffix('.')}")

    def _refuse(self, word: str, argument: str, choices: "list[str]") -> "NoReturn":
        hint = _hint(word, choices)
        if argument == "COMMAND":
            self._leave(f"{word} is not a command{hint}")
        self._leave(f"{word} is not one of {', '.join(choices)}{hint}")

    def _leave(self, message: str) -> "NoReturn":
        sentence = message if message.endswith("?") else f"{message}."
        self.exit(_MISTAKE, f"websubhub: {sentence} See {self.prog} --help.\n")


class CommandParser(_Parser):
    """The parser of one subcommand. Its arguments are added when they are first needed."""

    _home = ""

    def set_home(self, home: str) -> None:
        """Set the function that adds the arguments, as ``module:function``."""
        self._home = home

    def load(self) -> None:
        """Add the arguments."""
        home, self._home = self._home, ""
        if home:
            self.epilog: str | None = _load("examples:examples_of")(self.prog.rpartition(" ")[2])
            _load(home)(self)

    def parse_known_args(self, *args: "Any", **rest: "Any") -> "Any":
        """Parse the arguments of this subcommand."""
        self.load()
        options, unknown = super().parse_known_args(*args, **rest)
        if unknown:
            word = unknown[0].partition("=")[0]
            self._leave(f"{word} is not an argument of {self.prog}{_hint(word, self._option_string_actions)}")
        return options, unknown


def _hint(word: str, known: Iterable[str]) -> str:
    import difflib  # noqa: PLC0415 - only needed for mistakes

    close = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _load(home: str) -> "Any":
    module, _, function = home.partition(":")
    return getattr(import_module(f"websubhub.standalone.command.{module}"), function)
