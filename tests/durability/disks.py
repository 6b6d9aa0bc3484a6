"""A small disk of its own for a hub, which can be filled to the last byte and freed again."""

import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PIECE = b"\0" * 1_048_576


class SmallDisk:
    """A folder that can be full.

    Attributes:
        folder: Where it is.
        can_fill: Whether it is a disk of its own; filling another one would hit everybody.
    """

    def __init__(self, folder: Path, *, can_fill: bool) -> None:
        self.folder = folder
        self.can_fill = can_fill
        self._filler = folder / "filler"

    def fill(self) -> None:
        """Leave no byte."""
        descriptor = os.open(self._filler, os.O_WRONLY | os.O_CREAT)
        try:
            size = len(_PIECE)
            while size:
                try:
                    os.write(descriptor, _PIECE[:size])
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
                    size //= 2
        finally:
            os.close(descriptor)

    def free(self) -> None:
        """Give the space back."""
        self._filler.unlink(missing_ok=True)


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[SmallDisk]:
    """Make a disk in memory of a folder; where that is not allowed, it is the folder that it was, and never full."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "websubhub", str(folder)]
    try:
        can_fill = subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        can_fill = False
    disk = SmallDisk(folder, can_fill=can_fill)
    try:
        yield disk
    finally:
        with suppress(OSError):
            disk.free()
        if can_fill:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)  # noqa: S607 - of this system
