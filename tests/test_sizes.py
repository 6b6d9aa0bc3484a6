"""Rooms stay small: a module that outgrows the limit holds two concepts, a function that does has two thoughts."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MODULES = sorted(path for package in ("_websub", "websubhub", "websubsub") for path in ROOT.glob(f"{package}/**/*.py"))
LINES_OF_A_MODULE = 300
LINES_OF_A_FUNCTION = 40
METHODS_OF_A_CLASS = 15
ATTRIBUTES_OF_A_CLASS = 13
#: What the docstring of a class says that has more, before its reason.
REASON = "one class because"
MODULES_OF_A_ROOM = 16

Function = ast.FunctionDef | ast.AsyncFunctionDef


def name_of(module: Path) -> str:
    return module.relative_to(ROOT).as_posix()


def functions(tree: ast.AST) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def lines_of(function: Function) -> int:
    """The lines of a function without its docstring, from the def to the end."""
    length = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function, clean=False) is not None:
        length -= (first.end_lineno or first.lineno) - first.lineno + 1
    return length


def attributes_of(definition: ast.ClassDef) -> set[str]:
    """The attributes that a class declares or its methods set."""
    declared = {
        node.target.id
        for node in definition.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }
    return declared | {
        node.attr
        for method in definition.body
        if isinstance(method, Function)
        for node in ast.walk(method)
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Store)
        and isinstance(node.value, ast.Name)
        and node.value.id == "self"
    }


def too_many_attributes(definition: ast.ClassDef) -> bool:
    """Whether a class has more attributes than can be kept in mind, and does not say why."""
    words = " ".join((ast.get_docstring(definition) or "").split())
    return len(attributes_of(definition)) > ATTRIBUTES_OF_A_CLASS and REASON not in words


def too_large(source: str) -> list[str]:
    tree = ast.parse(source)
    found = [
        f"{each.name} has {lines_of(each)} lines" for each in functions(tree) if lines_of(each) > LINES_OF_A_FUNCTION
    ]
    for each in ast.walk(tree):
        if isinstance(each, ast.ClassDef):
            methods = sum(isinstance(node, Function) for node in each.body)
            found += [f"{each.name} has {methods} methods"] if methods > METHODS_OF_A_CLASS else []
            found += [f"{each.name} has {len(attributes_of(each))} attributes"] if too_many_attributes(each) else []
    lines = source.count("\n")
    return found + ([f"the module has {lines} lines"] if lines > LINES_OF_A_MODULE else [])


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_a_module_and_its_parts_are_small(module: Path) -> None:
    assert not too_large(module.read_text())


@pytest.mark.parametrize("room", sorted({module.parent for module in MODULES}), ids=name_of)
def test_a_room_holds_what_can_be_taken_in_at_a_look(room: Path) -> None:
    assert len([module for module in room.glob("*.py") if module.stem != "__init__"]) <= MODULES_OF_A_ROOM


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x = 1\n" * 301, "the module has 301 lines"),
        ("def f():\n" + "    x = 1\n" * 40, "f has 41 lines"),
        ("async def f():\n    '''Say.'''\n" + "    x = 1\n" * 40, "f has 41 lines"),
        ("class C:\n" + "".join(f"    def m{n}(self): ...\n" for n in range(16)), "C has 16 methods"),
        (
            "class C:\n    def f(self):\n" + "".join(f"        self.a{n} = 1\n" for n in range(14)),
            "C has 14 attributes",
        ),
        ("class C:\n" + "".join(f"    a{n}: int\n" for n in range(14)), "C has 14 attributes"),
    ],
    ids=["module", "function", "coroutine", "class", "attributes", "fields"],
)
def test_a_large_one_is_found(source: str, expected: str) -> None:
    assert too_large(source) == [expected]


def test_a_class_may_say_why_it_has_many_attributes() -> None:
    fields = "".join(f"    a{n}: int\n" for n in range(14))
    assert too_large(f'class C:\n    """What it is,\n    in one class because it is one thing."""\n{fields}') == []
