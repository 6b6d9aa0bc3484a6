"""Hooks of mkdocs: names in the reference link to their entries, and llms.txt lists all pages for programs."""

import re
from pathlib import Path
from typing import Any

import websubhub.testing
import websubsub

_PUBLIC = {*websubhub.__all__, *websubhub.testing.__all__, *websubsub.__all__}
_REFERENCE = "reference/"
_ENTRY = re.compile(r"^#{2,3} (\w+(?:\.\w+)*)$", re.MULTILINE)
_FENCE = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"(?<![`\[])`([\w.\[\], |]+)`(?![`\]])")
_ESCAPED = re.compile(r"`[^`]*`")
_NAME = re.compile(r"\w+(?:\.\w+)*")


def on_page_markdown(markdown: str, page: Any, config: Any, **_: Any) -> str:
    """Return a page as the site shows it. In the reference, names and types link to their entries."""
    where = page.file.src_uri
    markdown = plain_pipes(markdown)
    if not where.startswith(_REFERENCE):
        return markdown
    return linked(markdown, where.removeprefix(_REFERENCE), entries(Path(config["docs_dir"]) / _REFERENCE))


def plain_pipes(markdown: str) -> str:
    """Return a page without backslashes before pipes in the code of tables: the site would show them."""
    row = re.compile(r"^\|.*", re.MULTILINE)
    return row.sub(lambda line: _ESCAPED.sub(lambda code: code[0].replace("\\|", "|"), line[0]), markdown)


def entries(folder: Path) -> dict[str, list[str]]:
    """Return the pages of the reference with an entry for a name, by name."""
    found: dict[str, list[str]] = {}
    for page in sorted(folder.glob("*.md")):
        for name in _ENTRY.findall(page.read_text()):
            if name.partition(".")[0] in _PUBLIC:  # other headings are plain text
                found.setdefault(name, []).append(page.name)
    return found


def linked(markdown: str, page: str, known: dict[str, list[str]]) -> str:
    """Return a page with each piece of code linked to the entry of the first name in it, if one is known."""

    def link(match: re.Match[str]) -> str:
        for name in _NAME.findall(match[1]):
            home = _home(known.get(name, []), page)
            if home:
                return f"[{match[0]}]({home}#{name.replace('.', '').lower()})"
        return match[0]

    parts = _FENCE.split(markdown)
    lines = [
        part
        if part.startswith("```")
        else "\n".join(line if line.startswith("#") else _CODE.sub(link, line) for line in part.split("\n"))
        for part in parts
    ]
    return "".join(lines)


def _home(pages: list[str], page: str) -> str | None:
    """Return the page of a name. If both packages have the name, prefer the package of the current page."""
    own = [each for each in pages if each.startswith("subscriber-") == page.startswith("subscriber-")]
    return next(iter(own or pages), None)


def on_post_build(config: Any, **_: Any) -> None:
    """Write ``llms.txt`` and ``llms-full.txt`` into the site."""
    docs, site = Path(config["docs_dir"]), Path(config["site_dir"])
    lines = [f"# {config['site_name']}", "", f"> {config['site_description']}", ""]
    whole = []
    for page in sorted(docs.rglob("*.md")):
        where = page.relative_to(docs).as_posix()
        text = page.read_text()
        title = next((line[2:] for line in text.splitlines() if line.startswith("# ")), where)
        lines.append(f"- [{title}]({where.removesuffix('.md').removesuffix('index')}): {_first_sentence(text)}")
        whole.append(text)
    (site / "llms.txt").write_text("\n".join(lines) + "\n")
    (site / "llms-full.txt").write_text("\n\n".join(whole))


def _first_sentence(text: str) -> str:
    plain = [line for line in text.splitlines() if line and line[0].isalnum()]
    return plain[0] if plain else ""
