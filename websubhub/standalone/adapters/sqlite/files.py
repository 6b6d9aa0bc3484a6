"""The files around a database: a lock that keeps a second process out, and a reserve for the day the disk is full."""

import errno
import fcntl
import os
from pathlib import Path

from websubhub.standalone.ports import StoreError, StoreLockedError

_RESERVE_BYTES = 8 * 1_048_576
_PRIVATE = 0o600


class FileLock:
    """Held from ``acquire`` to ``release`` or the end of the process, however it ends."""

    def __init__(self, database: Path) -> None:
        self._database = database
        self._path = database.with_name(f"{database.name}.lock")
        self._descriptor = -1

    def acquire(self) -> None:
        """Lock the database for this process.

        Raises:
            StoreLockedError: Another process has it.
            StoreError: The files cannot be opened.
        """
        try:
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _PRIVATE)
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.close(os.open(self._database, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _PRIVATE))
        except BlockingIOError:
            self.release()
            raise StoreLockedError(f"Another process has the database {self._database} open.") from None
        except OSError as error:
            self.release()
            raise StoreError(f"The database {self._database} cannot be opened: {error.strerror}.") from None

    def release(self) -> None:
        """Let another process have it. The lock file stays, since removing it would race with that process."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


class Reserve:
    """Space that is given up when the disk is full, so that deliveries can still be settled and content deleted."""

    def __init__(self, database: Path) -> None:
        self._path = database.with_name(f"{database.name}.reserve")
        self.held = False

    def restore(self) -> bool:
        """Take the space again if there is enough. Whether it is held now."""
        if self.held:
            return True
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _PRIVATE)
            try:
                os.posix_fallocate(descriptor, 0, _RESERVE_BYTES)
            finally:
                os.close(descriptor)
        except OSError as error:
            # A file system that cannot reserve space is no reason to refuse updates.
            self.held = error.errno in {errno.EOPNOTSUPP, errno.EINVAL}
            if not self.held:
                self.release()
            return self.held
        self.held = True
        return True

    def release(self) -> None:
        """Give the space up."""
        self._path.unlink(missing_ok=True)
        self.held = False
