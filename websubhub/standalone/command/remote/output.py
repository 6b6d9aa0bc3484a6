"""The output of commands: tables, or JSON with ``--json``."""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from websubhub.standalone.events.printing import printable

_CELL_LIMIT = 64 * 1024 * 1024


def say(line: str) -> None:
    """Print a line. Characters that the terminal cannot show are escaped."""
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(f"{line}\n".encode(encoding, "backslashreplace").decode(encoding))


def table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Print rows as a table."""
    cells = [list(columns), *([cell(row.get(column), column) for column in columns] for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(columns))]
    for row in cells:
        say("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())


def cell(value: object, name: str) -> str:
    """Return a value as text for people. Times are those whose names end in ``_at``."""
    if value is None:
        return "-"
    if name.endswith("_at") and isinstance(value, str):
        value = f"{value.partition('.')[0].replace('T', ' ')} UTC"
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else printable(str(value), _CELL_LIMIT)


def print_rows(options: argparse.Namespace, rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> int:
    """Print rows as a table, or as JSON with ``--json``, and return the exit status."""
    if options.json:
        say(json.dumps(list(rows)))
    else:
        table(rows, columns)
    return 0


def print_done(options: argparse.Namespace, word: str, done: int, unknown: Sequence[object]) -> int:
    """Print how many were changed, and which ids are unknown, and return the exit status.

    Args:
        options: The options.
        word: What was done to them, such as ``dropped``.
        done: How many there were.
        unknown: The ids that nothing has.
    """
    say(json.dumps({word: done, "unknown": list(unknown)}) if options.json else f"{done} {word}.")
    if unknown:
        sys.stderr.write(f"websubhub: Nothing has these ids: {', '.join(map(str, unknown))}.\n")
    return 1 if unknown else 0
