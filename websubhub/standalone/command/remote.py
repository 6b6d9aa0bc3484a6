"""Subcommands that inspect and operate a running hub."""

import argparse
import json
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from functools import partial
from http.client import HTTPException
from typing import Any

import attrs

from websubhub import UrlError, check_url, whole_number
from websubhub.standalone.command.flags import add_hub
from websubhub.standalone.command.remote_error import RemoteError

_SECONDS = 30.0
_PAGE = 1_000
_LARGEST_ID = 2**63 - 1
_ANSWER_LIMIT = 64 * 1024 * 1024


def add_topics(command: argparse.ArgumentParser) -> None:
    """Add the arguments of ``topics``."""
    add_listing(command)
    command.set_defaults(run=_list_topics)


def add_subscriptions(command: argparse.ArgumentParser) -> None:
    """Add the arguments of ``subscriptions``."""
    add_listing(command)
    command.add_argument("--topic", metavar="URL", help="only those of this topic")
    command.set_defaults(run=_list_subscriptions)


def add_deliveries(command: argparse.ArgumentParser) -> None:
    """Add the arguments of ``deliveries``."""
    add_listing(command)
    command.set_defaults(run=_show_deliveries)


def add_dead_letters(command: argparse.ArgumentParser) -> None:
    """Add the arguments of ``dead-letters``."""
    _add_kept(command, _LETTERS)


def add_announcements(command: argparse.ArgumentParser) -> None:
    """Add the arguments of ``announcements``."""
    _add_kept(command, _ANNOUNCEMENTS)


def _add_kept(command: argparse.ArgumentParser, kept: "_Kept") -> None:
    command.add_argument("action", nargs="?", choices=("replay", "drop"), help="what to do; by default list them")
    command.add_argument("ids", nargs="*", metavar="ID", help="which ones; by default all that the hub gave up on")
    add_listing(command)
    command.set_defaults(run=partial(_show_kept, kept))


def add_listing(command: argparse.ArgumentParser) -> None:
    """Add the arguments of a list of a running hub."""
    add_hub(command, "ADMIN_TOKEN", "the admin token")
    command.add_argument("--json", action="store_true", help="print JSON")


def call(options: argparse.Namespace, method: str, path: str, parameters: Mapping[str, Any] | None = None) -> Any:
    """Call the admin API of a hub.

    Raises:
        RemoteError: The hub cannot be reached, or refuses.
    """
    try:
        hub = check_url(options.hub, "--hub")
    except UrlError as error:
        raise RemoteError(str(error)) from None
    url = urllib.parse.urljoin(hub, f".{path}")
    body = None
    if method == "GET":
        url += f"?{urllib.parse.urlencode(parameters or {})}"
    else:
        body = json.dumps(parameters or {}).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, data=body, headers=headers, method=method)  # noqa: S310 - check_url lets http(s) through only
    if options.token:
        request.add_header("Authorization", f"Bearer {options.token}")
    try:
        with _opener().open(request, timeout=_SECONDS) as answer:
            return json.loads(answer.read(_ANSWER_LIMIT))
    except urllib.error.HTTPError as error:
        raise RemoteError(f"The hub refused: {_reason(error)}.") from None
    except (OSError, ValueError, HTTPException) as error:
        raise RemoteError(f"The hub at {options.hub} cannot be reached: {getattr(error, 'reason', error)}.") from None


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follows no redirects, so that the token goes to its hub only."""

    def redirect_request(self, *_: object) -> None:
        """Return None, so that a redirect is an error."""


def _opener() -> urllib.request.OpenerDirector:
    # Proxies of the environment would see the token too, and usually cannot reach a hub on loopback.
    return urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect)


def _reason(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.loads(error.read(_PAGE))["error"]).rstrip(".")
    except (ValueError, KeyError, TypeError):
        return f"it answered {error.code}"


def say(line: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{line}\n")


def table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Print rows as a table."""
    cells = [list(columns), *([_cell(row.get(column)) for column in columns] for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(columns))]
    for row in cells:
        say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else ascii(str(value))[1:-1]


def _list_topics(options: argparse.Namespace) -> int:
    rows: list[dict[str, Any]] = []
    parameters: dict[str, Any] = {"limit": _PAGE}
    while page := call(options, "GET", "/admin/topics", parameters)["topics"]:
        rows += page
        parameters["after"] = page[-1]["url"]
    return print_rows(options, rows, ("url", "registered", "delivery_mode", "feed_diff"))


def print_rows(options: argparse.Namespace, rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> int:
    """Print rows as a table or as JSON, as the options say, and return the exit status."""
    if options.json:
        say(json.dumps(list(rows)))
    else:
        table(rows, columns)
    return 0


def _list_subscriptions(options: argparse.Namespace) -> int:
    rows: list[dict[str, Any]] = []
    parameters: dict[str, Any] = {"limit": _PAGE} | ({"topic": options.topic} if options.topic else {})
    while page := call(options, "GET", "/admin/subscriptions", parameters)["subscriptions"]:
        rows += page
        parameters |= {"after_topic": page[-1]["topic"], "after": page[-1]["callback"]}
    return print_rows(options, rows, ("topic", "callback", "signed", "lease_seconds", "expires_at"))


def _show_deliveries(options: argparse.Namespace) -> int:
    answer = call(options, "GET", "/admin/deliveries", {"limit": _PAGE})
    if options.json:
        say(json.dumps(answer))
        return 0
    counts = dict(answer["statistics"])
    for name, value in counts.pop("announcements").items():
        counts[name if name.startswith("oldest") else f"{name}_announcements"] = value
    for name, value in counts.items():
        say(f"{name.replace('_', ' '):<24}{_cell(value)}")
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
        dead: The parameters that select only those that were given up.
    """

    route: str
    columns: tuple[str, ...]
    dead: Mapping[str, str] = attrs.field(factory=dict)


_LETTERS = _Kept("dead-letters", ("id", "topic", "callback", "attempts", "reason", "died_at"))
_ANNOUNCEMENTS = _Kept(
    "announcements", ("id", "topic", "state", "attempts", "status", "due_at", "reason"), {"state": "dead"}
)


def _show_kept(kept: _Kept, options: argparse.Namespace) -> int:
    if options.action is None:
        return print_rows(options, _all_of(kept, options, {}), kept.columns)
    numbers = [whole_number(text, _LARGEST_ID) for text in options.ids]
    ids = [number for number in numbers if number is not None]
    if len(ids) != len(options.ids):
        raise RemoteError(f"The ids of {kept.route.replace('-', ' ')} are numbers.")
    ids = ids or [one["id"] for one in _all_of(kept, options, kept.dead)]
    done, word = 0, {"replay": "replayed", "drop": "dropped"}[options.action]
    for start in range(0, len(ids), _PAGE):
        answer = call(options, "POST", f"/admin/{kept.route}/{options.action}", {"ids": ids[start : start + _PAGE]})
        done += answer[word]
    say(json.dumps({word: done}) if options.json else f"{done} {word}.")
    return 0


def _all_of(kept: _Kept, options: argparse.Namespace, only: Mapping[str, str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    parameters: dict[str, Any] = {**only, "limit": _PAGE, "after": 0}
    while page := call(options, "GET", f"/admin/{kept.route}", parameters)[kept.route.replace("-", "_")]:
        found += page
        parameters["after"] = page[-1]["id"]
    return found
