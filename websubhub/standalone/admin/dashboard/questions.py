"""Actions. Each one says what it affects and asks for confirmation first."""

from collections.abc import Awaitable, Callable

import attrs

from websubhub import Response
from websubhub.standalone.admin.dashboard.visits import Visit


@attrs.frozen(kw_only=True)
class Field:
    """A field to fill in before an action.

    Attributes:
        name: Its name in the form.
        label: Its label.
        value: Its initial value.
        choices: The values to choose from, each with its label; empty for free text.
        length: The most characters.
        required: Whether it must be filled in.
    """

    name: str
    label: str
    value: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    length: int = 500
    required: bool = False


@attrs.frozen(kw_only=True)
class Question:
    """The question before an action.

    Attributes:
        title: The question, which names its object.
        touches: What the action affects, one sentence each.
        verb: The label of the button.
        values: The values that the action gets, by name; a name may repeat.
        fields: The fields to fill in.
        is_danger: Whether the action deletes something permanently.
        back: The page to go to afterwards, or an empty string for the page where the question was asked.
    """

    title: str
    touches: tuple[str, ...]
    verb: str
    values: tuple[tuple[str, str], ...] = attrs.field(default=(), repr=False)
    fields: tuple[Field, ...] = ()
    is_danger: bool = False
    back: str = ""


@attrs.frozen(kw_only=True)
class Action:
    """Something that an operator can do.

    Attributes:
        ask: Returns the question.
        do: Performs the action, and returns one sentence about what was done, or a redirect to what was created.
    """

    ask: Callable[[Visit], Awaitable[Question]]
    do: Callable[[Visit], Awaitable[str | Response]]
