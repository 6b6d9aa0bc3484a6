"""The disk of a store: how much space the store uses, and how much is free."""

import shutil
from pathlib import Path

_FILE_PREFIX = "sqlite:///"
_FILES = ("", "-wal", "-journal", ".reserve")


def disk_of(store: str) -> dict[str, int] | None:
    """Return how many bytes a store uses and how many are free, or None if it is not a file on this machine.

    Args:
        store: The setting that names the store.
    """
    if not store.startswith(_FILE_PREFIX):
        return None
    path = Path(store.removeprefix(_FILE_PREFIX))
    try:
        sizes = [file.stat().st_size for suffix in _FILES if (file := Path(f"{path}{suffix}")).exists()]
        return {"store_bytes": sum(sizes), "free_bytes": shutil.disk_usage(path.absolute().parent).free}
    except OSError:
        return None
