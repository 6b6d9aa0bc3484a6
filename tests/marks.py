"""The marks of the tests, read from their source, so that they are known whichever tests are run."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import attrs

TESTS = Path(__file__).parent


@attrs.frozen
class Mark:
    """One id in a mark: ``pytest.mark.threat("SSRF-1")`` above a test, or for all tests of a module.

    Attributes:
        id: The id.
        module: The module of the test, below the folder of all tests.
        test: The name of the test; empty where the mark is for the whole module.
    """

    id: str
    module: str = ""
    test: str = ""


def marks(tree: ast.AST, name: str) -> Iterator[Mark]:
    """Every id in the marks of one name in a module."""
    decorators = {
        id(decorator): function.name
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for decorator in function.decorator_list
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _is_mark(node.func, name):
            test = decorators.get(id(node), "")
            yield from (Mark(str(each.value), test=test) for each in node.args if isinstance(each, ast.Constant))


def _is_mark(function: ast.expr, name: str) -> bool:
    """Whether this is ``pytest.mark.name``; asked of every call in all tests, so without writing it out."""
    match function:
        case ast.Attribute(attr=str(attribute), value=ast.Attribute(attr="mark", value=ast.Name(id="pytest"))):
            return attribute == name
    return False


@cache
def all_marks(name: str) -> tuple[Mark, ...]:
    """Every id in the marks of one name, in all tests."""
    return tuple(
        attrs.evolve(mark, module=path.relative_to(TESTS).as_posix())
        for path in sorted(TESTS.rglob("test_*.py"))
        if f"mark.{name}" in (source := path.read_text())
        for mark in marks(ast.parse(source), name)
    )
