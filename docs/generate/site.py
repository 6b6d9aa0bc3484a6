"""A hook of mkdocs: llms.txt, a list of all pages for programs that read documentation."""

from pathlib import Path
from typing import Any


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
