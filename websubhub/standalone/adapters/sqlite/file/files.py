"""The files around the database: a lock, a reserve of space for a full disk, and detection of removed files."""

import errno
import fcntl
import os
import stat
from pathlib import Path

from websubhub.standalone.ports import StoreError, StoreLockedError

_RESERVE_BYTES = 8 * 1_048_576
_PRIVATE = 0o600
_OTHERS = 0o077
# Do not follow a symbolic link that somebody put in place of our file.
_OWN = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW


class FileLock:
    """A lock held from ``acquire`` until ``release``, or until the process ends in any way."""

    def __init__(self, database: Path) -> None:
        self._database = database
        self._path = database.with_name(f"{database.name}.lock")
        self._descriptor = -1

    def acquire(self) -> None:
        """Lock the database for this process.

        Raises:
            StoreLockedError: Another process has the lock.
            StoreError: The files cannot be opened.
        """
        try:
            self._descriptor = os.open(self._path, _OWN, _PRIVATE)
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.close(os.open(self._database, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _PRIVATE))
            for suffix in ("", "-wal", "-shm", ".lock", ".reserve"):
                _make_private(self._database.with_name(self._database.name + suffix))
        except BlockingIOError:
            self.release()
            raise StoreLockedError(f"Another process has the database {self._database} open.") from None
        except OSError as error:
            self.release()
            raise StoreError(f"The database {self._database} cannot be opened: {error.strerror}.") from None

    def release(self) -> None:
        """Unlock the database. The lock file stays, since removing it would race with another process."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


class Reserve:
    """Space that is released when the disk is full, so that deliveries can still be settled and content deleted."""

    def __init__(self, database: Path) -> None:
        self._path = database.with_name(f"{database.name}.reserve")
        self.held: bool = False

    def restore(self) -> bool:
        """Reserve the space again if there is enough, and return whether it is held now."""
        if self.held:
            return True
        try:
            descriptor = os.open(self._path, _OWN, _PRIVATE)
            try:
                os.posix_fallocate(descriptor, 0, _RESERVE_BYTES)
            finally:
                os.close(descriptor)
        except OSError as error:
            # Do not refuse updates just because the file system cannot reserve space.
            self.held = error.errno in {errno.EOPNOTSUPP, errno.EINVAL}
            if not self.held:
                self.release()
            return self.held
        self.held = True
        return True

    def release(self) -> None:
        """Release the space."""
        self._path.unlink(missing_ok=True)
        self.held = False


class InUse:
    """Detects that a file in use was removed or replaced. Anything written to it after that is lost with the process.

    Args:
        path: The file. It may not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self._path = str(path)
        self._identity: tuple[int, int] | None = None

    def is_there(self) -> bool:
        """Return whether the file is still the one that was there first."""
        try:
            found = os.stat(self._path)  # noqa: PTH116 - a Path takes longer, and this is asked before each commit
        except OSError:
            return self._identity is None
        identity = found.st_dev, found.st_ino
        if self._identity is None:
            self._identity = identity
        return identity == self._identity


def _make_private(path: Path) -> None:
    """Remove the permissions of others, which an earlier version or a copy may have granted."""
    try:
        mode = path.lstat().st_mode
        if stat.S_ISREG(mode) and stat.S_IMODE(mode) & _OTHERS:
            path.chmod(_PRIVATE)
    except FileNotFoundError:
        return
