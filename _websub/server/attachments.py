"""The applications attached to the paths of a listener, each with the context it is held open in."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import anyio
import attrs
from anyio.abc import TaskGroup

from _websub.asgi.edge import AsgiApp
from _websub.asgi.paths import prefix_of

MakeApp = Callable[[str], AbstractAsyncContextManager[AsgiApp]]
"""Makes an application for a base URL; entered, it gives what answers."""


@attrs.define
class Attachment:
    """An application at a path.

    Attributes:
        make: Makes it.
        app: The application, from when it was entered until it is detached.
        error: What it raised when it was entered.
        entering: Whether it was made, and is or was entered.
        settled: Set once it was entered, or has failed.
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
        """Hold it open until it is detached; an error while it is entered is kept, a later one is raised."""
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
        """Wait until what was under way is over."""
        if self.entering:
            await self._ended.wait()


class Attachments:
    """The applications of a listener by path."""

    def __init__(self) -> None:
        self._by_path: dict[str, Attachment] = {}

    def add(self, path: str, make: MakeApp) -> Attachment:
        """Attach an application, which is not made yet.

        Raises:
            ValueError: The path is taken, or starts with no slash.
        """
        if not path.startswith("/"):
            raise ValueError(f"The path {path} must start with a slash.")
        before = self._by_path.get(path)
        if before is not None and not before.leaving:
            raise ValueError(f"Something is attached at {path} already.")
        added = self._by_path[path] = Attachment(make)
        return added

    def forget(self, attachment: Attachment) -> None:
        """Leave the path of an attachment to others."""
        self._by_path = {path: each for path, each in self._by_path.items() if each is not attachment}

    def all(self) -> list[Attachment]:
        """All of them, those that are being detached too."""
        return list(self._by_path.values())

    def at(self, path: str) -> Attachment | None:
        """The one that answers at a path: the longest that fits."""
        prefix = prefix_of(path, self._by_path)
        return None if prefix is None else self._by_path[prefix]

    async def detach(self, path: str) -> None:
        """Detach an application, and wait until what is under way there is over.

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
        """Detach all of them, and wait until what is under way is over, within a limit."""
        leaving = self.all()
        for each in leaving:
            each.leave(seconds)
        for each in leaving:
            await each.ended()
