"""Lists: one page of rows, the fields that filter them, and the address of the next page."""

from functools import partial
from typing import Any

from websubhub.standalone.admin.dashboard.visits import Visit, address

#: How many rows a page has.
ROWS = 50


def parameters(visit: Visit, *filters: str) -> dict[str, Any]:
    """Return the parameters of an operation that lists rows: the filters that are filled in, the place and the number.

    Args:
        visit: The request for the page.
        filters: The names of the filters.
    """
    return {**visit.given(*filters, "after"), "limit": ROWS}


def next_page(visit: Visit, path: str, cursor: str | None, *filters: str) -> str:
    """Return the address of the page after this one, or an empty text if this is the last.

    Args:
        visit: The request for this page.
        path: The path of the list.
        cursor: Where the next page begins.
        filters: The names of the filters, which stay as they are.
    """
    if not cursor:
        return ""
    return partial(address, visit.request.mount)(path, **visit.given(*filters), after=cursor)
