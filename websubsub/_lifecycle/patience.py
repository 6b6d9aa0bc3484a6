"""Whom not to ask again for a while, and how to wait for a time that comes even while the machine sleeps."""

from collections.abc import Callable

import anyio

from websubsub import _clock

#: How far apart the looks are that find out whether the machine was suspended.
LOOK_SECONDS = 2.0
_KEPT = 1_000


class Embargoes:
    """Hubs and resources that asked for a pause (``Retry-After``), and hubs that denied a topic.

    Args:
        clock: The time, in seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._until: dict[tuple[str, str], float] = {}

    def put(self, url: str, seconds: float, topic: str = "") -> None:
        """Leave a server alone for a while, with everything or with one topic.

        Args:
            url: The URL of the hub or the resource; with http and https it is the same.
            seconds: For how long; a shorter time than was asked for before changes nothing.
            topic: The only topic that it is about.
        """
        now = self._clock()
        if len(self._until) >= _KEPT:
            self._until = {key: until for key, until in self._until.items() if until > now}
        key = _place(url), topic
        self._until[key] = max(now + seconds, self._until.get(key, 0.0))

    def lift(self, url: str, topic: str) -> None:
        """Let a hub be asked about a topic that it denied."""
        self._until.pop((_place(url), topic), None)

    def seconds(self, url: str, topic: str = "") -> float:
        """Return how long a server is to be left alone; 0 when it may be asked."""
        until = max(self._until.get((_place(url), about), 0.0) for about in {"", topic})
        return max(0.0, until - self._clock())


def _place(url: str) -> str:
    return url.partition("://")[2]


class Waiting:
    """Waits by a clock that goes on while the machine is suspended, which no timer of an event loop does.

    Args:
        clock: The time, in seconds.
        woken: Called when more time has passed than the event loop knows of.
    """

    def __init__(self, clock: Callable[[], float] = _clock.now, woken: Callable[[], None] = lambda: None) -> None:
        self._clock = clock
        self._woken = woken
        self._jump: anyio.Event | None = None

    async def watch(self) -> None:
        """Notice that time has passed in which nothing ran; goes on until it is cancelled."""
        ahead = self._clock() - anyio.current_time()
        while True:
            await anyio.sleep(LOOK_SECONDS)
            before, ahead = ahead, self._clock() - anyio.current_time()
            if abs(ahead - before) > LOOK_SECONDS / 2:
                jump, self._jump = self._jump, None
                if jump is not None:
                    jump.set()
                self._woken()

    async def until(self, time: float) -> None:
        """Wait until a time has come."""
        while (seconds := time - self._clock()) > 0:
            if self._jump is None:
                self._jump = anyio.Event()
            jump = self._jump
            with anyio.move_on_after(seconds):
                await jump.wait()
