"""Embargoes on servers, and waiting for a time even if the machine is suspended meanwhile."""

from collections.abc import Callable

import anyio

from websubsub import _clock

#: The interval between checks whether the machine was suspended.
LOOK_SECONDS = 2.0
_KEPT = 1_000


class Embargoes:
    """Embargoes on hubs and resources that asked for a pause (``Retry-After``), and on hubs that denied a topic.

    Args:
        clock: Returns the time, in seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._until: dict[tuple[str, str], float] = {}

    def put(self, url: str, seconds: float, topic: str = "") -> None:
        """Put an embargo on a server, for all requests or for one topic.

        Args:
            url: The URL of the hub or the resource. It is the same for http and https.
            seconds: How long. A shorter time than that of an earlier embargo has no effect.
            topic: The topic, if the embargo is only for one.
        """
        now = self._clock()
        if len(self._until) >= _KEPT:
            self._until = {key: until for key, until in self._until.items() if until > now}
        key = _without_scheme(url), topic
        self._until[key] = max(now + seconds, self._until.get(key, 0.0))

    def lift(self, url: str, topic: str) -> None:
        """Lift the embargo on a hub that denied a topic."""
        self._until.pop((_without_scheme(url), topic), None)

    def seconds(self, url: str, topic: str = "") -> float:
        """Return how many more seconds a server must not be asked, or 0."""
        until = max(self._until.get((_without_scheme(url), about), 0.0) for about in {"", topic})
        return max(0.0, until - self._clock())


def _without_scheme(url: str) -> str:
    return url.partition("://")[2]


class Waiting:
    """Waits by a clock that runs on while the machine is suspended, unlike the timers of an event loop.

    Args:
        clock: Returns the time, in seconds.
        woken: Called after the machine was suspended.
    """

    def __init__(self, clock: Callable[[], float] = _clock.now, woken: Callable[[], None] = lambda: None) -> None:
        self._clock = clock
        self._woken = woken
        self._jump: anyio.Event | None = None

    async def watch(self) -> None:
        """Watch for time that passed while the machine was suspended, until cancelled."""
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
        """Wait until a time."""
        while (seconds := time - self._clock()) > 0:
            if self._jump is None:
                self._jump = anyio.Event()
            jump = self._jump
            with anyio.move_on_after(seconds):
                await jump.wait()
