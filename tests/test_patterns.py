"""Regular expressions that read long text from strangers never try twice: what they take, they do not give back.

What a pattern does inside is not counted by ``tests/work.py``. It is linear by its form: each repetition without bound
is possessive, and a pattern that is searched for, at any place of the text, has none.
"""

import re
from collections.abc import Iterator
from re import _constants as names  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from types import ModuleType
from typing import Any

import pytest

from _websub import links
from websubsub import _feed_tags, _html_tags

#: What counts as bounded.
FEW = 20
SEARCHED = {"_COMMA_OR_QUOTE", "_NOT_IN_A_TARGET", "_NOT_SPACE", "_COMMENT_END", "_END_OF_TEXT", "_FEED_ROOT"}


def patterns_of(module: ModuleType) -> dict[str, list[re.Pattern[Any]]]:
    """The compiled patterns of a module, by the name that they have there."""
    found = {name: value.values() if isinstance(value, dict) else [value] for name, value in vars(module).items()}
    patterns = {name: [value for value in values if isinstance(value, re.Pattern)] for name, values in found.items()}
    return {name: every for name, every in patterns.items() if every}


def unbounded(pattern: str | bytes, flags: int = 0) -> Iterator[bool]:
    """Whether each repetition without bound, inside out and in order, is possessive."""
    yield from _unbounded(parser.parse(pattern, flags & ~re.UNICODE if isinstance(pattern, bytes) else flags))


def _unbounded(part: Any) -> Iterator[bool]:
    if isinstance(part, parser.SubPattern):
        for operation, arguments in part:
            if operation in (names.MAX_REPEAT, names.MIN_REPEAT, names.POSSESSIVE_REPEAT) and arguments[1] > FEW:
                yield operation is names.POSSESSIVE_REPEAT
            yield from _unbounded(arguments)
    elif isinstance(part, list | tuple):
        for each in part:
            yield from _unbounded(each)


@pytest.mark.parametrize("module", [links, _html_tags, _feed_tags], ids=lambda module: module.__name__)
def test_what_reads_long_text_gives_nothing_back(module: ModuleType) -> None:
    patterns = patterns_of(module)
    assert patterns
    for name, every in patterns.items():
        for pattern in every:
            repetitions = list(unbounded(pattern.pattern, pattern.flags))
            assert all(repetitions), name
            assert not (name in SEARCHED and repetitions), f"{name} is searched for"


@pytest.mark.parametrize(
    ("pattern", "repetitions"),
    [
        ("a*+b", [True]),
        ("a*b", [False]),
        ("(?:x|a+?)b", [False]),
        ('(?P<quoted>"(?:[^"]|\\\\.)*+"?)', [True]),
        ("(?:a*+)*", [False, True]),
        ("(?=a*)(?>b+)a{1,20}", [False, False]),
    ],
)
def test_a_repetition_that_may_give_back_is_seen(pattern: str, repetitions: list[bool]) -> None:
    assert list(unbounded(pattern)) == repetitions
