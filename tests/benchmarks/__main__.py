"""Run benchmarks: ``python -m tests.benchmarks [NAME ...] [--rounds N]``; without a name it lists them."""

import argparse
import sys

from tests.benchmarks.discovery import BENCHMARKS as DISCOVERY
from tests.benchmarks.engine import BENCHMARKS as ENGINE
from tests.benchmarks.measuring import Benchmark, measure, opened

BENCHMARKS = {
    benchmark.name: benchmark
    for benchmark in (
        *ENGINE,
        *DISCOVERY,
    )
}


def main() -> int:
    """Run what was asked for; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description="Measure what things cost here.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="which to run, or all")
    parser.add_argument("--rounds", type=int, default=5, help="how often; medians are shown (default: 5)")
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in {*BENCHMARKS, "all"}]
    if unknown:
        parser.error(f"there is no benchmark named {unknown[0]}; run without a name for the list")
    if not options.names:
        for benchmark in BENCHMARKS.values():
            _say(f"{benchmark.name:20} {benchmark.question}")
        return 0
    for name in BENCHMARKS if "all" in options.names else options.names:
        _run(BENCHMARKS[name], options.rounds)
    return 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _run(benchmark: Benchmark, rounds: int) -> None:
    _say(f"\n{benchmark.name}: {benchmark.question}")
    _say(f"{'':42} {'CPU s / 1,000':>14} {'ratio':>8} {'per second':>12}")
    with opened(benchmark) as variants:
        for line in measure(variants, rounds):
            _say(f"{line.name:42} {line.cpu_per_thousand:14.4f} {line.ratio:8.2f} {line.rate:12,.0f}")


sys.exit(main())
