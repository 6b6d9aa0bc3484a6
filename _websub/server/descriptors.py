"""File descriptors: how many the system allows, and how many of them connections may take."""

import resource

#: Those of the program itself: the listening socket, the event loop, the database, log files, name lookups.
_OWN = 32
#: With fewer, a server would be useless.
_LEAST = 16
_ENOUGH = 1_048_576
#: How many idle connections leave for everything else, clients above all, unless that is more than two thirds.
_FOR_OTHERS = 5_120
_KEPT_PARTS = 3


def raise_limit() -> int:
    """Raise this process's limit of open files to what the system allows, and return it.

    Many systems start programs with a limit of 1,024, for the sake of programs that use ``select``, but allow more.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _ENOUGH if hard == resource.RLIM_INFINITY else min(hard, _ENOUGH)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return soft
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (OSError, ValueError):
        return soft
    return wanted


def connections_within_limit(wanted: int, parts: int = 2) -> int:
    """Return how many connections may be open for one purpose, so that enough open files are left for everything else.

    Args:
        wanted: The maximum number of connections.
        parts: How many parts the open files are divided into. These connections may take one part.
    """
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return wanted
    return max(min(wanted, (soft - _OWN) // parts), min(wanted, _LEAST))


def kept_within_limit(wanted: int, busy: int) -> int:
    """Return how many idle connections may be kept open.

    Args:
        wanted: The maximum number of connections.
        busy: How many other connections may be in use.
    """
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return wanted
    return min(wanted, max(connections_within_limit(wanted, _KEPT_PARTS), soft - _FOR_OTHERS - busy))
