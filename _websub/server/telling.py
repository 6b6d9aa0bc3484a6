"""Messages of a running service on stderr: its address, how to stop it, and its log."""

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from _websub.server.sockets import CannotListenError

_MISTAKE = 2


def tell(name: str, sentence: str) -> None:
    """Print a sentence on stderr, after the name of the program."""
    sys.stderr.write(f"{name}: {sentence}\n")
    sys.stderr.flush()


def told_ready(
    name: str, describe: Callable[[str], str], ready: Callable[[str], None] | None, *, quiet: bool
) -> Callable[[str], None] | None:
    """Return a function that tells where a service listens, and then calls ``ready``.

    Args:
        name: The name of the program.
        describe: Returns the public URL of the service for its base URL.
        ready: What to call with the base URL.
        quiet: Whether to print nothing.
    """
    if quiet:
        return ready

    def announce(base: str) -> None:
        tell(name, f"Ready at {describe(base)} (listening on {base}). Press Ctrl-C to stop.")
        if ready is not None:
            ready(base)

    return announce


@contextmanager
def telling(name: str, *, quiet: bool) -> Iterator[None]:
    """Run a block in which a package logs what it does, and a taken port ends the program with one sentence.

    Args:
        name: The name of the package. If the program has set up its log, that stays unchanged.
        quiet: Whether to change nothing.
    """
    if quiet:
        yield
        return
    try:
        with _logging(name):
            yield
    except CannotListenError as error:
        tell(name, error.sentence)
        raise SystemExit(_MISTAKE) from None


@contextmanager
def _logging(name: str) -> Iterator[None]:
    package, activity = (logging.getLogger(each) for each in (name, f"{name}.activity"))
    if package.hasHandlers():
        yield
        return
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s  %(message)s", "%H:%M:%S"))
    before = package.level, activity.level
    package.addHandler(handler)
    package.setLevel(logging.INFO)
    activity.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        package.removeHandler(handler)
        package.setLevel(before[0])
        activity.setLevel(before[1])
