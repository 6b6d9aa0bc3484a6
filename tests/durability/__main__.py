"""Break hubs on purpose, and account for every update.

``python -m tests.durability kills --kills 200`` kills a hub under load, again and again; without a command it is that.
``python -m tests.durability soak --minutes 30`` lets something bad happen every few seconds for as long as you like.
``python -m tests.durability cluster --rounds 20`` kills and stops hubs and NATS servers, three of each, and cuts
the network between them; ``--fault cut`` does only that.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.durability.cluster import run_rounds
from tests.durability.faults import FAULTS
from tests.durability.hub_kills import run_kills
from tests.durability.soak import run_soak


def main() -> int:
    """Run it, say what came of it, and return 1 if the hub broke its promise."""
    parser = argparse.ArgumentParser(prog="python -m tests.durability", description=__doc__.partition("\n")[0])
    parser.add_argument("command", nargs="?", choices=("kills", "soak", "cluster"), default="kills", help="what to do")
    parser.add_argument("--kills", type=int, default=200, help="kills: how often (default: 200)")
    parser.add_argument("--rounds", type=int, default=20, help="cluster: how many (default: 20)")
    kinds = dict.fromkeys(fault.split()[0] for fault in FAULTS)
    parser.add_argument("--fault", choices=(*kinds, *FAULTS), action="append", help="cluster: only this; repeatable")
    parser.add_argument("--keep", metavar="FOLDER", help="cluster: keep the logs in this folder")
    parser.add_argument("--minutes", type=float, default=30, help="soak: for how long (default: 30)")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="decides when (default: another each time)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.command == "soak":
            report = run_soak(Path(folder), options.minutes * 60, options.seed)
            sys.stdout.write(f"{report}\n")
            return 1 if report.broken else 0
        if options.command == "cluster":
            place = Path(options.keep or folder)
            place.mkdir(parents=True, exist_ok=True)
            faults = [fault for fault in FAULTS if not options.fault or {fault, fault.split()[0]} & {*options.fault}]
            books = run_rounds(place, options.rounds, options.seed, faults)
            sys.stdout.writelines(f"{line}\n" for line in books.lines())
            sys.stdout.write(f"BROKEN: {books.broken}\n" if books.broken else "Promises kept.\n")
            return 1 if books.broken else 0
        return _kill(Path(folder), options.kills, options.seed)


def _kill(folder: Path, kills: int, seed: int) -> int:
    result = run_kills(folder, kills, seed)
    broken = {"lost": result.lost, "disordered": result.disordered, "renamed": result.renamed}
    broken["unexplained"] = result.unexplained
    sys.stdout.write(
        f"{result.kills} kills, {result.pairs} pairs of an accepted update and a subscription, "
        f"{result.duplicates} repeated, seed {seed}\n"
    )
    for name, pairs in broken.items():
        sys.stdout.write(f"{name:12} {len(pairs):6} {', '.join(pairs[:5])}\n")
    return 1 if any(broken.values()) else 0


sys.exit(main())
