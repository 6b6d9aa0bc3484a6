"""Run benchmarks: ``python -m tests.benchmarks [NAME ...] [--rounds N] [--report]``; without a name it lists them."""

import argparse
import sys

from tests.benchmarks import report
from tests.benchmarks.backlog import BENCHMARKS as BACKLOG
from tests.benchmarks.cluster import BENCHMARKS as CLUSTER
from tests.benchmarks.cluster import MILLION
from tests.benchmarks.dashboard import BENCHMARKS as DASHBOARD
from tests.benchmarks.discovery import BENCHMARKS as DISCOVERY
from tests.benchmarks.engine import BENCHMARKS as ENGINE
from tests.benchmarks.fetch import BENCHMARKS as FETCH
from tests.benchmarks.hub import BENCHMARKS as HUB
from tests.benchmarks.inbound import BENCHMARKS as INBOUND
from tests.benchmarks.latency import BENCHMARKS as LATENCY
from tests.benchmarks.measuring import Table
from tests.benchmarks.origins import BENCHMARKS as ORIGINS
from tests.benchmarks.parts import BENCHMARKS as PARTS
from tests.benchmarks.small import BENCHMARKS as SMALL
from tests.benchmarks.subscribe import BENCHMARKS as SUBSCRIBE
from tests.benchmarks.takeover import BENCHMARKS as TAKEOVER
from tests.benchmarks.tls import BENCHMARKS as TLS
from tests.benchmarks.topics import BENCHMARKS as TOPICS

_WHOLE = (*HUB, *SMALL, *LATENCY, *TOPICS, *ORIGINS, *SUBSCRIBE, *FETCH, *DASHBOARD)
_ALL = (*_WHOLE, *PARTS, *ENGINE, *TLS, *INBOUND, *DISCOVERY, *CLUSTER, *TAKEOVER, *BACKLOG, MILLION)
BENCHMARKS = {benchmark.name: benchmark for benchmark in _ALL}
_GROUPS = {"all": [*BENCHMARKS], "cluster": [benchmark.name for benchmark in (*CLUSTER, *TAKEOVER, *BACKLOG)]}


def main() -> int:
    """Run what was asked for; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description="Measure what things cost here.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="which to run, or all, or cluster")
    parser.add_argument("--rounds", type=int, default=5, help="how often; medians are shown (default: 5)")
    parser.add_argument("--report", action="store_true", help=f"also write the results into {report.PAGE.name}")
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in {*BENCHMARKS, *_GROUPS}]
    if unknown:
        parser.error(f"there is no benchmark named {unknown[0]}; run without a name for the list")
    if not options.names:
        for benchmark in BENCHMARKS.values():
            _say(f"{benchmark.name:20} {benchmark.question}")
        return 0
    for name in dict.fromkeys(each for word in options.names for each in _GROUPS.get(word, [word])):
        benchmark = BENCHMARKS[name]
        _say(f"\n{name}: {benchmark.question}")
        table = benchmark.table(options.rounds)
        _show(table)
        if options.report:
            report.write(name, table)
    return 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _show(table: Table) -> None:
    for name, *cells in (("", *table.columns), *table.rows):
        _say(f"{name:42}" + "".join(f"{cell:>20}" for cell in cells))


if __name__ == "__main__":
    sys.exit(main())
