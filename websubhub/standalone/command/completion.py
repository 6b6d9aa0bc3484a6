"""``websubhub completion``: print the completion script for a shell."""

import argparse
import sys
from collections.abc import Iterator

_SHELLS = ("bash", "zsh", "fish", "tcsh")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``completion``."""
    parser.add_argument("shell", choices=_SHELLS, metavar="SHELL", help=", ".join(_SHELLS))
    parser.set_defaults(run=_print)


def _print(options: argparse.Namespace) -> int:
    # Imported late, so that help and mistakes appear at once.
    import shtab  # noqa: PLC0415 - see above

    from websubhub.standalone.command.cli import build_parser  # noqa: PLC0415 - it loads this module

    parser = build_parser()
    for action in _actions(parser):
        written = str(action.metavar or "")
        if written.startswith("{"):
            action.choices = written.strip("{}").split(",")
        elif written in {"FILE", "PATH"}:
            action.complete = shtab.FILE  # type: ignore[attr-defined]
    sys.stdout.write(shtab.complete(parser, options.shell))
    return 0


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Yield every argument of a command and its subcommands."""
    for action in parser._actions:  # noqa: SLF001 - argparse has no public way to list its arguments
        yield action
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - as above
            for each in action.choices.values():
                each.load()
                yield from _actions(each)
