"""A lock that limits a state file to one process. Two would renew with secrets that the other does not know."""

import fcntl
import os
import stat
from pathlib import Path

_PRIVATE = 0o600
_OTHERS = 0o077
# A symbolic link that someone put in place of our file is not followed.
_OWN = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
_held: dict[Path, tuple[int, int]] = {}


def acquire(path: Path) -> Path:
    """Lock a file for this process, which may lock it more than once.

    Args:
        path: The file. If it does not exist, it is created, private to its owner.

    Returns:
        The path to pass to ``release``.

    Raises:
        BlockingIOError: Another process has locked the file.
        OSError: The files cannot be opened.
    """
    file = path.resolve()
    descriptor, count = _held.get(file, (-1, 0))
    if not count:
        descriptor = _lock(file)
    _held[file] = descriptor, count + 1
    return file


def _lock(file: Path) -> int:
    descriptor = os.open(file.with_name(f"{file.name}.lock"), _OWN, _PRIVATE)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # SQLite gives its journal the mode of the file, so the file must exist first.
        os.close(os.open(file, _OWN, _PRIVATE))
        for name in (file.name, f"{file.name}.lock", f"{file.name}-journal"):
            _make_private(file.with_name(name))
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def release(file: Path) -> None:
    """Unlock a file. The lock file stays, since removing it would race with another process."""
    descriptor, count = _held.pop(file)
    if count > 1:
        _held[file] = descriptor, count - 1
    else:
        os.close(descriptor)


def _make_private(path: Path) -> None:
    """Remove the permissions of others, which an earlier version or a copy may have set."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if stat.S_ISREG(mode) and stat.S_IMODE(mode) & _OTHERS:
        path.chmod(_PRIVATE)
