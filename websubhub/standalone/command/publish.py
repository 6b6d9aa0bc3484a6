"""``websubhub publish``: publish content, or announce that it has changed."""

import argparse
import mimetypes
import sys
from pathlib import Path

import websubhub
from websubhub.standalone.command.flags import add_hub
from websubhub.standalone.command.remote.error import RemoteError


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Add the arguments of ``publish``."""
    command.add_argument("topic", metavar="TOPIC", help="the URL of the topic")
    command.add_argument(
        "file", metavar="FILE", nargs="?", help="the content; - reads standard input; without it, announce the topic"
    )
    command.add_argument(
        "--content-type", metavar="TYPE", help="the Content-Type; by default guessed from the file name"
    )
    add_hub(command, "PUBLISHER_TOKEN", "the publisher token")
    command.set_defaults(run=_publish)


def _publish(options: argparse.Namespace) -> int:
    import anyio  # noqa: PLC0415 - so that help and mistakes appear at once

    if options.file is not None:
        options.content = sys.stdin.buffer.read() if options.file == "-" else _content(options.file)
    try:
        answer = anyio.run(_send, options)
    except websubhub.UrlError as error:
        raise RemoteError(str(error)) from None
    except websubhub.UpdateMessageError as error:
        sys.stderr.write(f"websubhub: The hub did not accept it: {error}\n")
        return 1
    sys.stdout.write(f"The hub accepted it ({answer.status}).\n")
    if answer.message_id is not None:
        sys.stdout.write(f"The message {ascii(answer.message_id)[1:-1]} {_goes_to(answer.recipients)}.\n")
    return 0


def _goes_to(recipients: int | None) -> str:
    if recipients is None:
        return "is being delivered"
    if not recipients:
        return "has no recipients, since the topic has no subscriptions"
    return f"goes to {recipients} subscription{'' if recipients == 1 else 's'}"


def _content(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise RemoteError(f"The file {path} cannot be read: {error.strerror}.") from None


async def _send(options: argparse.Namespace) -> "websubhub.Acknowledgement":
    # The hub reads several tokens from the same variable, and any one of them works.
    token = next(iter((options.token or "").split()), None)
    async with websubhub.PublisherClient(options.hub, token=token) as publisher:
        if options.file is None:
            return await publisher.notify_update(options.topic)
        guessed = mimetypes.guess_type(options.file)[0] or "application/octet-stream"
        return await publisher.publish_update(options.topic, options.content, options.content_type or guessed)
