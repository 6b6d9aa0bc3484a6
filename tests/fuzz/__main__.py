"""Fuzz the readers of what peers send.

``python -m tests.fuzz --list`` names them, ``python -m tests.fuzz url --seconds 600`` fuzzes one, and ``--all`` one
after the other. What is found is printed as a test, and its input is written into ``--found``. Exits 1 if anything is.
"""

import argparse
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.fuzz.fuzzer import fuzz
from tests.fuzz.table import TARGETS


def main() -> int:
    """Fuzz, print what was done and found, and say whether nothing was."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.partition("\n")[0])
    parser.add_argument("name", nargs="?", choices=sorted(TARGETS), help="what to fuzz")
    parser.add_argument("--all", action="store_true", help="fuzz everything, each in a process of its own")
    parser.add_argument("--list", action="store_true", help="name what can be fuzzed")
    parser.add_argument("--seconds", type=float, default=60, help="for how long each (default: 60)")
    parser.add_argument("--seed", type=int, default=0, help="decides what is tried (default: 0)")
    parser.add_argument("--jobs", type=int, default=1, help="with --all: how many at a time (default: 1)")
    parser.add_argument("--found", type=Path, default=Path("found"), help="where inputs are written (default: found)")
    options = parser.parse_args()
    if options.list:
        for name, target in sorted(TARGETS.items()):
            sys.stdout.write(f"{name:16} {(target.check.__doc__ or '').partition(chr(10))[0]}\n")
        return 0
    if options.all:
        return _fuzz_all(options)
    if options.name is None:
        parser.error("name one, or say --all or --list")
    return _fuzz_one(options)


def _fuzz_one(options: argparse.Namespace) -> int:
    fuzzed = fuzz(TARGETS[options.name], options.seconds, options.seed)
    sys.stdout.write(f"{fuzzed}\n")
    for finding in fuzzed.findings:
        file = finding.save(options.found / finding.target)
        sys.stdout.write(f"\n{finding.detail or finding.reason}\n# {finding.reason}\n# in {file}\n{finding.as_test()}")
    return int(bool(fuzzed.findings))


def _fuzz_all(options: argparse.Namespace) -> int:
    common = ["--seconds", str(options.seconds), "--seed", str(options.seed), "--found", str(options.found)]

    def run(name: str) -> int:
        command = [sys.executable, "-m", "tests.fuzz", name, *common]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        sys.stdout.write(ran.stdout + ran.stderr)
        sys.stdout.flush()
        return ran.returncode

    with ThreadPoolExecutor(options.jobs) as threads:
        return max(threads.map(run, sorted(TARGETS)))


if __name__ == "__main__":
    sys.exit(main())
