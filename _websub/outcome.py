"""The outcomes of hooks: successes and errors."""

from collections.abc import Mapping

import attrs

from _websub.errors import WebSubError
from _websub.headers import NO_HEADERS, Headers, as_headers

__all__ = ["Hook", "Success", "WebSubError"]


def _fields(body: Mapping[str, str] | None) -> dict[str, str]:
    return dict(body or {})


@attrs.frozen(kw_only=True)
class Success:
    """A positive answer.

    Attributes:
        status: The HTTP status.
        headers: Headers to add to the response.
        body: Form fields to add to the body of the response.
    """

    status: int = 200
    headers: Headers = attrs.field(default=NO_HEADERS, converter=as_headers)
    body: dict[str, str] = attrs.field(factory=dict, converter=_fields)


@attrs.frozen(kw_only=True)
class Hook:
    """One row of the hook table: what a hook is called with, and what it may return or raise.

    Attributes:
        name: The method's name.
        message: The class of its message.
        successes: The classes of its positive answers, with ``type(None)`` if it may return nothing.
        errors: The errors whose text reaches the other side.
        failure: The error that replaces any other error.
        reason: The reason that the other side gets in that case.
        required: Whether a service must implement it.
        answers: Successes and errors together.
    """

    name: str
    message: type
    successes: tuple[type, ...]
    errors: tuple[type[WebSubError], ...]
    failure: type[WebSubError]
    reason: str
    required: bool = False
    answers: tuple[type, ...] = attrs.field(init=False, repr=False)

    @answers.default
    def _answers(self) -> tuple[type, ...]:
        return (*self.successes, *self.errors)

    def failed(self) -> WebSubError:
        """Return the error that replaces an undeclared one. It reveals no details to the other side."""
        return self.failure(self.reason)
