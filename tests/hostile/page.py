"""The page with the defence against each threat, and the tests that show it."""

from collections import defaultdict
from pathlib import Path

from tests.hostile.holds import HOLDS
from tests.hostile.threats import ELSEWHERE, THREATS
from tests.marks import Mark, all_marks

PAGE = Path(__file__).parent.parent.parent / "docs" / "explanation" / "threats.md"

FAMILIES = {
    "SSRF": "Making the hub call private addresses",
    "AMP": "Making the hub attack others",
    "CH": "Challenges",
    "SIG": "Signatures",
    "CAP": "Callbacks",
    "HI": "Headers",
    "LI": "Logs",
    "SEC": "Secrets",
    "FORM": "Forms",
    "URL": "URLs",
    "SLOW": "Slow peers",
    "BODY": "Bodies",
    "GZ": "Compressed answers",
    "XML": "XML",
    "HTML": "HTML",
    "LINK": "Link headers",
    "BQ": "Growth",
    "SMG": "Ambiguous requests",
    "DOS": "Stopping a hub",
}
_HEAD = """\
# Threats, one by one

This page lists the attacks that peers can try, the defence against each, and the tests that show it.
[Security](security.md) explains the defences, their limits, and what is left to you.

`python -m tests.hostile` generates this page from the marks of the tests.
It names at most three test modules for each threat.
`python -m tests.durability.siege` runs most of the attacks on availability at once, against a hub in its own process.
"""
_MODULES = 3


def page() -> str:
    """Return the text of the page."""
    shown = defaultdict[str, list[Mark]](list)
    for mark in all_marks("threat"):
        shown[mark.id].append(mark)
    lines = [_HEAD]
    for family, title in FAMILIES.items():
        lines += [f"## {title}", "", "| | Attack | Defence | Tests |", "|---|---|---|---|"]
        lines += [_row(id_, shown[id_]) for id_ in THREATS if id_.rpartition("-")[0] == family]
        lines.append("")
    return "\n".join([*lines, "Back to the [explanations](index.md).", ""])


def _row(id_: str, marks: list[Mark]) -> str:
    holds = HOLDS[id_] if id_ in HOLDS else ELSEWHERE[id_]
    modules = sorted({mark.module for mark in marks}, key=lambda module: (not module.startswith("hostile/"), module))
    names = ", ".join(f"[{_name(module)}](../../tests/{module})" for module in modules[:_MODULES])
    return f"| {id_} | {THREATS[id_]} | {holds} | {names or 'no test'} |"


def _name(module: str) -> str:
    return module.rpartition("/")[2].removeprefix("test_").removesuffix(".py").replace("_", " ")
