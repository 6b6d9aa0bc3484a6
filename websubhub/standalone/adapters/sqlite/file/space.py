"""Freeing the space of deleted rows."""

from websubhub.standalone.adapters.sqlite.file.database import Connection

_PAGES = 256
_SPARE_PAGES = 1024


def free_pages(connection: Connection) -> bool:
    """Free some disk pages, but keep some that will soon be reused. Return whether there are more to free."""
    free: int = connection.execute("PRAGMA freelist_count").fetchone()[0]
    for _ in range(min(free - _SPARE_PAGES, _PAGES)):
        connection.execute("PRAGMA incremental_vacuum(1)")  # sqlite3 runs only one step, whatever the number
    return free - _SPARE_PAGES > _PAGES
