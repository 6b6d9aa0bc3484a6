"""Sinks for deliveries: a file for each, a command for each, or another server."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import IO

import anyio
import anyio.to_thread
from anyio.abc import Process

from _websub.calls.client import ExchangeError, ExchangeLimits, HttpClient
from _websub.grammar.addresses import AddressPolicy
from _websub.http import Request
from websubsub._errors import AnsweredError
from websubsub._messages import ContentDistributionMessage

Sink = Callable[[ContentDistributionMessage], Awaitable[None]]

_OWN = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
_TRIES = 1_000
_NAME_LIMIT = 80
_SUFFIXES = {
    "application/atom+xml": ".atom",
    "application/json": ".json",
    "application/rss+xml": ".rss",
    "application/xml": ".xml",
    "text/html": ".html",
    "text/plain": ".txt",
    "text/xml": ".xml",
}
_NOT_A_NAME = re.compile(r"[^A-Za-z0-9]+")
#: Headers of one connection (RFC 9110, 7.6.1), and headers that the next request sets itself.
_HOP_BY_HOP = frozenset(
    "connection host content-length keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer "
    "transfer-encoding upgrade expect".split()
)
_EVERYWHERE = AddressPolicy(networks=("0.0.0.0/0", "::/0"))
_SECONDS = 60.0
_FORWARD_SECONDS = 30.0


class Save:
    """Writes each delivery to a new file in a folder, named by time and topic.

    Args:
        folder: The folder. It is created if it does not exist.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    async def __call__(self, message: ContentDistributionMessage) -> None:
        """Write a delivery to a file."""
        await anyio.to_thread.run_sync(self._write, message)

    def _write(self, message: ContentDistributionMessage) -> None:
        at = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        topic = _NOT_A_NAME.sub("-", message.topic.partition("://")[2])[:_NAME_LIMIT].strip("-") or "topic"
        kind = message.content_type.partition(";")[0].strip().lower()
        for number in range(1, _TRIES):
            name = f"{at}-{topic}" + (f"-{number}" if number > 1 else "") + _SUFFIXES.get(kind, ".bin")
            try:
                descriptor = os.open(self._folder / name, _OWN, 0o600)
            except FileExistsError:
                continue
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(message.body)
            except BaseException:
                (self._folder / name).unlink(missing_ok=True)
                raise
            return
        raise FileExistsError(f"There are already {_TRIES} files of this second in {self._folder}.")


class Execute:
    """Runs a command for each delivery, with its body as input and its headers in the environment.

    Args:
        command: The command and its arguments, split as by a shell, but run without one.
        seconds: How long it may take.

    Raises:
        ValueError: The command is empty, lacks a quote, or does not exist.
    """

    def __init__(self, command: str, *, seconds: float = _SECONDS) -> None:
        try:
            self._command = shlex.split(command)
        except ValueError as error:
            raise ValueError(f"--exec cannot be read: {error}.") from None
        if not self._command:
            raise ValueError("--exec needs a command.")
        if shutil.which(self._command[0]) is None:
            raise ValueError(f"--exec: there is no command {self._command[0]}.")
        self._seconds = seconds

    async def __call__(self, message: ContentDistributionMessage) -> None:
        """Run the command for a delivery. A failure is answered with 500, so that the hub delivers again."""
        with tempfile.TemporaryFile() as body:
            await anyio.to_thread.run_sync(_fill, body, message.body)
            process = await anyio.open_process(
                self._command,
                stdin=body,
                stdout=2,  # stdout is only for events
                stderr=None,
                env={**os.environ, **environment(message)},
                start_new_session=True,
            )
        status = await self._wait(process)
        if status != 0:
            raise AnsweredError("The command failed.", status=500)

    async def _wait(self, process: Process) -> int | None:
        try:
            with anyio.move_on_after(self._seconds):
                return await process.wait()
            return None
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                with anyio.CancelScope(shield=True):
                    await process.wait()


def environment(message: ContentDistributionMessage) -> dict[str, str]:
    """Return the environment of a command: topic, hub, and the headers as in CGI (RFC 3875, 4.1.18)."""
    found = {"WEBSUB_TOPIC": message.topic, "WEBSUB_HUB": message.hub, "CONTENT_TYPE": message.content_type}
    for name in {name.lower() for name, _ in message.headers.pairs} - {"proxy"}:  # HTTP_PROXY has another meaning
        variable = f"HTTP_{_NOT_A_NAME.sub('_', name).upper()}"
        found[variable] = ", ".join(message.headers.get_all(name)).replace("\0", "")
    return found


def _fill(file: IO[bytes], body: bytes) -> None:
    file.write(body)
    file.seek(0)


class Forward:
    """Forwards each delivery with its headers and body, and answers the hub with the status of the response.

    Args:
        url: The URL to forward to.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._client = HttpClient(addresses=_EVERYWHERE, limits=ExchangeLimits(seconds=_FORWARD_SECONDS))

    async def __call__(self, message: ContentDistributionMessage) -> None:
        """Forward a delivery."""
        named = {each.strip().lower() for value in message.headers.get_all("connection") for each in value.split(",")}
        pairs = [(name, value) for name, value in message.headers.pairs if name.lower() not in _HOP_BY_HOP | named]
        request = Request(method="POST", url=self._url, headers=tuple(pairs), body=message.body)
        try:
            response = await self._client.send(request, cut=True)
        except ExchangeError as error:
            raise AnsweredError(f"The delivery could not be forwarded: {error}.", status=502) from error
        if not response.ok:
            # A redirect is not a valid answer to a delivery (W3C 7).
            status = response.status if response.status >= 400 else 502  # noqa: PLR2004 - 4xx
            raise AnsweredError("The delivery was forwarded but not accepted.", status=status)


def describe(error: Exception) -> str:
    """Return what went wrong with a delivery, in one sentence."""
    if isinstance(error, AnsweredError):
        return error.reason
    if isinstance(error, OSError):
        place = f"{error.filename}: " if error.filename else ""
        return f"{place}{error.strerror or error}."
    if isinstance(error, subprocess.SubprocessError):
        return f"{error}."
    return "internal error"
