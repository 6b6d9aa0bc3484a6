"""Measure CPU time, in rounds that take every variant once, so that a neighbour's load falls on all of them alike."""

import resource
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

import attrs


@attrs.frozen
class Cost:
    """What a number of operations cost the process that did them."""

    operations: int
    cpu_seconds: float
    wall_seconds: float

    @property
    def cpu_per_thousand(self) -> float:
        """CPU seconds for 1,000 operations."""
        return self.cpu_seconds / self.operations * 1000

    @property
    def rate(self) -> float:
        """Operations in a second of wall time."""
        return self.operations / self.wall_seconds


@attrs.frozen
class Variant:
    """One way to do the operations of a benchmark."""

    name: str
    run: Callable[[], Cost]


@attrs.frozen
class Table:
    """What was measured.

    Attributes:
        columns: The heads of the columns behind the name.
        rows: For each variant its name and the texts of its columns.
        bars: For each variant the number to draw.
        unit: The unit of these numbers.
    """

    columns: Sequence[str]
    rows: Sequence[tuple[str, ...]]
    bars: Sequence[float]
    unit: str


@attrs.frozen
class Benchmark:
    """A question to be answered with costs that are compared.

    Attributes:
        name: What to type.
        question: What the numbers say.
        variants: Opens what is needed and gives the variants. The first one is what the others are compared to.
    """

    name: str
    question: str
    variants: Callable[[], Iterable[Sequence[Variant]]]

    def table(self, rounds: int) -> Table:
        """The medians of so many rounds."""
        with opened(self) as variants:
            lines = measure(variants, rounds)
        return Table(
            ("CPU s / 1,000", "ratio", "per second"),
            [(line.name, f"{line.cpu_per_thousand:.4f}", f"{line.ratio:.2f}", f"{line.rate:,.0f}") for line in lines],
            [line.cpu_per_thousand * 1000 for line in lines],
            "CPU microseconds each",
        )


@attrs.frozen
class Reading:
    """A question to be answered with other numbers.

    Attributes:
        name: What to type.
        question: What the numbers say.
        table: Measures them, in as many rounds as it is told.
    """

    name: str
    question: str
    table: Callable[[int], Table]


class Stopwatch:
    """Takes the CPU time of this process, or of the children it waited for, and the wall time."""

    def __init__(self, who: int = resource.RUSAGE_SELF) -> None:
        self._who = who
        self._cpu = _cpu_seconds(who)
        self._wall = time.perf_counter()

    def stop(self, operations: int) -> Cost:
        """The cost since the start."""
        return Cost(operations, _cpu_seconds(self._who) - self._cpu, time.perf_counter() - self._wall)


def _cpu_seconds(who: int) -> float:
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


@attrs.frozen
class Line:
    """The medians of a variant over all rounds."""

    name: str
    cpu_per_thousand: float
    ratio: float
    rate: float


def measure(variants: Sequence[Variant], rounds: int) -> list[Line]:
    """Run every variant once a round, and take the medians of its costs and of its ratios to the first one."""
    costs: dict[str, list[Cost]] = {variant.name: [] for variant in variants}
    for _ in range(rounds):
        for variant in variants:
            costs[variant.name].append(variant.run())
    floor = [cost.cpu_per_thousand for cost in costs[variants[0].name]]
    return [
        Line(
            name,
            statistics.median(cost.cpu_per_thousand for cost in own),
            statistics.median(cost.cpu_per_thousand / least for cost, least in zip(own, floor, strict=True)),
            statistics.median(cost.rate for cost in own),
        )
        for name, own in costs.items()
    ]


@contextmanager
def opened(benchmark: Benchmark) -> Iterator[Sequence[Variant]]:
    """The variants of a benchmark, with the sinks they need running."""
    steps = iter(benchmark.variants())
    yield next(steps)
    for _ in steps:
        raise AssertionError("A benchmark gives its variants once.")
