"""A route of the admin API as data: its purpose, its parameters and its answer."""

import difflib
import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from attrs import field, frozen

from websubhub.standalone.admin.parameters import OperationError

Schema = Mapping[str, Any]
Operation = Callable[[dict[str, Any]], Awaitable[object]]


@frozen(kw_only=True)
class Parameter:
    """A parameter of a route: in the path if the path has its name, else in the query or in the JSON body.

    Attributes:
        name: Its name.
        text: Its meaning, in one sentence.
        schema: Its JSON schema.
        required: Whether it must be given.
    """

    name: str
    text: str
    schema: Schema
    required: bool = False


@frozen(kw_only=True)
class Route:
    """A route.

    Attributes:
        method: GET if it reads, POST if it changes something.
        path: Its path, with ``{NAME}`` for each part that is a parameter.
        operation: The operation that it calls.
        answer: The JSON schema of its answer.
        parameters: Its parameters.
        statuses: The statuses of its own errors, such as 404.
    """

    method: str
    path: str
    operation: Operation
    answer: Schema
    parameters: Sequence[Parameter] = ()
    statuses: Sequence[int] = ()
    parts: tuple[str, ...] = field(init=False)

    @parts.default
    def _parts(self) -> tuple[str, ...]:
        return tuple(self.path.split("/"))

    @property
    def summary(self) -> str:
        """Its purpose in one sentence: the first line of its operation's docstring."""
        return (inspect.getdoc(self.operation) or "").partition("\n")[0]

    def match(self, path: str) -> dict[str, str] | None:
        """Return the parameters in a path, or None if the path belongs to another route."""
        given = path.split("/")
        if len(given) != len(self.parts):
            return None
        found: dict[str, str] = {}
        for part, text in zip(self.parts, given, strict=True):
            if part.startswith("{"):
                found[part[1:-1]] = unquote(text)
            elif part != text:
                return None
        return found

    def check(self, given: Mapping[str, Any]) -> None:
        """Check that every required parameter is given, and that no parameter is unknown.

        Raises:
            OperationError: A parameter is missing or unknown.
        """
        known = {parameter.name for parameter in self.parameters}
        for name in given:
            if name not in known:
                close = difflib.get_close_matches(name[:100], known, n=1)
                hint = f" Did you mean {close[0]}?" if close else ""
                raise OperationError(400, f"There is no parameter {name[:100]!a} here.{hint}")
        for parameter in self.parameters:
            if parameter.required and given.get(parameter.name) in (None, ""):
                raise OperationError(400, f"{parameter.name} is missing.")
