"""The command ``websubhub``, whose subcommands are imported when they are used."""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

TYPE_CHECKING = False  # type checkers know the name; importing typing costs more than the start of the program
if TYPE_CHECKING:
    from typing import Any

_MISTAKE = 2
#: The subcommands: name, help, and the function that adds its arguments and sets what runs it.
_COMMANDS = (
    ("serve", "run a hub", "serve:add_arguments"),
    ("demo", "run a hub, a publisher and a subscriber on loopback, and show each step", "demo:add_arguments"),
    ("publish", "publish an update, or announce that a topic has changed", "publish:add_arguments"),
    ("topics", "list the topics of a hub", "remote:add_topics"),
    ("subscriptions", "list the subscriptions of a hub", "remote:add_subscriptions"),
    ("deliveries", "show how much is waiting, and which deliveries fail", "remote:add_deliveries"),
    ("dead-letters", "list, replay or drop deliveries that the hub gave up on", "remote:add_dead_letters"),
    (
        "announcements",
        "list announced topics that are not fetched yet; replay or drop the dead ones",
        "remote:add_announcements",
    ),
    ("doctor", "check the store, the public URL, a callback or a topic", "examine:add_arguments"),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command, and return its exit status: 0 for success, 1 for a failure, 2 for wrong usage.

    Args:
        arguments: The arguments after the command's name.
    """
    options = build_parser().parse_args(arguments)
    try:
        status: int = options.run(options)
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        sentence: str | None = _load("mistakes:sentence_of")(error)
        if sentence is None:
            raise
        print(f"websubhub: {sentence}", file=sys.stderr)
        return _MISTAKE
    return status


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser = argparse.ArgumentParser(prog="websubhub", description="Run a WebSub hub, publish to one, and operate it.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=CommandParser)
    for name, summary, home in _COMMANDS:
        commands.add_parser(name, help=summary).set_home(home)
    return parser


class CommandParser(argparse.ArgumentParser):
    """The parser of one subcommand, whose arguments are added when they are first needed."""

    _home = ""

    def set_home(self, home: str) -> None:
        """Set the function that adds the arguments, as ``module:function``."""
        self._home = home

    def load(self) -> None:
        """Add the arguments."""
        home, self._home = self._home, ""
        if home:
            _load(home)(self)

    def parse_known_args(self, *args: "Any", **rest: "Any") -> "Any":
        """Parse the arguments of this subcommand."""
        self.load()
        return super().parse_known_args(*args, **rest)


def _load(home: str) -> "Any":
    module, _, function = home.partition(":")
    return getattr(import_module(f"websubhub.standalone.command.{module}"), function)
