"""A document of the project, read: its code blocks, its program, its links."""

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote

import attrs
from markdown_it import MarkdownIt
from markdown_it.token import Token

from tests.waiting import PATIENCE

ROOT = Path(__file__).parent.parent
COMMONMARK = MarkdownIt("commonmark").enable("table")
#: Blocks and headings alone, and nothing of what stands in a paragraph, which takes most of the time.
BLOCKS = MarkdownIt("commonmark").enable("table").disable(["inline", "text_join"])

_ARROW = re.compile(r"    (\[\*\]|\w+) --> \w+(: [\w ,]+)?")


def _read_mermaid(source: str) -> None:
    first, *rest = source.splitlines()
    if first != "stateDiagram-v2" or not rest:
        raise ValueError("drawings are diagrams of states")
    wrong = [line for line in rest if not _ARROW.fullmatch(line)]
    if wrong:
        raise ValueError(f"{wrong[0]!r} is no arrow from a state to another")


# What a fence may say. Fences of other languages are checked by nobody, so they are no languages here.
PARSERS: dict[str, Callable[[str], object]] = {
    "json": json.loads,
    "toml": tomllib.loads,
    "mermaid": _read_mermaid,
    "python": lambda source: compile(source, "block", "exec", dont_inherit=True),
}
UNCHECKED = {"shell", "text", "http", "xml", "html"}


@attrs.frozen
class Block:
    """One fenced block: where its content starts, what its fence says, and the HTML comment right before it."""

    line: int
    info: str
    content: str
    comment: str

    @property
    def language(self) -> str:
        return self.info.partition(" ")[0]


@cache
def tokens_of(markdown: str) -> tuple[Token, ...]:
    """The blocks that a document is made of. They are asked for time and again, by the workers of the tests too."""
    return tuple(BLOCKS.parse(markdown))


def blocks(markdown: str) -> Iterator[Block]:
    before: Token | None = None
    for token in tokens_of(markdown):
        if token.type == "fence" and token.map is not None:
            comment = before.content if before is not None and before.type == "html_block" else ""
            yield Block(token.map[0] + 1, token.info.strip(), token.content, comment)
        before = token


def program(markdown: str) -> str:
    """The python blocks of a page on the lines where they stand, so that a traceback shows the line of the page."""
    lines: list[str] = []
    for block in blocks(markdown):
        if block.info == "python":
            lines += [""] * (block.line - len(lines))
            lines += block.content.splitlines()
    return "\n".join(lines)


def complaint(block: Block) -> str | None:
    """What is wrong with a block before it is run, if anything is."""
    if block.language in UNCHECKED:
        return None
    if block.language not in PARSERS:
        return f"the fence says {block.info!r}, which is none of {', '.join(sorted({*PARSERS, *UNCHECKED}))}"
    if block.info not in {block.language, "python no-run"}:
        return f"the fence says {block.info!r}, and only 'python no-run' has a second word"
    if block.info == "python no-run" and not block.comment.startswith("<!--"):
        return "a block that is not run needs its reason in an HTML comment on the line before"
    try:
        PARSERS[block.language](block.content)
    except (SyntaxError, ValueError) as error:
        return str(error)
    return None


def anchors(markdown: str) -> set[str]:
    """The anchors of a page's headings, as code hosts make them."""
    titles = [after.content for token, after in pairwise(tokens_of(markdown)) if token.type == "heading_open"]
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@cache
def links(markdown: str) -> tuple[str, ...]:
    """Where the links and the pictures of a document lead."""
    children = (child for token in COMMONMARK.parse(markdown) for child in token.children or ())
    targets = (child.attrGet("href") or child.attrGet("src") for child in children)
    return tuple(unquote(target) for target in targets if isinstance(target, str))


def is_broken(page: Path, link: str) -> bool:
    """Whether a link to another file of the project, or to a heading in one, leads nowhere."""
    if re.match(r"[a-z]+:", link):
        return False
    path, _, anchor = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    if not target.is_relative_to(ROOT) or not target.exists():
        return True
    return bool(anchor) and target.suffix == ".md" and anchor not in anchors(target.read_text())


def run(markdown: str, folder: Path, name: str, seconds: float = PATIENCE) -> subprocess.CompletedProcess[str]:
    script = folder / f"{name}.py"
    script.write_text(program(markdown))
    return subprocess.run(
        [sys.executable, script], cwd=folder, capture_output=True, text=True, timeout=seconds, check=False
    )
