"""Visits to pages, and the views that visitors get."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import urlencode

import attrs

from websubhub import Request, Response
from websubhub.standalone.admin.dashboard.access.sessions import Session


@attrs.frozen(kw_only=True)
class Visit:
    """A browser's request for a page, or with a form.

    Attributes:
        request: The request.
        session: The session of the browser.
        fields: The fields of its query or form. For a repeated field, the last value counts.
        pairs: All fields in order.
    """

    request: Request
    session: Session
    pairs: tuple[tuple[str, str], ...] = attrs.field(default=(), repr=False)

    @property
    def fields(self) -> Mapping[str, str]:
        """The fields of its query or form. For a repeated field, the last value counts."""
        return dict(self.pairs)

    def field(self, name: str) -> str:
        """Return a field, or an empty string if it is missing."""
        return self.fields.get(name, "").strip()

    def each(self, name: str) -> list[str]:
        """Return all values of a repeated field."""
        return [value for key, value in self.pairs if key == name]

    def given(self, *names: str) -> dict[str, str]:
        """Return these fields, without empty ones."""
        return {name: value for name, value in self.filters(*names).items() if value}

    def filters(self, *names: str) -> dict[str, str]:
        """Return these fields. A missing one is empty."""
        return {name: self.field(name) for name in names}


@attrs.frozen(kw_only=True)
class View:
    """A page to show.

    Attributes:
        template: The name of its template.
        values: The values for the template.
        section: The path of its entry in the navigation.
        status: The status of the response.
    """

    template: str
    values: Mapping[str, Any] = attrs.field(factory=dict, repr=False)
    section: str = ""
    status: int = 200


Page = Callable[[Visit], Awaitable[View | Response]]


def address(mount: str, path: str, **query: object) -> str:
    """Return the address of a page, with the non-empty fields as its query."""
    given = {name: str(value) for name, value in query.items() if value not in ("", None)}
    return mount + path + (f"?{urlencode(given)}" if given else "")
