"""A visit to a page, and the view that the visitor gets."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import urlencode

import attrs

from websubhub import Request, Response
from websubhub.standalone.admin.dashboard.access.sessions import Session


@attrs.frozen(kw_only=True)
class Visit:
    """A request of a browser for a page, or with a form.

    Attributes:
        request: The request.
        session: Who it is from.
        fields: The fields of its query or its form. Of a repeated one it is the last.
        pairs: All of them in order.
    """

    request: Request
    session: Session
    pairs: tuple[tuple[str, str], ...] = attrs.field(default=(), repr=False)

    @property
    def fields(self) -> Mapping[str, str]:
        """The fields of its query or its form. Of a repeated one it is the last."""
        return dict(self.pairs)

    def field(self, name: str) -> str:
        """Return a field, or an empty text if it is missing."""
        return self.fields.get(name, "").strip()

    def each(self, name: str) -> list[str]:
        """Return all values of a repeated field."""
        return [value for key, value in self.pairs if key == name]

    def given(self, *names: str) -> dict[str, str]:
        """Return those of these fields that are filled in."""
        return {name: value for name, value in self.filters(*names).items() if value}

    def filters(self, *names: str) -> dict[str, str]:
        """Return these fields. The text of a missing one is empty."""
        return {name: self.field(name) for name in names}


@attrs.frozen(kw_only=True)
class View:
    """A page to show.

    Attributes:
        template: The name of its template.
        values: What the template shows.
        section: The path of the page in the navigation that it belongs to.
        status: The status of the response.
    """

    template: str
    values: Mapping[str, Any] = attrs.field(factory=dict, repr=False)
    section: str = ""
    status: int = 200


Page = Callable[[Visit], Awaitable[View | Response]]


def address(mount: str, path: str, **query: object) -> str:
    """Return the address of a page, with the fields of its query that are not empty."""
    given = {name: str(value) for name, value in query.items() if value not in ("", None)}
    return mount + path + (f"?{urlencode(given)}" if given else "")
