"""Reads the journal of all lives of a victim and says what was lost, repeated without reason, or out of order."""

from collections import defaultdict
from itertools import pairwise
from pathlib import Path

from attrs import define, field


@define
class Account:
    """The books of one test.

    Attributes:
        lost: Pairs of callback and update that were accepted and neither delivered nor given up.
        unexplained: Deliveries of a pair that had arrived before, without a crash that explains it.
        disordered: Pairs that arrived for the first time after a later update had.
        damaged: Pairs whose content was not what was published.
        letters_missing: Pairs that were given up and durable, and are no dead letters.
        pairs: How many pairs of an accepted update and a subscription there were.
        repeated: How many deliveries were repeated after a crash.
        checked: What the database said about itself in the end.
    """

    lost: list[tuple[str, str]] = field(factory=list)
    unexplained: list[tuple[str, str]] = field(factory=list)
    disordered: list[tuple[str, str]] = field(factory=list)
    damaged: list[tuple[str, str]] = field(factory=list)
    letters_missing: list[tuple[str, str]] = field(factory=list)
    pairs: int = 0
    repeated: int = 0
    checked: str = ""


class Reader:
    """Goes through the journal line by line."""

    def __init__(self) -> None:
        self.account = Account()
        self._owed: set[tuple[str, str]] = set()
        self._callbacks: defaultdict[str, list[str]] = defaultdict(list)
        self._entitled: dict[str, list[str]] = {}
        self._ended: dict[tuple[str, str], int] = {}
        self._durable: set[tuple[str, str]] = set()
        self._dead: set[tuple[str, str]] = set()
        self._letters: set[tuple[str, str]] = set()
        self._firsts: defaultdict[str, list[str]] = defaultdict(list)
        self._marks: dict[str, set[tuple[str, str]]] = {}

    def read(self, journal: Path) -> Account:
        """The account of a journal."""
        for line in journal.read_text().splitlines():
            run, kind, *words = line.split(" ")
            getattr(self, f"_{kind}")(int(run), *words)
        account = self.account
        account.lost = sorted(self._owed - set(self._ended))
        account.pairs = len(self._owed)
        account.disordered = self._disorder()
        account.letters_missing = sorted((self._dead & self._durable) - self._letters)
        return account

    def _subscribed(self, _run: int, topic: str, callback: str) -> None:
        self._callbacks[topic].append(callback)

    def _publishing(self, _run: int, topic: str, update: str) -> None:
        # Who subscribed before the publish began must get it; who subscribes during it may.
        self._entitled[update] = list(self._callbacks[topic])

    def _published(self, _run: int, _topic: str, update: str) -> None:
        self._owed |= {(callback, update) for callback in self._entitled[update]}

    def _delivered(self, run: int, callback: str, update: str) -> None:
        self._end(run, (callback, update))

    def _died(self, run: int, callback: str, update: str) -> None:
        self._end(run, (callback, update))
        self._dead.add((callback, update))

    def _end(self, run: int, pair: tuple[str, str]) -> None:
        before = self._ended.get(pair)
        if before is None:
            self._firsts[pair[0]].append(pair[1])
        else:
            self.account.repeated += 1
            self._dead.discard(pair)
            if before == run or pair in self._durable:
                self.account.unexplained.append(pair)
        self._ended[pair] = run

    def _failed(self, _run: int, callback: str, update: str) -> None:
        if (callback, update) in self._durable:
            self.account.unexplained.append((callback, update))

    def _flushing(self, run: int, mark: str) -> None:
        self._marks[mark] = {pair for pair, ended in self._ended.items() if ended == run}

    def _flushed(self, _run: int, mark: str) -> None:
        self._durable |= self._marks.pop(mark)

    def _damaged(self, _run: int, callback: str, update: str) -> None:
        self.account.damaged.append((callback, update))

    def _letter(self, _run: int, callback: str, update: str) -> None:
        self._letters.add((callback, update))

    def _checked(self, _run: int, *words: str) -> None:
        self.account.checked = " ".join(words)

    def _disorder(self) -> list[tuple[str, str]]:
        """Every callback must have seen the updates of its topic in one and the same order."""
        disordered = []
        for callbacks in self._callbacks.values():
            longest = max((self._firsts[callback] for callback in callbacks), key=len)
            places = {update: place for place, update in enumerate(longest)}
            for callback in callbacks:
                seen = [places[update] for update in self._firsts[callback] if update in places]
                disordered += [(callback, longest[later]) for earlier, later in pairwise(seen) if later < earlier]
        return disordered
