"""A page of the reference: a title, an introduction, and a section for each name."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import attrs

from docs.generate.sections import Section

FOLDER = Path(__file__).parent.parent / "reference"


@attrs.frozen
class Topic:
    """A page of names.

    Attributes:
        file: The file.
        title: The heading.
        intro: The introduction.
        names: The names on it, in this order.
    """

    file: str
    title: str
    intro: str
    names: tuple[str, ...] = ()


class Pages:
    """The generated pages of one package.

    Args:
        topics: The pages of names.
        sections: Returns the sections of one of them.
    """

    def __init__(self, topics: Iterable[Topic], sections: Callable[[Topic], Iterable[Section]]) -> None:
        self._topics = tuple(topics)
        self._sections = sections

    def written(self, others: Mapping[str, list[str]]) -> dict[Path, str]:
        """Return every page by its file.

        Args:
            others: The lines of pages that are not lists of names, by their files.
        """
        return written({**{topic.file: self._lines(topic) for topic in self._topics}, **others})

    def undescribed(self) -> list[str]:
        """Return everything on the pages that no docstring describes."""
        return [name for topic in self._topics for each in self._sections(topic) for name in each.undescribed]

    def _lines(self, topic: Topic) -> list[str]:
        lines = [f"# {topic.title}", "", topic.intro]
        for each in self._sections(topic):
            lines += ["", *each.lines]
        return lines


def written(pages: Mapping[str, list[str]], command: str = "python -m docs.generate") -> dict[Path, str]:
    """Return the text of pages by their files.

    Args:
        pages: Their lines.
        command: The command that writes them.
    """
    foot = f"\n\nThis page is generated: `{command}` writes it from the code.\n\nBack to the [reference](index.md).\n"
    return {FOLDER / file: "\n".join(lines) + foot for file, lines in pages.items()}


def elsewhere(name: str, said: str) -> Section:
    """Return the section of a name that is described on another page."""
    return Section([f"## {name}", "", said], [])


def in_order(first: Iterable[str], found: Iterable[str]) -> Iterator[str]:
    """Return all names, with the given ones first."""
    return iter(dict.fromkeys((*first, *found)))
