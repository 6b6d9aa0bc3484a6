"""Writes results into the documentation: a table, a plot, and the machine that they are of."""

import platform
import re
import sqlite3
import ssl
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from xml.sax.saxutils import escape

from tests.benchmarks.measuring import Table

PAGE = Path(__file__).parent.parent.parent / "docs/reference/performance.md"
_PLOTS = PAGE.with_suffix("")
_BAR = 22
_NAMES = 300
_WIDTH = 860
_NUMBERS = 90
_STYLE = "text{font:13px sans-serif;fill:#555}rect{fill:#3b7dd8}"


def write(name: str, table: Table) -> None:
    """Replace the results of a benchmark on the page by these, and say which machine they are of."""
    _PLOTS.mkdir(exist_ok=True)
    (_PLOTS / f"{name}.svg").write_text(plot(table))
    page = PAGE.read_text()
    page = replaced(page, name, f"{markdown(table)}\n\n![{name}]({_PLOTS.name}/{name}.svg)")
    PAGE.write_text(replaced(page, "machine", machine()))


def replaced(page: str, name: str, text: str) -> str:
    """The page with another text between the two comments that name it.

    Raises:
        ValueError: The page has no such comments.
    """
    begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
    before, found, rest = page.partition(begin)
    _, ended, after = rest.partition(end)
    if not (found and ended):
        raise ValueError(f"The page has no place for {name}.")
    return f"{before}{begin}{text}\n{end}{after}"


def markdown(table: Table) -> str:
    """The table as Markdown."""
    rows = [("", *table.columns), ("---", *("---:" for _ in table.columns)), *table.rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def plot(table: Table) -> str:
    """The table as horizontal bars, in SVG."""
    most = max(table.bars, default=0.0) or 1.0
    height = (len(table.rows) + 1) * _BAR + 8
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}">',
        f"<style>{_STYLE}</style>",
        f'<text x="{_NAMES}" y="16">{escape(table.unit)}</text>',
    ]
    for number, (row, value) in enumerate(zip(table.rows, table.bars, strict=True), start=1):
        top = number * _BAR
        width = value / most * (_WIDTH - _NAMES - _NUMBERS)
        lines += [
            f'<text x="{_NAMES - 8}" y="{top + 16}" text-anchor="end">{escape(row[0])}</text>',
            f'<rect x="{_NAMES}" y="{top + 3}" width="{width:.1f}" height="{_BAR - 6}"/>',
            f'<text x="{_NAMES + width + 6:.1f}" y="{top + 16}">{value:,.1f}</text>',
        ]
    return "\n".join([*lines, "</svg>", ""])


def machine() -> str:
    """The machine and the software, in one sentence."""
    cpu = re.search(r"model name\s*: (.+)", _read("/proc/cpuinfo"))
    memory = re.search(r"MemTotal:\s*(\d+)", _read("/proc/meminfo"))
    software = [
        f"Linux {platform.release()}",
        f"Python {platform.python_version()}",
        f"SQLite {sqlite3.sqlite_version}",
        ssl.OPENSSL_VERSION.rsplit(" ", 3)[0],
        *(f"{name} {_version(name)}" for name in ("anyio", "uvloop", "hypercorn", "uvicorn", "httptools", "httpx")),
    ]
    cores = _read("/proc/cpuinfo").count("processor\t")
    hardware = f"{cores} cores of {cpu[1] if cpu else platform.machine()}"
    size = f"{int(memory[1]) / 1_000_000:.0f} GB" if memory else "unknown memory"
    return f"Measured on {hardware}, {size}, with {', '.join(software)}."


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "(none)"
