"""Threads that look up names, shared so that the dead names of one site do not hold up those of another."""

import queue
import threading
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress

Job = Callable[[], None]

_IN_LINE = 1_000
_IDLE_SECONDS = 10.0
_SHARE = 4
_ORDINARY_LABELS = 2
_SHORT_LABEL = 3
_NATIONAL = 2


def site_of(host: str) -> str:
    """Return the site that a name counts towards: the registered part of it, as far as that can be told.

    These are its last two labels, or the last three below domains such as ``co.uk`` and ``com.au``.
    """
    labels = host.rstrip(".").split(".")
    national = len(labels[-1]) == _NATIONAL and len(labels) > _ORDINARY_LABELS and len(labels[-2]) <= _SHORT_LABEL
    return ".".join(labels[-(_ORDINARY_LABELS + national) :])


class Lane:
    """A queue of names, with the threads that look them up. Threads start when needed, and end when idle.

    Lookups cannot be cancelled, so a slow name server can keep a thread for as long as it likes. That is why the
    threads are our own, limited in number, and end with the program, and why one site gets at most a quarter of them.

    Args:
        threads: The maximum number of threads.
    """

    def __init__(self, threads: int) -> None:
        self._limit = threads
        self._share = max(1, threads // _SHARE)
        self._line: queue.SimpleQueue[tuple[str, Job] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._parked: dict[str, deque[Job]] = {}
        self._admitted = Counter[str]()
        self._length = 0
        self._threads = 0
        self._free = 0

    def put(self, host: str, job: Job) -> bool:
        """Queue a name.

        Args:
            host: The name.
            job: Looks it up in a thread. It must not raise.

        Returns:
            False if too many names are in the queue.
        """
        site = site_of(host)
        with self._lock:
            if self._length >= _IN_LINE:
                return False
            self._length += 1
            if self._admitted[site] >= self._share:
                self._parked.setdefault(site, deque()).append(job)
                return True
            self._admitted[site] += 1
            self._line.put((site, job))
            if self._free >= self._line.qsize() or self._threads >= self._limit:
                return True
            self._threads += 1
        threading.Thread(target=self._run, name="websub-names", daemon=True).start()
        return True

    def close(self) -> None:
        """Start no more lookups. Those in progress end in their threads."""
        with self._lock:
            self._parked.clear()
            with suppress(queue.Empty):
                while True:
                    self._line.get_nowait()
            for _ in range(self._threads):
                self._line.put(None)

    def _run(self) -> None:
        while (taken := self._next()) is not None:
            site, job = taken
            job()
            self._leave(site)

    def _leave(self, site: str) -> None:
        """Admit the next name of a site, now that one of its names has been looked up."""
        with self._lock:
            self._length -= 1
            parked = self._parked.get(site)
            if parked:
                self._line.put((site, parked.popleft()))
                return
            self._parked.pop(site, None)
            self._admitted -= Counter([site])

    def _next(self) -> tuple[str, Job] | None:
        with self._lock:
            self._free += 1
        taken = None
        while taken is None:
            with suppress(queue.Empty):
                taken = self._line.get(timeout=_IDLE_SECONDS)
                if taken is None:  # it was closed
                    return None
            with self._lock:
                # A name that was queued while this thread was about to end relies on it.
                if taken is not None or self._line.empty():
                    self._free -= 1
                    self._threads -= taken is None
                    break
        return taken
