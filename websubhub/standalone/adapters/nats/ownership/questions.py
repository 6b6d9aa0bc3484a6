"""Asking every process of the hub a question, and gathering the answers."""

import json
from collections.abc import Awaitable, Callable, Collection, Mapping
from time import monotonic
from typing import Any

from websubhub.standalone.adapters.nats.ownership.peers import Peers
from websubhub.standalone.adapters.nats.records.membership import Membership
from websubhub.standalone.adapters.nats.wire.following import Following
from websubhub.standalone.adapters.nats.wire.jetstream import JetStream
from websubhub.standalone.adapters.nats.wire.names import PARTITIONS, Names
from websubhub.standalone.ports import StoreError

_GATHER_SECONDS = 1.0
_REACHED_SECONDS = 0.5
_WITH_WORK = "su"  # whoever has not read as far as the process that asks does not know yet what it owes
_TOLD_SECONDS = 1.0  # for which a gap is told, since one page may show the answers to several questions


class PeerQuestions:
    """Asks the other processes, and answers them.

    Args:
        jetstream: The servers.
        names: The names of the hub.
        peers: The other processes.
        membership: What this process delivers to.
        followed: The followed streams, by letter.

    Attributes:
        own: The id of this process.
    """

    def __init__(
        self,
        jetstream: JetStream,
        names: Names,
        peers: Peers,
        membership: Membership,
        followed: Mapping[str, Following],
    ) -> None:
        self.own: str = peers.own
        self._connection = jetstream.connection
        self._subject = names.subject("ask")
        self._peers = peers
        self._membership = membership
        self._followed = followed
        self._gap_at = float("-inf")
        self._answers: Mapping[str, Callable[[Any], Awaitable[Any]]] = {}

    async def listen(self, answers: Mapping[str, Callable[[Any], Awaitable[Any]]]) -> None:
        """Answer questions.

        Args:
            answers: The function for each question by name, called with its subject.
        """
        self._answers = answers
        await self._connection.listen(self._subject, self._answer)

    async def _answer(self, data: bytes, reply: str) -> None:
        question = json.loads(data)
        answer = self._answers.get(question["what"])
        if question["by"] == self._peers.own or answer is None or not reply:
            return
        for letter, sequence in question.get("known", {}).items():
            if not await self._followed[letter].reached(sequence, _REACHED_SECONDS):
                return
        try:
            said = {"id": self._peers.own, "answer": await answer(question.get("about"))}
            said["partitions"] = sorted(self._membership.owned)
            await self._connection.publish(reply, json.dumps(said).encode())
        except StoreError:
            return  # the other process sees that there is no answer

    @property
    def complete(self) -> bool:
        """Whether each partition has a process that answers, as far as is known here."""
        told = (peer.partitions for peer in self._peers.living().values())
        return monotonic() - self._gap_at > _TOLD_SECONDS and _are_all(self._membership.owned.union(*told))

    async def ask(self, what: str, about: Any = None, seconds: float = _GATHER_SECONDS) -> tuple[list[Any], bool]:
        """Return the answers of the other processes, and whether they and this one are the whole hub.

        They are not while one that lives does not answer, or while nobody owns a partition.
        """
        own, expected = set(self._membership.owned), set(self._peers.living())
        found: dict[str, Any] = {}
        known = {letter: self._followed[letter].applied for letter in _WITH_WORK}
        question = json.dumps({"what": what, "about": about, "by": self._peers.own, "known": known}).encode()
        until = monotonic() + seconds
        if expected:
            async with self._connection.answers() as (inbox, following):
                await self._connection.publish(self._subject, question, reply=inbox)
                while expected - set(found) and (left := until - monotonic()) > 0:
                    answer = await following(left)
                    if answer is None or answer.headers.get("Status"):
                        break
                    said = json.loads(answer.data)
                    found[said["id"]] = said
        is_whole = expected <= set(found) and _are_all(
            own.union(*(said.get("partitions", ()) for said in found.values()))
        )
        if not is_whole:
            self._gap_at = monotonic()
        return [said["answer"] for said in found.values()], is_whole


def _are_all(partitions: Collection[int]) -> bool:
    return len(partitions) == PARTITIONS
