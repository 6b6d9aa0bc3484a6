"""``websubhub messages``: show what happened to messages, or redeliver one."""

import argparse
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from websubhub.standalone.command.remote.calling import PAGE, call
from websubhub.standalone.command.remote.error import RemoteError
from websubhub.standalone.command.remote.listing import add_listing
from websubhub.standalone.command.remote.output import print_rows, say, table

_SHOWN = 100
_COLUMNS = ("id", "topic", "published_at", "size", "recipients", "delivered", "waiting", "dead")
_ATTEMPT_COLUMNS = ("attempted_at", "callback", "attempt", "outcome", "status", "milliseconds", "reason")


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Add the arguments of ``messages``."""
    command.add_argument("id", metavar="ID", nargs="?", help="show this message and the failed attempts at it")
    command.add_argument("--topic", metavar="URL", help="only messages of this topic")
    command.add_argument("--limit", metavar="N", type=int, default=_SHOWN, help=f"how many to list [default: {_SHOWN}]")
    command.add_argument("--redeliver", action="store_true", help="deliver the message again to all subscriptions")
    command.add_argument("--callback", metavar="URL", help="redeliver to this callback only")
    add_listing(command)
    command.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    if options.redeliver:
        return _redeliver(options)
    if options.callback:
        raise RemoteError("--callback needs --redeliver.")
    return _list(options) if options.id is None else _show(options)


def _list(options: argparse.Namespace) -> int:
    rows: list[dict[str, Any]] = []
    after: Mapping[str, str] = {}
    while len(rows) < options.limit:
        parameters = {**_topic(options), **after, "limit": min(options.limit - len(rows), PAGE)}
        answer = call(options, "GET", "/admin/messages", parameters)
        rows += answer["messages"]
        if answer["next"] is None:
            break
        after = {"after": answer["next"]}
    return print_rows(options, rows, _COLUMNS)


def _show(options: argparse.Namespace) -> int:
    answer = call(options, "GET", f"/admin/messages/{quote(options.id, safe='')}", _topic(options))
    if options.json:
        say(json.dumps(answer))
        return 0
    table(answer["messages"], _COLUMNS)
    if answer["attempts"]:
        say("")
        table(answer["attempts"], _ATTEMPT_COLUMNS)
    return 0


def _redeliver(options: argparse.Namespace) -> int:
    if options.id is None:
        raise RemoteError("--redeliver needs a message ID.")
    callback = {"callback": options.callback} if options.callback else {}
    answer = call(options, "POST", "/admin/messages/redeliver", {"id": options.id, **_topic(options), **callback})
    say(json.dumps(answer) if options.json else f"Redelivering to {_subscriptions(answer['redelivered'])}.")
    return 0


def _topic(options: argparse.Namespace) -> dict[str, str]:
    return {"topic": options.topic} if options.topic else {}


def _subscriptions(count: int) -> str:
    return f"{count} subscription{'' if count == 1 else 's'}"
