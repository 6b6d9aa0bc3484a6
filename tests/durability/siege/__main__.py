"""Attack a hub in all ways at once, and say what others notice: ``python -m tests.durability.siege --minutes 5``."""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.durability.siege.attackers import ATTACKS
from tests.durability.siege.run import besiege


def main() -> int:
    """Run it, say what came of it, and return 1 if a bar was missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.durability.siege", description=__doc__.partition(":")[0])
    parser.add_argument("--minutes", type=float, default=5, help="for how long to measure (default: 5)")
    parser.add_argument("--only", nargs="+", default=(), choices=ATTACKS, help="the attacks (default: all)")
    parser.add_argument("--warming", type=float, default=20, help="seconds of attacks before that (default: 20)")
    parser.add_argument("--log", type=Path, help="where to leave what the hub has logged")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report = besiege(Path(folder), options.minutes * 60, options.only, options.warming)
    if options.log is not None:
        options.log.write_text(report.log)
    sys.stdout.write(f"{report}\n")
    return 1 if report.missed else 0


if __name__ == "__main__":  # attacks start a process that imports this module
    sys.exit(main())
