"""Reading docstrings in the Google style."""

import inspect
import re

import attrs

_SECTIONS = {"Args", "Attributes", "Returns", "Raises", "Yields", "Example"}
_ENTRY = re.compile(r"([A-Za-z_][\w, ]*): (.*)")


@attrs.frozen
class Docstring:
    """The parts of a docstring.

    Attributes:
        summary: The first line.
        body: The paragraphs after it, without sections.
        described: Arguments and attributes, by name.
        returns: The description of the return value.
        raises: The errors, by name.
        example: A program, in a Markdown fence.
    """

    summary: str
    body: str
    described: dict[str, str]
    returns: str
    raises: dict[str, str]
    example: str


def read(value: object) -> Docstring:
    """Return the docstring of a class, function or property, or an empty one if it has none."""
    text = (
        inspect.cleandoc(vars(value).get("__doc__") or "") if isinstance(value, type) else inspect.getdoc(value) or ""
    )
    sections = _split(text)
    summary, _, body = sections.pop("", "").partition("\n")
    return Docstring(
        summary=_inline(summary),
        body=_paragraphs(body.strip("\n")),
        described=_entries(sections.get("Args", "")) | _entries(sections.get("Attributes", "")),
        returns=_inline(_joined(sections.get("Returns", ""))),
        raises=_entries(sections.get("Raises", "")),
        example=inspect.cleandoc(sections.get("Example", "")),
    )


def _split(text: str) -> dict[str, str]:
    sections: dict[str, str] = {"": ""}
    name = ""
    for line in text.splitlines():
        if line.endswith(":") and line[:-1] in _SECTIONS:
            name = line[:-1]
            sections[name] = ""
        else:
            sections[name] += f"{line}\n"
    return sections


def _entries(section: str) -> dict[str, str]:
    entries: dict[str, str] = {}
    names: list[str] = []
    for line in inspect.cleandoc(section).splitlines():
        match = _ENTRY.fullmatch(line)
        if match:
            names = [name.strip() for name in match[1].split(",")]
            entries |= dict.fromkeys(names, match[2])
        else:
            entries |= {name: f"{entries[name]} {line.strip()}" for name in names}
    return {name: _inline(text.strip()) for name, text in entries.items()}


def _joined(text: str) -> str:
    return " ".join(text.split())


def _inline(text: str) -> str:
    """Return text with its code marked as in Markdown."""
    return text.replace("``", "`")


def _paragraphs(body: str) -> str:
    """Return paragraphs on one line each, and whatever follows ``::`` as a block of text."""
    written: list[str] = []
    for paragraph in re.split(r"\n\n+", body):
        if paragraph == "::" or not paragraph.strip():
            continue
        if paragraph.startswith("    "):
            written.append(f"```text\n{inspect.cleandoc(paragraph)}\n```")
        else:
            written.append(_inline(_joined(paragraph)))
    return "\n\n".join(written)
