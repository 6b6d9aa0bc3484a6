"""Actions: each says what it will touch and asks once before it does it."""

from collections.abc import Awaitable, Callable

import attrs

from websubhub import Response
from websubhub.standalone.admin.dashboard.visits import Visit


@attrs.frozen(kw_only=True)
class Field:
    """Something to fill in before an action.

    Attributes:
        name: Its name in the form.
        label: What it is called.
        value: What it holds before.
        choices: The values to choose from, each with its text, or none for any text.
        length: The most characters.
        required: Whether it has to be filled in.
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
        title: The question, with what it is about.
        touches: What the action will touch, a sentence each.
        verb: The word on the button.
        values: What the action gets, by name; a list of several values stands for a repeated field.
        fields: What to fill in.
        is_danger: Whether something is lost for ever.
        back: The page to go to afterwards, or an empty text for the one that the question was asked on.
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
        do: Does it, and returns what was done in one sentence, or the response that leads to what was made.
    """

    ask: Callable[[Visit], Awaitable[Question]]
    do: Callable[[Visit], Awaitable[str | Response]]
