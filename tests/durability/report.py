"""What a soak has found out, for people, and whether a promise was broken."""

from collections import Counter
from collections.abc import Iterator

import attrs

from tests.durability.hub_kills import Account
from tests.durability.vitals import Vitals, growth

#: By how much memory may grow over the last two thirds.
GROWTH_MOST = 0.05
#: Descriptors, threads and tasks that a quiet hub may have more than before its first request: pools that stay open.
KEPT_MOST = 12
_SHOWN = 5
_MEGABYTE = 1_048_576


@attrs.frozen
class HubReport:
    """What became of one hub.

    Attributes:
        name: What it is called.
        account: What became of every pair of an accepted update and a good subscription.
        forged: Deliveries whose signature was wrong.
        updates: Accepted updates.
        faults: What happened to it, and how often.
    """

    name: str
    account: Account
    forged: int
    updates: int
    faults: Counter[str]

    @property
    def broken(self) -> list[str]:
        """The promises that it broke, in words."""
        account = self.account
        found = {
            "lost": account.lost,
            "subscriptions out of order": account.disordered,
            "repeated without a reason": account.unexplained,
            "repeated under another id": account.renamed,
        }
        shown = [
            f"{self.name}: {len(pairs)} {what} ({', '.join(pairs[:_SHOWN])}, ...)"
            for what, pairs in found.items()
            if pairs
        ]
        return shown + ([f"{self.name}: {self.forged} wrongly signed"] if self.forged else [])

    def lines(self) -> Iterator[str]:
        """It, for people."""
        account = self.account
        yield f"The {self.name} hub: {self.updates:,} updates, {account.pairs:,} pairs of one and a good subscription"
        yield f"  lost {len(account.lost)}, out of order {len(account.disordered)}, wrongly signed {self.forged}"
        yield (
            f"  repeated {account.duplicates:,}, of these {account.late} whose answer was read too late, "
            f"{len(account.unexplained)} without a reason, {len(account.renamed)} under another id"
        )
        faults = ", ".join(f"{number} {fault}" for fault, number in self.faults.most_common())
        yield f"  {self.faults.total()} faults: {faults}"


@attrs.frozen
class Report:
    """What a soak has found out.

    Attributes:
        seconds: How long things happened.
        seed: What decided what happened.
        hubs: Both hubs.
        before: What the steady one held before its first request.
        seen: What it held meanwhile.
        after: What it held in the end, when all was quiet again.
        answers: How long it took to say that it is alive, each time it was asked.
    """

    seconds: float
    seed: int
    hubs: tuple[HubReport, ...]
    before: Vitals
    seen: list[Vitals]
    after: Vitals
    answers: list[float]

    @property
    def growth(self) -> float:
        """By which share the memory of the steady hub has grown over the last two thirds."""
        return growth([float(each.memory) for each in self.seen])

    @property
    def broken(self) -> list[str]:
        """The promises that were broken, in words."""
        leaks = [f"steady: {what} {then} -> {now}" for what, then, now in self._kept() if now - then > KEPT_MOST]
        if any(leak.startswith("steady: tasks") for leak in leaks):
            more = self.after.running - self.before.running
            leaks.append(f"of these {', '.join(f'{number} {what}' for what, number in more.most_common())}")
        grown = [f"steady: memory has grown by {self.growth:.1%}"] if self.growth > GROWTH_MOST else []
        return [*(each for hub in self.hubs for each in hub.broken), *grown, *leaks]

    def _kept(self) -> Iterator[tuple[str, int, int]]:
        for what in ("descriptors", "threads", "tasks"):
            yield what, getattr(self.before, what), getattr(self.after, what)

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        yield f"{self.seconds / 60:.0f} minutes, seed {self.seed}"
        for hub in self.hubs:
            yield from hub.lines()
        memory = [each.memory / _MEGABYTE for each in self.seen]
        parts = [memory[len(memory) * part // 6] for part in range(6)]
        yield (
            f"Memory of the steady hub, MiB: {', '.join(f'{each:.1f}' for each in parts)}, {memory[-1]:.1f} "
            f"at the end; growth over the last two thirds {self.growth:+.1%}"
        )
        kept = "; ".join(f"{what} {then} -> {now}" for what, then, now in self._kept())
        yield f"What it held before and, quiet again, after: {kept}"
        answers = sorted(each * 1000 for each in self.answers)
        middle, late = answers[len(answers) // 2], answers[len(answers) * 99 // 100]
        yield (
            f"/health of the steady hub, asked {len(answers)} times: median {middle:.0f} ms, "
            f"99th percentile {late:.0f} ms, slowest {answers[-1]:.0f} ms"
        )
        yield "Promises kept." if not self.broken else f"BROKEN: {'; '.join(self.broken)}"
