"""Lists: one page of rows, the fields that filter them, and the address of the next page."""

from typing import Any

from websubhub.standalone.admin.dashboard.access.references import References
from websubhub.standalone.admin.dashboard.visits import Visit, address
from websubhub.standalone.admin.parameters import OperationError

#: How many rows a page has.
ROWS = 50


class Lists:
    """Reads which page of a list is asked for, and writes the address of the next one.

    Args:
        references: What stands in addresses.
    """

    def __init__(self, references: References) -> None:
        self._references = references

    def parameters(self, visit: Visit, *filters: str) -> dict[str, Any]:
        """Return the parameters of the operation: the filters that are filled in, the place and the number of rows.

        Args:
            visit: The request for the page.
            filters: The names of the filters.

        Raises:
            OperationError: This hub has not named the place.
        """
        found: dict[str, Any] = {**visit.given(*filters), "limit": ROWS}
        if after := visit.field("after"):
            cursor = self._references.cursor(after)
            if cursor is None:
                raise OperationError(404, "This list has no such page. Begin at its first one.")
            found["after"] = cursor
        return found

    def next_page(self, visit: Visit, path: str, cursor: str | None, *filters: str) -> str:
        """Return the address of the page after this one, or an empty text if this is the last.

        Args:
            visit: The request for this page.
            path: The path of the list.
            cursor: Where the next page begins.
            filters: The names of the filters, which stay as they are.
        """
        if cursor is None:
            return ""
        after = self._references.to_cursor(cursor)
        return address(visit.request.mount, path, **visit.given(*filters), after=after)


def subscription_of(visit: Visit, references: References) -> dict[str, str]:
    """Return the topic and the callback that an address refers to, or nothing if it refers to none.

    Raises:
        OperationError: This hub has not made the reference, or has another key since.
    """
    reference = visit.field("ref")
    if not reference:
        return {}
    found = references.subscription(reference)
    if found is None:
        raise OperationError(404, "This address is of another hub, or from before its token was changed.")
    return {"topic": found[0], "callback": found[1]}
