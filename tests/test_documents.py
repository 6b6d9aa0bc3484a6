"""What the documents show is true: code runs, data parses, and links lead somewhere.

The python blocks of a page are run top to bottom as one program, in a folder and a process of their own. A block whose
fence says ``python no-run`` is compiled only, and an HTML comment in front of it says why.
"""

import subprocess
from pathlib import Path

import pytest

from tests.documents import ROOT, blocks, complaint, is_broken, links, program, run

README = ROOT / "README.md"
PAGES = sorted({*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("samples/**/*.md")})
#: Pages whose programs other tests run: tests/test_readme.py talks to the servers that those of the README start, and
#: tests/test_examples.py takes those of the reference from the docstrings.
RUN_ELSEWHERE = {README, *ROOT.glob("docs/reference/*.md")}
#: Found by its fence, since to read all pages takes seconds, in each worker of the tests.
RUN = [page for page in PAGES if page not in RUN_ELSEWHERE and "```python\n" in page.read_text()]


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_the_blocks_of_a_page_can_be_read(page: Path) -> None:
    wrong = [f"line {block.line}: {text}" for block in blocks(page.read_text()) if (text := complaint(block))]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("page", RUN, ids=name_of)
def test_the_python_of_a_page_runs(page: Path, tmp_path: Path) -> None:
    assert program(page.read_text())
    result = run(page.read_text(), tmp_path, page.stem)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_the_links_of_a_page_lead_somewhere(page: Path) -> None:
    assert not [link for link in links(page.read_text()) if is_broken(page, link)]


def test_every_page_can_be_reached_from_the_index() -> None:
    seen: set[Path] = set()
    waiting = [ROOT / "docs/index.md"]
    while waiting:
        page = waiting.pop()
        if page not in seen and page.suffix == ".md" and page.exists():
            seen.add(page)
            waiting += [(page.parent / link.partition("#")[0]).resolve() for link in links(page.read_text())]
    assert not {name_of(page) for page in PAGES if page.is_relative_to(ROOT / "docs")} - {
        name_of(page) for page in seen
    }


@pytest.mark.parametrize(
    ("markdown", "expected"),
    [
        ("```python\n1 +\n```", "invalid syntax"),
        ("```json\n{'a': 1}\n```", "property name"),
        ("```toml\na = \n```", "Invalid value"),
        ("```\nanything\n```", "the fence says ''"),
        ("```python no-run\nstart()\n```", "needs its reason"),
        ("```python skip\nstart()\n```", "second word"),
    ],
    ids=["python", "json", "toml", "nameless", "no-reason", "unknown-word"],
)
def test_a_wrong_block_is_found(markdown: str, expected: str) -> None:
    (block,) = blocks(markdown)
    assert expected in (complaint(block) or "")


def test_a_block_that_is_not_run_is_left_out_with_its_reason() -> None:
    markdown = (
        "<!-- needs a hub on the internet -->\n```python no-run\nraise SystemExit(1)\n```\n\n```python\nx = 1\n```\n"
    )
    assert [complaint(block) for block in blocks(markdown)] == [None, None]
    assert program(markdown).split() == ["x", "=", "1"]


def test_a_failing_page_names_its_line(tmp_path: Path) -> None:
    markdown = "# Title\n\n```python\nx = 1\n```\n\nThen:\n\n1. first\n\n   ```python\n   x / 0\n   ```\n"
    result = run(markdown, tmp_path, "page")
    assert result.returncode == 1
    assert 'page.py", line 12' in result.stderr


def test_a_page_that_hangs_is_stopped(tmp_path: Path) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        run("```python\nimport time\ntime.sleep(60)\n```", tmp_path, "page", seconds=0.5)


@pytest.mark.parametrize("link", ["nowhere.md", "index.md#no-such-heading", "../../outside.md", "#no-such-heading"])
def test_a_broken_link_is_found(link: str) -> None:
    assert is_broken(ROOT / "docs/index.md", link)
