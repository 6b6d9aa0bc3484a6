"""No test measures seconds, none is in a hurry, and none picks a port and lets it go.

Each of these says something about the machine and nothing about the program: it passes where there is time, and fails
beside a busy neighbour. So the tests themselves are read here. Seconds are for ``tests/benchmarks``, for the tests
marked ``durability``, and for ``python -m tests.fuzz``, which is a command; the others count work
(``tests/work.py``), wait for what happens (``tests/waiting.py``), put a fake clock forward (``tests/clock.py``), and
hold ports that must be known beforehand (``tests/ports.py``).
"""

import ast
from functools import cache
from pathlib import Path
from textwrap import dedent

import pytest

from tests.find_ports import let_go
from tests.find_seconds import hurried, measured, stopwatches

TESTS = Path(__file__).parent
MEASURING = {"benchmarks", "durability", "fuzz"}
FAKE_CLOCKS = {"anyio_backend_with_fake_clock", "anyio_backend_and_server_with_fake_clock"}


def examples(text: str) -> dict[str, str]:
    """Programs by what they are examples of, which stands before each as a comment."""
    parts = dedent(text).split("# ")[1:]
    return {name: source for name, _, source in (part.partition("\n") for part in parts)}


@cache
def parsed() -> dict[str, ast.Module]:
    files = (path for path in TESTS.rglob("*.py") if not MEASURING & set(path.relative_to(TESTS).parts))
    return {str(path.relative_to(TESTS)): ast.parse(path.read_text()) for path in sorted(files)}


def uses_fake_clock(tree: ast.Module) -> bool:
    return any(
        isinstance(node, ast.ImportFrom) and any(each.name in FAKE_CLOCKS and each.asname for each in node.names)
        for node in tree.body
    )


def is_measuring(tree: ast.Module) -> bool:
    """Whether all tests of a file are marked as those that measure."""
    marks = (node.value for node in tree.body if isinstance(node, ast.Assign) and "pytestmark" in ast.unparse(node))
    return any("durability" in ast.unparse(mark) for mark in marks)


def test_no_test_measures_seconds() -> None:
    trees = {name: tree for name, tree in parsed().items() if not uses_fake_clock(tree) and not is_measuring(tree)}
    watches = stopwatches(trees)
    assert [f"{name}:{line}" for name, tree in trees.items() for line in measured(tree, watches)] == []


def test_no_test_is_in_a_hurry() -> None:
    trees = {name: tree for name, tree in parsed().items() if not uses_fake_clock(tree)}
    assert [f"{name}:{line}" for name, tree in trees.items() for line in hurried(tree)] == []


def test_no_test_lets_a_port_go() -> None:
    assert [f"{name}:{line}" for name, tree in parsed().items() for line in let_go(tree)] == []


MEASURED = examples(
    """
    # wall
    def test():
        start = time.monotonic()
        work()
        assert time.monotonic() - start < 2
    # cpu
    def test():
        start = process_time()
        work()
        assert process_time() - start < 2
    # event loop
    async def test():
        start = anyio.current_time()
        await work()
        assert anyio.current_time() - start < 2
    # a name for it
    def test():
        start = perf_counter()
        work()
        took = perf_counter() - start
        assert took < 2, 'slow'
    # an end of it
    def test():
        start = time.time()
        work()
        end = time.time()
        assert 1 < end - start < 2
    # the least of some
    def fastest():
        durations = []
        for _ in range(3):
            start = thread_time()
            work()
            durations.append(thread_time() - start)
        return min(durations)

    def test():
        assert fastest() < 0.1 * SLOWDOWN
    # a method
    class Process:

        def stop(self):
            start = time.monotonic()
            end()
            return time.monotonic() - start

    def test():
        assert process.stop() < 5
    # the longest
    def test():
        longest = 0.0
        while True:
            now = perf_counter()
            longest = max(longest, now - last)
            last = now
        assert longest < 0.1
    # approximately
    def test():
        assert due - time.time() == pytest.approx(120, abs=5)
    # not by assert
    def test():
        start = time.monotonic()
        work()
        if time.monotonic() - start > 2:
            pytest.fail('slow')
    # a rate
    async def test():
        start = anyio.current_time()
        assert fetches <= 2 + (anyio.current_time() - start)
    """
)
UNMEASURED = examples(
    """
    # between two moments
    def test():
        before = time.time()
        made = make()
        assert before <= made.at <= time.time()
    # a difference of counts
    def test():
        assert len(seen) - before < 2
    # a wait
    def test():
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            look()
    """
)


@pytest.mark.parametrize("source", MEASURED.values(), ids=MEASURED)
def test_a_measurement_is_found(source: str) -> None:
    tree = ast.parse(source)
    assert list(measured(tree, stopwatches({"": tree})))


@pytest.mark.parametrize("source", UNMEASURED.values(), ids=UNMEASURED)
def test_what_is_no_measurement_is_let_through(source: str) -> None:
    tree = ast.parse(source)
    assert not list(measured(tree, stopwatches({"": tree})))


HURRIED = [
    "with anyio.fail_after(5): pass",
    "SHORT = 10.0\nwith anyio.fail_after(SHORT): pass",
    "with anyio.fail_after(QUICK.seconds + 1.5): pass",
    "with anyio.fail_after(delay=2): pass",
    "asyncio.wait_for(work(), 1)",
    "process.wait(15)",
    "event.wait(timeout=5)",
    "process.communicate(timeout=10)",
    "thread.join(5)",
    "subprocess.run(command, timeout=25)",
    "semaphore.acquire(timeout=1)",
]
PATIENT = [
    "with anyio.fail_after(60): pass",
    "with anyio.fail_after(PATIENCE): pass",
    "subprocess.run(command, timeout=2 * PATIENCE)",
    "', '.join(names)",
    "event.wait()",
    "with anyio.move_on_after(0.1): pass",
    "while not stopping.wait(0.05): drip()",
]


@pytest.mark.parametrize("source", HURRIED)
def test_a_deadline_that_is_short_is_found(source: str) -> None:
    assert list(hurried(ast.parse(source)))


@pytest.mark.parametrize("source", PATIENT)
def test_a_deadline_that_only_ends_a_hang_is_let_through(source: str) -> None:
    assert not list(hurried(ast.parse(source)))


LET_GO = examples(
    """
    # returned
    def free_port():
        with socket.create_server(('127.0.0.1', 0)) as listening:
            port: int = listening.getsockname()[1]
            return port
    # returned at once
    def port():
        with socket.socket() as one:
            one.bind(('', 0))
            return one.getsockname()[1]
    # used behind
    def test():
        with socket.create_server(('', 0)) as free:
            port = free.getsockname()[1]
        serve(port)
    # of anyio
    async def test():
        async with await anyio.create_tcp_listener() as free:
            port = free.extra(SocketAttribute.local_port)
        await serve(port)
    # several
    def ports(number):
        with ExitStack() as stack:
            sockets = [stack.enter_context(socket.create_server(('', 0))) for _ in range(number)]
            return [each.getsockname()[1] for each in sockets]
    # closed early
    def test():
        with socket.create_server(('', 0)) as unused:
            port = unused.getsockname()[1]
            unused.close()
            call(port)
    # of a server
    async def test():
        async with served(app) as dead:
            pass
        await call(dead)
    # a fixture of anyio
    async def test(free_tcp_port):
        await serve(free_tcp_port)
    """
)
HELD = examples(
    """
    # used while open
    def test():
        with socket.create_server(('', 0)) as taken:
            call(taken.getsockname()[1])
    # yielded
    def held():
        with socket.socket() as one:
            one.bind(('', 0))
            yield one.getsockname()[1]
    # something else
    def test():
        with socket.create_server(('', 0)) as canary:
            found = read()
        assert found
    """
)


@pytest.mark.parametrize("source", LET_GO.values(), ids=LET_GO)
def test_a_port_that_is_let_go_is_found(source: str) -> None:
    assert list(let_go(ast.parse(source)))


@pytest.mark.parametrize("source", HELD.values(), ids=HELD)
def test_a_port_that_is_held_is_let_through(source: str) -> None:
    assert not list(let_go(ast.parse(source)))
