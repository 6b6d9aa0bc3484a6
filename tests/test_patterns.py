"""Regular expressions that read long text from strangers never try twice: what they take, they do not give back.

What a pattern does inside is not counted by ``tests/work.py``. It is linear by its form: each repetition without bound
is possessive or an atomic group of its own, and a pattern that is searched for, at any place of the text, has none.
Only characters are repeated possessively: Python before 3.11.5 reads a possessive group wrongly.
"""

import re
from collections.abc import Iterator
from re import _constants as names  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from types import ModuleType
from typing import Any

import pytest

from _websub.grammar import links, xml
from websubsub._discovery import feed_tags as _feed_tags
from websubsub._discovery import html_tags as _html_tags
from websubsub._discovery import sniffing as _sniffing

#: What counts as bounded.
FEW = 20
#: What repeats one character at a time.
CHARACTERS = {names.ANY, names.CATEGORY, names.IN, names.LITERAL, names.NOT_LITERAL}
SEARCHED = {"_COMMA_OR_QUOTE", "_NOT_IN_A_TARGET", "_NOT_SPACE", "_COMMENT_END", "_END_OF_TEXT", "_FEED_ROOT"}


def patterns_of(module: ModuleType) -> dict[str, list[re.Pattern[Any]]]:
    """The compiled patterns of a module, by the name that they have there."""
    found = {name: value.values() if isinstance(value, dict) else [value] for name, value in vars(module).items()}
    patterns = {name: [value for value in values if isinstance(value, re.Pattern)] for name, values in found.items()}
    return {name: every for name, every in patterns.items() if every}


def possessive_groups(pattern: str | bytes) -> Iterator[Any]:
    """What is repeated possessively without being a character or a set of them."""
    return _possessive_groups(parser.parse(pattern))


def _is_character(part: Any) -> bool:
    return len(part) == 1 and part[0][0] in CHARACTERS


def _possessive_groups(part: Any) -> Iterator[Any]:
    if isinstance(part, parser.SubPattern):
        for operation, arguments in part:
            if operation is names.POSSESSIVE_REPEAT and not _is_character(arguments[2]):
                yield arguments[2]
            yield from _possessive_groups(arguments)
    elif isinstance(part, list | tuple):
        for each in part:
            yield from _possessive_groups(each)


def unbounded(pattern: str | bytes, flags: int = 0) -> Iterator[bool]:
    """Whether each repetition without bound, inside out and in order, is possessive."""
    yield from _unbounded(parser.parse(pattern, flags & ~re.UNICODE if isinstance(pattern, bytes) else flags))


def _as_possessive(part: Any) -> Any:
    """What is the same as an atomic group of one repetition; anything else as it is."""
    operation, arguments = part
    if operation is names.ATOMIC_GROUP and len(arguments) == 1 and arguments[0][0] is names.MAX_REPEAT:
        return names.POSSESSIVE_REPEAT, arguments[0][1]
    return part


def _unbounded(part: Any) -> Iterator[bool]:
    if isinstance(part, parser.SubPattern):
        for operation, arguments in map(_as_possessive, part):
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
        ("(?>(?:a*+|b+)*)", [True, True, False]),
        ("(?>a*b)", [False]),
        ("(?=a*)(?>b+)a{1,20}", [False, True]),
    ],
)
def test_a_repetition_that_may_give_back_is_seen(pattern: str, repetitions: list[bool]) -> None:
    assert list(unbounded(pattern)) == repetitions


@pytest.mark.parametrize("module", [links, xml, _html_tags, _feed_tags, _sniffing], ids=lambda module: module.__name__)
def test_no_group_is_repeated_possessively(module: ModuleType) -> None:
    for name, every in patterns_of(module).items():
        for pattern in every:
            assert not list(possessive_groups(pattern.pattern)), name


@pytest.mark.parametrize("pattern", ["(?:a|bc)*+", "(?:ab)?+", "x(?>(?:y(a)++)*)", "(?:[ab]c)++"])
def test_a_possessive_group_is_seen(pattern: str) -> None:
    assert list(possessive_groups(pattern))


@pytest.mark.parametrize("pattern", ["a*+", "[^a]++", r"\s?+", ".*+", "(?>(?:ab)*)", "(?:ab)*"])
def test_a_possessive_character_is_none(pattern: str) -> None:
    assert not list(possessive_groups(pattern))
