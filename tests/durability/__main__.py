"""Kill a hub under load: ``python -m tests.durability --kills 200``."""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.durability.hub_kills import run_kills


def main() -> int:
    """Run it, say what came of it, and return 1 if the hub broke its promise."""
    parser = argparse.ArgumentParser(prog="python -m tests.durability", description="Kill a hub under load.")
    parser.add_argument("--kills", type=int, default=200, help="how often (default: 200)")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="decides when (default: another each time)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = run_kills(Path(folder), options.kills, options.seed)
    broken = {"lost": result.lost, "disordered": result.disordered, "renamed": result.renamed}
    broken["unexplained"] = result.unexplained
    sys.stdout.write(
        f"{result.kills} kills, {result.pairs} pairs of an accepted update and a subscription, "
        f"{result.duplicates} repeated, seed {options.seed}\n"
    )
    for name, pairs in broken.items():
        sys.stdout.write(f"{name:12} {len(pairs):6} {', '.join(pairs[:5])}\n")
    return 1 if any(broken.values()) else 0


sys.exit(main())
