"""Ports that are picked and let go, found in the source of tests."""

import ast
from collections.abc import Iterator

from tests.find_seconds import functions_in, name_of

OPENED = {"create_server", "socket", "listen", "create_tcp_listener", "served", "serving"}
PORT_OF = {"getsockname", "extra"}


def let_go(tree: ast.Module) -> Iterator[int]:
    """The lines that give away, or use, the port of a socket that is closed by then."""
    for function in functions_in(tree):
        if any(each.arg == "free_tcp_port" for each in function.args.args):
            yield function.lineno  # the fixture of AnyIO does just that
        for block in ast.walk(function):
            if isinstance(block, ast.With | ast.AsyncWith):
                yield from _let_go_of(function, block)


def _let_go_of(function: ast.AST, block: ast.With | ast.AsyncWith) -> Iterator[int]:
    within = [node for statement in block.body for node in ast.walk(statement)]
    yield from (node.lineno for node in within if isinstance(node, ast.Return) and _tells_port(node))
    ports, closed_at = _ports_of(block), block.end_lineno or 0
    if not ports:
        return
    closed_at = min([closed_at, *(each.lineno for each in within if name_of(each) == "close")])  # type: ignore[attr-defined]
    returned = [id(node) for each in within if isinstance(each, ast.Return) for node in ast.walk(each)]
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and node.id in ports and (node.lineno > closed_at or id(node) in returned):
            yield node.lineno


def _ports_of(block: ast.With | ast.AsyncWith) -> set[str]:
    """The names that a block gives to the ports, or the URL, of what it opens."""
    items = [item for item in block.items if any(name_of(node) in OPENED for node in ast.walk(item.context_expr))]
    if not items:
        return set()
    if all(isinstance(statement, ast.Pass) for statement in block.body):
        return {each.id for item in items for each in ast.walk(item) if isinstance(each, ast.Name) and _is_stored(each)}
    assigned = (node for node in ast.walk(block) if isinstance(node, ast.Assign | ast.AnnAssign) and _tells_port(node))
    return {each.id for node in assigned for each in ast.walk(node) if isinstance(each, ast.Name) and _is_stored(each)}


def _is_stored(name: ast.Name) -> bool:
    return isinstance(name.ctx, ast.Store)


def _tells_port(node: ast.AST | None) -> bool:
    """Whether this is the port of a socket, or a text that is made of it."""
    match node:
        case ast.Call():
            return name_of(node) in PORT_OF or (name_of(node) in {"str", "int"} and any(map(_tells_port, node.args)))
        case ast.Assign() | ast.AnnAssign() | ast.Return() | ast.Subscript() | ast.FormattedValue():
            return _tells_port(node.value)
        case ast.JoinedStr(values=parts) | ast.Tuple(elts=parts) | ast.List(elts=parts):
            return any(map(_tells_port, parts))
        case ast.ListComp() | ast.GeneratorExp():
            return _tells_port(node.elt)
    return False
