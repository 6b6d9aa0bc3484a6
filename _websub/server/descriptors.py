"""File descriptors: as many as the system gives, and how many of them connections may take."""

import resource

#: What the program itself has open: the listening socket, the event loop, the database, log files, name lookups.
_OWN = 32
#: Fewer would serve nobody.
_LEAST = 16
_ENOUGH = 1_048_576
#: What connections that are kept for later leave to all others, clients above all, if that is not more than two thirds.
_FOR_OTHERS = 5_120
_KEPT_PARTS = 3


def raise_limit() -> int:
    """Raise the limit of open files of this process to what the system allows it, and return that.

    Many systems start programs with 1,024, for the sake of programs that use ``select``, and let them have more.
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
    """How many connections may be open for one purpose, so that the other open files are left for all else.

    Args:
        wanted: How many there may be at most.
        parts: Into how many parts the open files are divided, of which these connections may take one.
    """
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return wanted
    return max(min(wanted, (soft - _OWN) // parts), min(wanted, _LEAST))


def kept_within_limit(wanted: int, busy: int) -> int:
    """How many connections may be kept open although nobody uses them at present.

    Args:
        wanted: How many there may be at most.
        busy: How many may be in use beside them.
    """
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return wanted
    return min(wanted, max(connections_within_limit(wanted, _KEPT_PARTS), soft - _FOR_OTHERS - busy))
