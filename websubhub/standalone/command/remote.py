"""Subcommands that inspect and operate a running hub."""

import argparse
import json
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from functools import cache, partial
from http.client import HTTPException
from typing import Any

import attrs

from websubhub import UrlError, check_url, whole_number
from websubhub.standalone.command.flags import add_hub
from websubhub.standalone.command.remote_error import RemoteError
from websubhub.standalone.events.printing import printable

_SECONDS = 30.0
_PAGE = 1_000
_LARGEST_ID = 2**63 - 1
_ANSWER_LIMIT = 64 * 1024 * 1024


def add_topics(command: argparse.ArgumentParser) -> None:
    """Add the arguments of ``topics``."""
    command.add_argument("--search", metavar="TEXT", help="only topics with this text in their URL")
    add_listing(command)
    command.set_defaults(run=_list_topics)


def add_subscriptions(command: argparse.ArgumentParser) -> None:
    """Add the arguments of ``subscriptions``."""
    add_listing(command)
    add_filters(command, "topic", "host", "callback")
    command.set_defaults(run=_list_subscriptions)


def add_deliveries(command: argparse.ArgumentParser) -> None:
    """Add the arguments of ``deliveries``."""
    add_listing(command)
    add_filters(command, "topic", "host", "callback", "reason")
    command.set_defaults(run=_show_deliveries)


def add_dead_letters(command: argparse.ArgumentParser) -> None:
    """Add the arguments of ``dead-letters``."""
    _add_kept(command, _LETTERS)
    add_filters(command, *_LETTERS.filters)


def add_announcements(command: argparse.ArgumentParser) -> None:
    """Add the arguments of ``announcements``."""
    _add_kept(command, _ANNOUNCEMENTS)


def _add_kept(command: argparse.ArgumentParser, kept: "_Kept") -> None:
    command.add_argument("action", nargs="?", choices=("replay", "drop"), help="what to do; without it, list them")
    text = "the ids to replay or drop; replay without ids means all that the hub gave up on"
    command.add_argument("ids", nargs="*", metavar="ID", help=text)
    command.add_argument("--all", action="store_true", help="all that the hub gave up on, instead of ids")
    add_listing(command)
    command.set_defaults(run=partial(_show_kept, kept))


def add_filters(command: argparse.ArgumentParser, *names: str) -> None:
    """Add the flags for these filters."""
    for name in names:
        form, text = _FILTERS[name]
        command.add_argument(f"--{name}", metavar=form, help=text)


def add_listing(command: argparse.ArgumentParser) -> None:
    """Add the arguments of a command that lists something from a running hub."""
    add_hub(command, "ADMIN_TOKEN", "the admin token")
    command.add_argument("--json", action="store_true", help="print JSON")


def call(options: argparse.Namespace, method: str, path: str, parameters: Mapping[str, Any] | None = None) -> Any:
    """Call the admin API of a hub.

    Raises:
        RemoteError: The hub cannot be reached, or refuses the call.
    """
    try:
        hub = check_url(options.hub, "--hub")
    except UrlError as error:
        raise RemoteError(str(error)) from None
    url = urllib.parse.urljoin(hub, f".{path}")
    body = None if method == "GET" else json.dumps(parameters or {}).encode()
    if body is None:
        url += f"?{urllib.parse.urlencode(parameters or {})}"
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, data=body, headers=headers, method=method)  # noqa: S310 - check_url accepts only http and https
    if options.token:
        request.add_header("Authorization", f"Bearer {options.token}")
    try:
        with _opener().open(request, timeout=_SECONDS) as answer:
            found = json.loads(answer.read(_ANSWER_LIMIT))
    except urllib.error.HTTPError as error:
        raise RemoteError(f"The hub refused: {_reason(error)}.") from None
    except (OSError, ValueError, HTTPException) as error:
        cause = getattr(error, "reason", error)
        text = getattr(cause, "strerror", None) or cause
        raise RemoteError(f"The hub at {options.hub} cannot be reached: {text}.") from None
    if isinstance(found, dict) and found.get("partial"):
        _tell_that_it_is_partial()
    return found


@cache  # once, however many pages there are
def _tell_that_it_is_partial() -> None:
    sys.stderr.write("websubhub: A process of the hub does not answer, so something may be missing here.\n")


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Refuses redirects, so that the token goes only to its hub."""

    def redirect_request(self, *_: object) -> None:
        """Return None, which makes a redirect an error."""


def _opener() -> urllib.request.OpenerDirector:
    # A proxy from the environment would see the token, and usually cannot reach a hub on loopback.
    return urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect)


def _reason(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.loads(error.read(_PAGE))["error"]).rstrip(".")
    except (ValueError, KeyError, TypeError):
        return f"it answered {error.code}"


def say(line: str) -> None:
    """Print a line. Characters that the terminal cannot show are escaped."""
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(f"{line}\n".encode(encoding, "backslashreplace").decode(encoding))


def pages(
    options: argparse.Namespace, path: str, name: str, parameters: Mapping[str, Any] | None = None
) -> list[dict[str, Any]]:
    """Return all entries of a list."""
    found: list[dict[str, Any]] = []
    asked: dict[str, Any] = {**(parameters or {}), "limit": _PAGE}
    while True:
        answer = call(options, "GET", path, asked)
        found += answer[name]
        if answer.get("next") is None:
            return found
        asked["after"] = answer["next"]


def given(options: argparse.Namespace, *names: str) -> dict[str, str]:
    """Return the filters that were given."""
    return {name: value for name in names if (value := getattr(options, name, None))}


def table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Print rows as a table."""
    cells = [list(columns), *([_cell(row.get(column), column) for column in columns] for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(columns))]
    for row in cells:
        say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _cell(value: object, name: str) -> str:
    if value is None:
        return "-"
    if name.endswith("_at") and isinstance(value, str):
        value = f"{value.partition('.')[0].replace('T', ' ')} UTC"
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else printable(str(value), _ANSWER_LIMIT)


def _list_topics(options: argparse.Namespace) -> int:
    rows = pages(options, "/admin/topics", "topics", given(options, "search"))
    return print_rows(options, rows, ("url", "registered", "delivery_mode", "feed_diff"))


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


def _list_subscriptions(options: argparse.Namespace) -> int:
    only = given(options, "topic", "host", "callback")
    rows = pages(options, "/admin/subscriptions", "subscriptions", only)
    return print_rows(options, rows, ("topic", "callback", "signed", "lease_seconds", "expires_at"))


def _show_deliveries(options: argparse.Namespace) -> int:
    only = given(options, "topic", "host", "callback", "reason")
    answer = call(options, "GET", "/admin/deliveries", {**only, "limit": _PAGE})
    if answer.pop("next") is not None:
        answer["failing"] = pages(options, "/admin/deliveries", "failing", only)
    if options.json:
        say(json.dumps(answer))
        return 0
    counts = {name: value for name, value in answer["statistics"].items() if name != "partial" or value}
    for name, value in counts.pop("announcements").items():
        counts[name if name.startswith("oldest") else f"{name}_announcements"] = value
    for name, value in counts.items():
        say(f"{name.replace('_', ' '):<24}{_cell(value, name)}")
    for rows, columns in (
        (answer["failing"], ("topic", "callback", "attempts", "refusals", "due_at", "reason")),
        (answer["announcements"], _ANNOUNCEMENTS.columns),
    ):
        if rows:
            say("")
            table(rows, columns)
    return 0


@attrs.frozen
class _Kept:
    """A list of failures that a hub keeps until they are replayed or dropped.

    Attributes:
        route: Its path below ``/admin``.
        columns: The columns to print.
        dead: The parameters that select only what the hub gave up on.
        filters: The parameters that narrow the list, and what is replayed or dropped.
    """

    route: str
    columns: tuple[str, ...]
    dead: Mapping[str, str] = attrs.field(factory=dict)
    filters: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Its name in a response."""
        return self.route.replace("-", "_")


_FILTERS = {
    "topic": ("URL", "only for this topic"),
    "host": ("HOST", "only for callbacks on this host; include the port unless it is 80 or 443"),
    "callback": ("URL", "only for this callback"),
    "reason": ("TEXT", "only with exactly this reason"),
}
_LETTERS = _Kept(
    "dead-letters",
    ("id", "topic", "callback", "attempts", "reason", "died_at"),
    filters=("topic", "host", "callback", "reason"),
)
_ANNOUNCEMENTS = _Kept(
    "announcements", ("id", "topic", "state", "attempts", "status", "due_at", "reason"), {"state": "dead"}
)


def _show_kept(kept: _Kept, options: argparse.Namespace) -> int:
    only = given(options, *kept.filters)
    if options.action is None:
        return print_rows(options, pages(options, f"/admin/{kept.route}", kept.name, only), kept.columns)
    word = {"replay": "replayed", "drop": "dropped"}[options.action]
    done, unknown = _act(kept, options, only, word)
    return print_done(options, word, done, unknown)


def _act(kept: _Kept, options: argparse.Namespace, only: Mapping[str, str], word: str) -> tuple[int, list[int]]:
    """Replay or drop entries, and return how many there were and which ids are unknown."""
    numbers = [whole_number(text, _LARGEST_ID) for text in options.ids]
    ids = [number for number in numbers if number is not None]
    if len(ids) != len(options.ids):
        raise RemoteError(f"The ids of {kept.route.replace('-', ' ')} are numbers.")
    if ids and (only or options.all):
        raise RemoteError("Give either ids, or a filter or --all.")
    if not ids and not only and not options.all and options.action == "drop":
        raise RemoteError(f"Give the ids of the {kept.route.replace('-', ' ')} to drop, or --all.")
    path = f"/admin/{kept.route}/{options.action}"
    if not ids and kept.filters:
        answer = call(options, "POST", path, only or {"all": True})
        return answer[word], answer["unknown"]
    ids = ids or [one["id"] for one in pages(options, f"/admin/{kept.route}", kept.name, kept.dead)]
    answers = [call(options, "POST", path, {"ids": ids[at : at + _PAGE]}) for at in range(0, len(ids), _PAGE)]
    return sum(answer[word] for answer in answers), [each for answer in answers for each in answer["unknown"]]
