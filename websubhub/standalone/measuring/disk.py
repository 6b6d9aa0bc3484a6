"""The disk that a store is on: how much of it the store takes, and how much is free."""

import shutil
from pathlib import Path

_FILE_PREFIX = "sqlite:///"
_FILES = ("", "-wal", "-journal", ".reserve")


def disk_of(store: str) -> dict[str, int] | None:
    """Return the bytes that a store takes and that are free, or None if it is in no file of this machine.

    Args:
        store: The setting that names it.
    """
    if not store.startswith(_FILE_PREFIX):
        return None
    path = Path(store.removeprefix(_FILE_PREFIX))
    try:
        sizes = [file.stat().st_size for suffix in _FILES if (file := Path(f"{path}{suffix}")).exists()]
        return {"store_bytes": sum(sizes), "free_bytes": shutil.disk_usage(path.absolute().parent).free}
    except OSError:
        return None
