"""The fuzzer: inputs are made from those that reached something new, and each may reach something more."""

import math
import random
import time
from collections.abc import Iterator

import attrs

from tests.fuzz.coverage import Coverage
from tests.fuzz.findings import Finding, finding_of, smallest
from tests.fuzz.mutation import Mutator
from tests.fuzz.target import Target

_COUNTED_EVERY = 500
_FINDINGS_MOST = 20


@attrs.define
class Fuzzed:
    """What became of one target.

    Attributes:
        target: Its name.
        runs: How many inputs it was fed.
        seconds: For how long.
        lines: How many lines of the product were reached.
        corpus: The inputs that reached something new.
        findings: What was found, each fault once.
    """

    target: str
    runs: int = 0
    seconds: float = 0.0
    lines: int = 0
    corpus: list[bytes] = attrs.field(factory=list, repr=False)
    findings: list[Finding] = attrs.field(factory=list)

    def __str__(self) -> str:
        speed = self.runs / self.seconds if self.seconds else 0.0
        return (
            f"{self.target:16} {self.seconds:6.0f} s {self.runs:10,} runs {speed:8,.0f}/s {self.lines:6,} lines "
            f"{len(self.corpus):5} inputs kept {len(self.findings):3} findings"
        )


def fuzz(target: Target, seconds: float, seed: int, *, runs: float = math.inf) -> Fuzzed:
    """Fuzz one target for so long, or until it has too many faults to go on.

    Args:
        target: The target.
        seconds: For how long.
        seed: Decides what it is fed; how far that goes in the time is up to the machine.
        runs: How many inputs to feed it at most.
    """
    fuzzed, coverage = Fuzzed(target.name), Coverage()
    known: set[str] = set()
    began = time.monotonic()
    with coverage.watching():
        for data in _inputs(target, random.Random(seed), fuzzed.corpus):  # noqa: S311 - to be repeated
            fuzzed.runs += 1
            before = len(coverage.lines)
            finding = finding_of(target, data, count=False)
            is_new = len(coverage.lines) > before
            if finding is None and (is_new or fuzzed.runs % _COUNTED_EVERY == 0):
                finding = finding_of(target, data)
            if finding is not None and finding.place not in known:
                known.add(finding.place)
                fuzzed.findings.append(smallest(finding, target))
            elif is_new and finding is None:
                fuzzed.corpus.append(data)
            fuzzed.seconds = time.monotonic() - began
            if fuzzed.seconds >= seconds or fuzzed.runs >= runs or len(known) >= _FINDINGS_MOST:
                break
    fuzzed.lines = len(coverage.lines)
    return fuzzed


def _inputs(target: Target, chance: random.Random, corpus: list[bytes]) -> Iterator[bytes]:
    """First what is given, then without end what can be made of what was kept."""
    yield from target.seeds
    yield b""
    mutator = Mutator(chance, target.dictionary, target.limit)
    while True:
        kept = corpus or list(target.seeds)
        # Those that were kept last are the way to what nobody has reached.
        data = kept[-1 - int(len(kept) * chance.random() ** 2)]
        yield mutator.mutate(data, kept)
