"""What a hook decides: values that say yes or no."""

from collections.abc import Mapping

import attrs

from _websub.http import NO_HEADERS, Headers, HeaderTypes, as_headers


def _fields(body: Mapping[str, str] | None) -> dict[str, str]:
    return dict(body or {})


@attrs.frozen(kw_only=True)
class Success:
    """An answer that says yes.

    Attributes:
        status: The HTTP status.
        headers: Headers to add to the answer.
        body: Form fields to add to the answer's body.
    """

    status: int = 200
    headers: Headers = attrs.field(default=NO_HEADERS, converter=as_headers)
    body: dict[str, str] = attrs.field(factory=dict, converter=_fields)


class WebSubError(Exception):
    """An answer that says no: a hook returns or raises it, a client raises it.

    Args:
        reason: One sentence for the other side.
        status: The HTTP status, where it differs from the class's own.
        headers: Headers to add to the answer, or those that came with it.
        body: Form fields to add to the answer, or those that came with it.
    """

    status: int = 500

    def __init__(
        self,
        reason: str = "",
        *,
        status: int | None = None,
        headers: HeaderTypes = (),
        body: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        if status is not None:
            self.status = status
        self.headers = as_headers(headers)
        self.body = _fields(body)


@attrs.frozen(kw_only=True)
class Hook:
    """One row of the hook table: what a hook is called with, and what it may answer.

    Attributes:
        name: The method's name.
        message: The class of its message.
        successes: What says yes; ``type(None)`` where nothing needs to be said.
        errors: What says no, in its own words.
        failure: What any other error is turned into.
        reason: What the other side is told then, and no more.
        required: Whether a service must implement it.
        answers: All that it may answer, successes and errors.
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
        """The error that stands for any undeclared one; it tells the other side nothing."""
        return self.failure(self.reason)
