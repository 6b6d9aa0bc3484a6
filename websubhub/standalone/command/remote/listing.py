"""Commands that list what a running hub has, and replay or drop what it gave up on."""

import argparse
import json
from collections.abc import Mapping
from functools import partial

import attrs

from websubhub import whole_number
from websubhub.standalone.command.flags import add_hub
from websubhub.standalone.command.remote.calling import PAGE, call, pages
from websubhub.standalone.command.remote.error import RemoteError
from websubhub.standalone.command.remote.output import cell, print_done, print_rows, say, table

_LARGEST_ID = 2**63 - 1


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


def given(options: argparse.Namespace, *names: str) -> dict[str, str]:
    """Return the filters that were given."""
    return {name: value for name in names if (value := getattr(options, name, None))}


def _list_topics(options: argparse.Namespace) -> int:
    rows = pages(options, "/admin/topics", "topics", given(options, "search"))
    return print_rows(options, rows, ("url", "registered", "delivery_mode", "feed_diff"))


def _list_subscriptions(options: argparse.Namespace) -> int:
    only = given(options, "topic", "host", "callback")
    rows = pages(options, "/admin/subscriptions", "subscriptions", only)
    return print_rows(options, rows, ("topic", "callback", "signed", "lease_seconds", "expires_at"))


def _show_deliveries(options: argparse.Namespace) -> int:
    only = given(options, "topic", "host", "callback", "reason")
    answer = call(options, "GET", "/admin/deliveries", {**only, "limit": PAGE})
    if answer.pop("next") is not None:
        answer["failing"] = pages(options, "/admin/deliveries", "failing", only)
    if options.json:
        say(json.dumps(answer))
        return 0
    counts = {name: value for name, value in answer["statistics"].items() if name != "partial" or value}
    for name, value in counts.pop("announcements").items():
        counts[name if name.startswith("oldest") else f"{name}_announcements"] = value
    for name, value in counts.items():
        say(f"{name.replace('_', ' '):<24}{cell(value, name)}")
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
    answers = [call(options, "POST", path, {"ids": ids[at : at + PAGE]}) for at in range(0, len(ids), PAGE)]
    return sum(answer[word] for answer in answers), [each for answer in answers for each in answer["unknown"]]
