"""Fuzz a target with atheris, for those who have it: ``python -m tests.fuzz.with_atheris NAME --seconds N``.

It is libFuzzer below: faster ways into comparisons, for the same targets, words and seeds. ``pip install atheris``.
It ends at the first finding, prints it as a test, and exits 1.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import NoReturn

import atheris  # type: ignore[import-not-found,import-untyped,unused-ignore] # of those who have it

with atheris.instrument_imports(include=["_websub", "websubhub", "websubsub"], enable_loader_override=False):
    from tests.fuzz.findings import finding_of
    from tests.fuzz.table import TARGETS
from tests.fuzz.target import Target


def main() -> NoReturn:
    """Fuzz one target; libFuzzer ends the process itself, with statistics."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.with_atheris", description=__doc__.partition("\n")[0])
    parser.add_argument("name", choices=sorted(TARGETS), help="what to fuzz")
    parser.add_argument("--seconds", type=int, default=60, help="for how long (default: 60)")
    parser.add_argument("--seed", type=int, default=0, help="decides what is tried (default: 0)")
    parser.add_argument("--found", type=Path, default=Path("found"), help="where inputs are written (default: found)")
    options = parser.parse_args()
    target = TARGETS[options.name]
    folder = Path(tempfile.mkdtemp())
    corpus, words = _written(target, folder)
    limits = [f"-max_total_time={options.seconds}", f"-max_len={target.limit}", f"-seed={options.seed + 1}"]
    rest = [f"-dict={words}", f"-artifact_prefix={folder}/", "-print_final_stats=1", str(corpus)]

    def feed(data: bytes) -> None:
        finding = finding_of(target, data, count=False)
        if finding is not None:
            file = finding.save(options.found / target.name)
            sys.stdout.write(f"{finding.detail or finding.reason}\n# in {file}\n{finding.as_test()}")
            sys.stdout.flush()
            os._exit(1)

    atheris.Setup([sys.argv[0], *limits, *rest], feed)
    atheris.Fuzz()
    raise AssertionError("libFuzzer ends the process.")


def _written(target: Target, folder: Path) -> tuple[Path, Path]:
    """The seeds and the dictionary of a target, as libFuzzer takes them."""
    corpus, words = folder / "corpus", folder / "words"
    corpus.mkdir()
    for number, seed in enumerate(target.seeds):
        (corpus / str(number)).write_bytes(seed)
    quoted = ("".join(f"\\x{byte:02x}" for byte in word) for word in target.dictionary)
    words.write_text("".join(f'"{word}"\n' for word in quoted))
    return corpus, words


if __name__ == "__main__":
    main()
