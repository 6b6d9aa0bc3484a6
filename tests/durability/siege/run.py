"""A hub under siege, and what a bystander notices of it."""

import asyncio
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import attrs

from tests.durability.siege.attackers import siege
from tests.durability.siege.measuring import Bystander, Measures
from tests.standalone.process import served

#: Seconds that the slowest but one in a hundred may take.
BARS = {"health": 2.0, "verified": 5.0, "published": 2.0, "announced": 2.0}
_WARMING_SECONDS = 20.0


@attrs.frozen
class Report:
    """What came of it.

    Attributes:
        measures: What the bystander measured.
        sent: How often each attack was carried out.
        answered: The statuses that the attackers were answered.
        asked: How often the attackers' hosts were called, by what they do.
        status: The exit status of the hub, which was told to end once all was over.
        log: What the hub has logged.
    """

    measures: Measures
    sent: Counter[str]
    answered: Counter[tuple[str, int]]
    asked: Counter[str]
    status: int
    log: str

    @property
    def missed(self) -> list[str]:
        """The bars that were missed."""
        measured = {name: percentile(getattr(self.measures, name), 99) for name in BARS}
        missed = [f"{name}: {measured[name]:.2f} s" for name, bar in BARS.items() if measured[name] > bar]
        return missed + ([f"exit status {self.status}"] if self.status else [])

    @property
    def complaints(self) -> list[str]:
        """The lines of the log that tell of a fault of the hub's own, with their tracebacks."""
        return [line for line in self.log.splitlines() if line.startswith("    ") or " error " in line]

    def __str__(self) -> str:
        return "\n".join([*self._rows(), *(f"MISSED {line}" for line in self.missed), *self.complaints[:100]])

    def _rows(self) -> Iterator[str]:
        for name in ("health", "ready", "verified", "published", "announced"):
            values = getattr(self.measures, name)
            yield (
                f"{name:10} {len(values):5}  p50 {percentile(values, 50):6.3f} s  p99 {percentile(values, 99):6.3f} s"
                f"  max {max(values, default=math.inf):6.3f} s"
            )
        memory = self.measures.memory
        yield f"processor  {self.measures.busy:.0%} of the time, and waited for one {self.measures.starved:.0%} of it"
        yield f"not ready  {self.measures.unready:5}"
        yield f"memory     {min(memory) / 1e6:.0f} to {max(memory) / 1e6:.0f} MB, at the end {memory[-1] / 1e6:.0f} MB"
        yield f"descriptors at most {max(self.measures.descriptors)}"
        yield f"attacks    {', '.join(f'{name} {number}' for name, number in sorted(self.sent.items()))}"
        told = ", ".join(f"{name} {status}: {number}" for (name, status), number in sorted(self.answered.items()))
        yield f"answers    {told}"
        yield f"called     {', '.join(f'{name} {number}' for name, number in sorted(self.asked.items()))}"


def percentile(values: Sequence[float], percent: float) -> float:
    """The value that so many percent of all do not exceed; infinite if there is none."""
    if not values:
        return math.inf
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]


def besiege(folder: Path, seconds: float, only: Sequence[str] = (), warming: float = _WARMING_SECONDS) -> Report:
    """Attack a hub in all ways at once for some time, and measure what others notice.

    Args:
        folder: Where to keep its database and its log.
        seconds: For how long to measure.
        only: The attacks; all of them if there are none.
        warming: How long to attack before anything is measured, so that all attacks are under way.
    """
    with served(folder, "--feed-diff", "*") as hub:
        with siege(hub.url, only) as attacks:
            bystander = Bystander(hub.url, hub.process.pid)
            measures = asyncio.run(_measure(bystander, seconds, warming))
            sent, answered, asked = attacks.end()
        hub.stop()
        return Report(measures, sent, answered, asked, hub.process.returncode, hub.log)


async def _measure(bystander: Bystander, seconds: float, warming: float) -> Measures:
    await asyncio.sleep(warming)
    return await bystander.watch(seconds)
