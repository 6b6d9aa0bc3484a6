"""``websubhub verifications``: the requests that are not confirmed yet, and those that were given up."""

import argparse

from websubhub.standalone.command.remote.calling import call, pages
from websubhub.standalone.command.remote.error import RemoteError
from websubhub.standalone.command.remote.listing import add_filters, add_listing, given
from websubhub.standalone.command.remote.output import print_done, print_rows

_AT_ONCE = 1_000
_COLUMNS = ("id", "mode", "topic", "callback", "attempts", "due_at", "reason")
_GIVEN_UP_COLUMNS = ("given_up_at", "mode", "topic", "callback", "attempts", "status", "reason")
_DONE = {"retry": "retried", "drop": "dropped"}


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Add the arguments of ``verifications``."""
    command.add_argument("action", nargs="?", choices=tuple(_DONE), help="what to do; without it, list them")
    command.add_argument("ids", nargs="*", metavar="ID", help="the ids to retry or drop")
    command.add_argument("--all", action="store_true", help="all that are pending, instead of ids")
    command.add_argument("--given-up", action="store_true", help="list those that were given up since the hub started")
    add_filters(command, "host")
    add_listing(command)
    command.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    if options.action is not None:
        return _act(options)
    only = given(options, "host")
    if options.given_up:
        return print_rows(options, pages(options, "/admin/verifications/given-up", "given_up", only), _GIVEN_UP_COLUMNS)
    return print_rows(options, _pending(options, only), _COLUMNS)


def _pending(options: argparse.Namespace, only: dict[str, str]) -> list[dict[str, object]]:
    return pages(options, "/admin/verifications", "verifications", only)


def _act(options: argparse.Namespace) -> int:
    only, word = given(options, "host"), _DONE[options.action]
    if options.given_up:
        raise RemoteError("A verification that was given up is over: its subscriber can ask again.")
    if bool(options.ids) == bool(only or options.all):
        raise RemoteError(f"Name the ids of the verifications to {options.action}, or --host or --all.")
    ids = options.ids or [str(one["id"]) for one in _pending(options, only)]
    chunks = [ids[at : at + _AT_ONCE] for at in range(0, len(ids), _AT_ONCE)]
    answers = [call(options, "POST", f"/admin/verifications/{options.action}", {"ids": chunk}) for chunk in chunks]
    done = sum(answer[word] for answer in answers)
    # A verification that was found by a filter can be over by now.
    unknown = [each for answer in answers for each in answer["unknown"]] if options.ids else []
    return print_done(options, word, done, unknown)
