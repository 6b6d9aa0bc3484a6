"""Public names as sections of a page."""

import inspect
from collections.abc import Iterator, Sequence
from enum import Enum
from typing import Any

import attrs

from docs.generate import docstrings, signatures
from docs.generate.signatures import Row


@attrs.frozen
class Section:
    """The section of a name.

    Attributes:
        lines: The text, in Markdown.
        undescribed: The names and arguments that no docstring describes.
    """

    lines: list[str]
    undescribed: list[str]


def section(name: str, value: Any, note: str = "") -> Section:
    """Return the section of a public name.

    Args:
        name: The name.
        value: Its value.
        note: A description, for a value that cannot have a docstring.
    """
    if not callable(value) or not getattr(value, "__module__", "").startswith(("websub", "_websub")):
        return _alias(name, value, note)
    if isinstance(value, type) and issubclass(value, Enum):
        return _enum(name, value)
    if isinstance(value, type):
        return _class(name, value)
    return _function(name, value, level=2)


def table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Return a table, in Markdown."""
    cells = [heads, tuple("---" for _ in heads), *rows]
    return ["", *(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in cells)]


def _alias(name: str, value: object, note: str) -> Section:
    lines = [f"## {name}", "", note, "", "```text", f"{name} = {signatures.written(value)}", "```"]
    return Section(lines, [] if note else [name])


def _enum(name: str, value: type[Enum]) -> Section:
    rows = [(f"`{member.name}`", f"`{member.value}`") for member in value]
    return Section([f"## {name}", "", *_text(value), *table(("Member", "Value"), rows)], [])


def _text(value: object) -> list[str]:
    said = docstrings.read(value)
    paragraphs = [each for each in (said.summary, said.body, said.example) if each]
    return "\n\n".join(paragraphs).split("\n")


def _function(name: str, value: Any, level: int) -> Section:
    rows = signatures.rows_of(value)
    said = docstrings.read(value)
    lines = [f"{'#' * level} {name}", "", "```text", signatures.signature_of(name.rpartition(".")[2], value), "```", ""]
    lines += [*_text(value), *_arguments("Argument", rows)]
    if said.returns:
        lines += ["", f"Returns: {said.returns}"]
    lines += _raises(said.raises)
    return Section(lines, _undescribed(name, value, rows))


def _raises(errors: dict[str, str]) -> list[str]:
    return table(("Raises", "When"), [(f"`{error}`", text) for error, text in errors.items()]) if errors else []


def _arguments(head: str, rows: list[Row]) -> list[str]:
    if not any(row.meaning for row in rows):
        return []
    cells = [(f"`{row.name}`", f"`{row.kind}`" if row.kind else "", row.default, row.meaning) for row in rows]
    return table((head, "Type", "Default", "Meaning"), cells)


def _undescribed(name: str, value: object, rows: list[Row]) -> list[str]:
    missing = [] if docstrings.read(value).summary else [name]
    if len(rows) == 1 and not isinstance(value, type):
        return missing  # the first line describes the only argument of a function
    return missing + [f"{name}({row.name})" for row in rows if not row.meaning]


def _class(name: str, value: type) -> Section:
    is_fields = attrs.has(value) or issubclass(value, BaseException)
    rows = signatures.rows_of(value) if _is_made(value) else []
    lines = [f"## {name}", ""]
    if not is_fields and rows:
        lines += ["```text", signatures.signature_of(name, value), "```", ""]
    lines += [*_text(value), *_status(value), *_arguments("Field" if attrs.has(value) else "Argument", rows)]
    lines += _raises(docstrings.read(value).raises)
    undescribed = _undescribed(name, value, rows)
    for part in _members(name, value):
        lines += ["", *part.lines]
        undescribed += part.undescribed
    return Section(lines, undescribed)


def _is_made(value: type) -> bool:
    """Return whether users create instances with arguments."""
    if issubclass(value, BaseException):
        return "__init__" in vars(value)
    return not getattr(value, "_is_protocol", False)


def _status(value: type) -> list[str]:
    status = getattr(value, "status", None)
    if not issubclass(value, BaseException) or not isinstance(status, int):
        return []
    above = value.__mro__[1].__name__
    kind = f", a {above}" if above not in {"Exception", "WebSubError"} else ""
    return ["", f"Status: {status}{kind}."]


def _members(name: str, value: type) -> Iterator[Section]:
    for member, raw in vars(value).items():
        if member.startswith("_"):
            continue
        if isinstance(raw, property):
            lines = [f"### {name}.{member}", "", "Property. " + " ".join(_text(raw))]
            yield Section(lines, [] if docstrings.read(raw).summary else [f"{name}.{member}"])
        elif inspect.isfunction(raw):
            yield _function(f"{name}.{member}", raw, level=3)
        elif isinstance(raw, classmethod):
            yield _function(f"{name}.{member}", getattr(value, member), level=3)
