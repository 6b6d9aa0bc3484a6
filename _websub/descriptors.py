"""File descriptors: as many as the system gives, and how many of them connections may take."""

import resource

#: What the program itself has open: the listening socket, the event loop, the database, log files, name lookups.
_OWN = 32
#: Fewer would serve nobody.
_LEAST = 16
_ENOUGH = 1_048_576


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


def connections_within_limit(wanted: int) -> int:
    """How many connections to take in, so that half of the open files is left for calls to others.

    Args:
        wanted: How many there may be at most.
    """
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return wanted
    return max(min(wanted, (soft - _OWN) // 2), min(wanted, _LEAST))
