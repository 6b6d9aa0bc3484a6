"""Tests that measure seconds, or are in a hurry, found in their source."""

import ast
from collections.abc import Iterator

#: Seconds that a machine may need for anything at all; whoever waits for less takes its slowness for a fault.
LEAST_PATIENCE = 60

CLOCKS = {
    *("time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "process_time"),
    *("process_time_ns", "thread_time", "thread_time_ns", "current_time", "default_timer", "getrusage"),
}
#: What takes a deadline, and where among its arguments.
DEADLINES = {"fail_after": 0, "wait_for": 1, "timeout": 0}
WAITS = {"wait", "join", "communicate"}


def name_of(call: ast.AST) -> str:
    """The last part of what is called, ``time`` for ``time.time()``; empty if it is no call."""
    if not isinstance(call, ast.Call):
        return ""
    function = call.func
    return (
        function.attr if isinstance(function, ast.Attribute) else function.id if isinstance(function, ast.Name) else ""
    )


def is_clock(node: ast.AST) -> bool:
    """Whether this looks at a clock: ``time.time()``, ``monotonic()``, ``loop.time()``."""
    return name_of(node) in CLOCKS


class Names:
    """The names in a function that stand for moments, and for the durations between them."""

    def __init__(self, function: ast.AST, durations: set[str]) -> None:
        self.moments: set[str] = set()
        self.durations = set(durations)
        count = -1
        while count != len(self.moments) + len(self.durations):
            count = len(self.moments) + len(self.durations)
            for node in ast.walk(function):
                self._learn(node)

    def _learn(self, node: ast.AST) -> None:
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = {each.id for target in targets for each in ast.walk(target) if isinstance(each, ast.Name)}
            if self.is_duration(node.value):
                self.durations |= names
            elif any(map(self._is_moment, ast.walk(node.value))):
                self.moments |= names
        elif (
            name_of(node) in {"append", "add"} and isinstance(node, ast.Call) and any(map(self.is_duration, node.args))
        ):
            self.durations |= {each.id for each in ast.walk(node.func) if isinstance(each, ast.Name)}

    def _is_moment(self, node: ast.AST) -> bool:
        return is_clock(node) or (isinstance(node, ast.Name) and node.id in self.moments)

    def is_duration(self, node: ast.AST) -> bool:
        """Whether a part of this is the difference of two moments."""
        return any(map(self._is_difference, ast.walk(node)))

    def _is_difference(self, node: ast.AST) -> bool:
        if isinstance(node, ast.Name):
            return node.id in self.durations
        if isinstance(node, ast.Call):
            return name_of(node) in self.durations
        return (
            isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub) and any(map(self._is_moment, ast.walk(node)))
        )


def functions_in(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def _words_of(function: ast.AST) -> set[str]:
    """What is called and named in a function: without a clock or a duration among it, it measures nothing."""
    return {node.id if isinstance(node, ast.Name) else name_of(node) for node in ast.walk(function)}


def stopwatches(trees: dict[str, ast.Module]) -> set[str]:
    """The functions that return a duration, in any file."""
    known: set[str] = set()
    functions = [(function, _words_of(function)) for tree in trees.values() for function in functions_in(tree)]
    while found := {
        function.name
        for function, words in functions
        if function.name not in known and words & (CLOCKS | known) and _returns_duration(function, known)
    }:
        known |= found
    return known


def _returns_duration(function: ast.AST, known: set[str]) -> bool:
    returned = [node.value for node in ast.walk(function) if isinstance(node, ast.Return) and node.value is not None]
    return bool(returned) and any(map(Names(function, known).is_duration, returned))


def measured(tree: ast.Module, watches: set[str]) -> Iterator[int]:
    """The lines that assert, or decide to fail, by a duration."""
    module = Names(ast.Module([node for node in tree.body if isinstance(node, ast.Assign)], []), watches)
    for function in functions_in(tree):
        if not _words_of(function) & (CLOCKS | module.durations):
            continue
        names = Names(function, module.durations)
        for node in ast.walk(function):
            decides = node.test if isinstance(node, ast.Assert) else _raising(node)
            if decides is not None and names.is_duration(decides):
                yield node.lineno  # type: ignore[attr-defined] # a statement has one


def _raising(node: ast.AST) -> ast.expr | None:
    """The condition of an ``if`` that fails the test."""
    if not isinstance(node, ast.If):
        return None
    inside = [each for statement in node.body for each in ast.walk(statement)]
    return node.test if any(isinstance(each, ast.Raise) or name_of(each) == "fail" for each in inside) else None


def hurried(tree: ast.Module) -> Iterator[int]:
    """The lines with a deadline that a slow machine may miss."""
    constants = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    paces = {
        id(node) for loop in ast.walk(tree) if isinstance(loop, ast.While | ast.If) for node in ast.walk(loop.test)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and id(node) not in paces:
            yield from (node.lineno for each in _deadlines(node) if _is_short(each, constants))


def _deadlines(call: ast.Call) -> Iterator[ast.expr]:
    name = name_of(call)
    if name in DEADLINES:
        yield from call.args[DEADLINES[name] : DEADLINES[name] + 1]
    if name in WAITS:
        yield from call.args[:1]
    if name in {*DEADLINES, *WAITS, "run", "acquire"}:
        yield from (each.value for each in call.keywords if each.arg in {"timeout", "delay"})


def _is_short(node: ast.expr, constants: dict[str, ast.expr]) -> bool:
    if isinstance(node, ast.Name):
        node = constants.get(node.id, node)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _is_short(node.left, constants) or _is_short(node.right, constants)
    number = node.value if isinstance(node, ast.Constant) else None
    return isinstance(number, int | float) and not isinstance(number, bool) and 0 < number < LEAST_PATIENCE
