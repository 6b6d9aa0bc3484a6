"""Lists: a page of rows, the filters, and the address of the next page."""

from typing import Any

from websubhub.standalone.admin.dashboard.access.references import References
from websubhub.standalone.admin.dashboard.visits import Visit, address
from websubhub.standalone.admin.parameters import OperationError

#: How many rows a page has.
ROWS = 50


class Lists:
    """Reads which page of a list is requested, and writes the address of the next one.

    Args:
        references: The references in addresses.
    """

    def __init__(self, references: References) -> None:
        self._references = references

    def parameters(self, visit: Visit, *filters: str) -> dict[str, Any]:
        """Return the parameters of the operation: the filters in use, the page and the number of rows.

        Args:
            visit: The request for the page.
            filters: The names of the filters.

        Raises:
            OperationError: The address of the page is not from this hub.
        """
        found: dict[str, Any] = {**visit.given(*filters), "limit": ROWS}
        if after := visit.field("after"):
            cursor = self._references.cursor(after)
            if cursor is None:
                raise OperationError(404, "This list has no such page. Start from its first page.")
            found["after"] = cursor
        return found

    def next_page(self, visit: Visit, path: str, cursor: str | None, *filters: str) -> str:
        """Return the address of the next page, or an empty string if this is the last.

        Args:
            visit: The request for this page.
            path: The path of the list.
            cursor: Where the next page begins.
            filters: The names of the filters to keep.
        """
        if cursor is None:
            return ""
        after = self._references.to_cursor(cursor)
        return address(visit.request.mount, path, **visit.given(*filters), after=after)


def subscription_of(visit: Visit, references: References) -> dict[str, str]:
    """Return the topic and callback that an address refers to, or an empty dictionary if it has no reference.

    Raises:
        OperationError: This hub did not make the reference, or its key has changed since.
    """
    reference = visit.field("ref")
    if not reference:
        return {}
    found = references.subscription(reference)
    if found is None:
        raise OperationError(404, "This address is from another hub, or from before the hub's token was changed.")
    return {"topic": found[0], "callback": found[1]}
