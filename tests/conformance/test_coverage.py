"""Every requirement and every threat has a test that shows it, or a reason why it has none.

The marks are read from the source of the tests, so this holds whichever of them are run.
"""

import ast
import importlib
from pathlib import Path
from types import ModuleType

import pytest

from tests.hostile import threats
from tests.marks import Mark, all_marks, marks

HERE = Path(__file__).parent


def lists(kind: str) -> list[ModuleType]:
    if kind == "threat":
        return [threats]
    return [importlib.import_module(f"tests.conformance.{path.stem}") for path in sorted(HERE.glob(f"{kind}_*.py"))]


def marked(name: str) -> set[str]:
    return {mark.id for mark in all_marks(name)}


def merged(modules: list[ModuleType], attribute: str) -> dict[str, str]:
    return {id_: text for module in modules for id_, text in getattr(module, attribute).items()}


def sort_key(id_: str) -> tuple[str, int]:
    letters = id_.rstrip("0123456789")
    return letters, int(id_[len(letters) :])


KINDS = {"spec": ("spec", "REQUIREMENTS"), "parity": ("parity", "BEHAVIOURS"), "threat": ("threat", "THREATS")}


@pytest.mark.parametrize("kind", KINDS)
def test_every_id_has_a_test_or_a_reason(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    mark, attribute = KINDS[kind]
    modules = lists(kind)
    wanted, elsewhere, found = merged(modules, attribute), merged(modules, "ELSEWHERE"), marked(mark)
    covered = found & set(wanted)
    with capsys.disabled():
        print(f"\n{kind}: {len(wanted)} ids, {len(covered)} with tests, {len(set(elsewhere) - covered)} with a reason")  # noqa: T201  a count is for the reader
    assert not sorted(set(wanted) - covered - set(elsewhere), key=sort_key), "neither tested nor explained"


@pytest.mark.parametrize("kind", KINDS)
def test_marks_and_reasons_name_ids_of_the_lists(kind: str) -> None:
    mark, attribute = KINDS[kind]
    modules = lists(kind)
    wanted = set(merged(modules, attribute))
    assert not marked(mark) - wanted, "no such id"
    assert not set(merged(modules, "ELSEWHERE")) - wanted, "no such id"


@pytest.mark.parametrize("kind", KINDS)
def test_no_id_has_both_a_test_and_a_reason_why_it_has_none(kind: str) -> None:
    assert not marked(KINDS[kind][0]) & set(merged(lists(kind), "ELSEWHERE"))


@pytest.mark.parametrize("kind", KINDS)
def test_no_two_lists_claim_one_id(kind: str) -> None:
    claimed = [id_ for module in lists(kind) for id_ in getattr(module, KINDS[kind][1])]
    assert len(claimed) == len(set(claimed))


def test_marks_are_found_wherever_they_stand() -> None:
    source = "pytestmark = pytest.mark.spec('A-1')\n@pytest.mark.spec('A-2', 'A-3')\ndef test_x(): ...\n"
    assert list(marks(ast.parse(source), "spec")) == [
        Mark("A-1"),
        Mark("A-2", test="test_x"),
        Mark("A-3", test="test_x"),
    ]
    assert not list(marks(ast.parse(source), "parity"))
