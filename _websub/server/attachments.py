"""The applications attached to the paths of a listener, each with the context in which it is held open."""

import re
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import anyio
import attrs
from anyio.abc import TaskGroup

from _websub.asgi.edge import AsgiApp
from _websub.asgi.paths import prefix_of

# What a path of a URL has as it is, without a query or escapes.
_PLAIN = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@/-]+", re.ASCII)

MakeApp = Callable[[str], AbstractAsyncContextManager[AsgiApp]]
"""Returns a context manager for a base URL, which yields the application."""


@attrs.define
class Attachment:
    """An application at a path.

    Attributes:
        make: Makes the application.
        app: The application, from the time it has been entered until it is detached.
        error: The error that it raised when it was entered.
        entering: Whether it has been made, and is being entered or was.
        settled: Set once it has been entered or has failed.
    """

    make: MakeApp
    app: AsgiApp | None = None
    error: Exception | None = None
    entering: bool = False
    settled: anyio.Event = attrs.field(factory=anyio.Event)
    _scope: anyio.CancelScope = attrs.field(factory=anyio.CancelScope)
    _detached: anyio.Event = attrs.field(factory=anyio.Event)
    _ended: anyio.Event = attrs.field(factory=anyio.Event)

    @property
    def leaving(self) -> bool:
        """Whether it is being detached."""
        return self._detached.is_set()

    async def hold(self, context: AbstractAsyncContextManager[AsgiApp]) -> None:
        """Hold it open until it is detached. An error while it is entered is kept, and a later one is raised."""
        try:
            with self._scope:
                async with context as self.app:
                    self.settled.set()
                    await self._detached.wait()
        except Exception as error:
            if self.settled.is_set():
                raise
            self.error = error
        finally:
            self.app = None
            self.settled.set()
            self._ended.set()

    def leave(self, seconds: float | None = None) -> None:
        """Admit no more requests. Those in progress have ``seconds`` left, if given."""
        self._detached.set()
        self.app = None
        if seconds is not None:
            self._scope.deadline = anyio.current_time() + seconds

    async def ended(self) -> None:
        """Wait until everything in progress has ended."""
        if self.entering:
            await self._ended.wait()


class Attachments:
    """The applications of a listener by path."""

    def __init__(self) -> None:
        self._by_path: dict[str, Attachment] = {}

    def add(self, path: str, make: MakeApp) -> Attachment:
        """Attach an application that is made later.

        Raises:
            ValueError: The path is taken, or no request could have it.
        """
        if not path.startswith("/"):
            raise ValueError(f"The path {path} must start with a slash.")
        if not _PLAIN.fullmatch(path):
            raise ValueError(f"The path {path} must have only letters and digits of ASCII and -._~!$&'()*+,;=:@/.")
        before = self._by_path.get(path)
        if before is not None and not before.leaving:
            raise ValueError(f"Something is already attached at {path}.")
        added = self._by_path[path] = Attachment(make)
        return added

    def forget(self, attachment: Attachment) -> None:
        """Free the path of an attachment for others."""
        self._by_path = {path: each for path, each in self._by_path.items() if each is not attachment}

    def all(self) -> list[Attachment]:
        """Return all attachments, including those that are being detached."""
        return list(self._by_path.values())

    def at(self, path: str) -> Attachment | None:
        """Return the attachment that answers at a path, which is the one with the longest matching path."""
        prefix = prefix_of(path, self._by_path)
        return None if prefix is None else self._by_path[prefix]

    async def detach(self, path: str) -> None:
        """Detach an application, and wait until everything in progress there has ended.

        Raises:
            ValueError: Nothing is attached there.
        """
        attachment = self._by_path.get(path)
        if attachment is None or attachment.leaving:
            raise ValueError(f"Nothing is attached at {path}.")
        attachment.leave()
        await attachment.ended()
        self.forget(attachment)

    def enter(self, attachment: Attachment, url: str, tasks: TaskGroup) -> None:
        """Make an application for a base URL, and enter it in the background."""
        context = attachment.make(url)
        attachment.entering = True
        tasks.start_soon(attachment.hold, context)

    async def leave_all(self, seconds: float) -> None:
        """Detach all applications, and wait until everything in progress has ended, up to a limit."""
        leaving = self.all()
        for each in leaving:
            each.leave(seconds)
        for each in leaving:
            await each.ended()
