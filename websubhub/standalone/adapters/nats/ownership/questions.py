"""Asking every process of the hub a question, and gathering the answers."""

import json
from collections.abc import Awaitable, Callable, Mapping
from time import monotonic
from typing import Any

from websubhub.standalone.adapters.nats.ownership.peers import Peers
from websubhub.standalone.adapters.nats.wire.jetstream import JetStream
from websubhub.standalone.adapters.nats.wire.names import Names
from websubhub.standalone.ports import StoreError

_GATHER_SECONDS = 1.0


class PeerQuestions:
    """Asks the other processes, and answers them.

    Args:
        jetstream: The servers.
        names: The names of the hub.
        peers: The other processes.

    Attributes:
        own: The id of this process.
    """

    def __init__(self, jetstream: JetStream, names: Names, peers: Peers) -> None:
        self.own: str = peers.own
        self._connection = jetstream.connection
        self._subject = names.subject("ask")
        self._peers = peers
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
        try:
            said = {"id": self._peers.own, "answer": await answer(question.get("about"))}
            await self._connection.publish(reply, json.dumps(said).encode())
        except StoreError:
            return  # the other process sees that there is no answer

    async def ask(self, what: str, about: Any = None, seconds: float = _GATHER_SECONDS) -> tuple[list[Any], bool]:
        """Return the answers of the other processes, and whether all living ones have answered."""
        expected = set(self._peers.living())
        if not expected:
            return [], True
        found: dict[str, Any] = {}
        question = json.dumps({"what": what, "about": about, "by": self._peers.own}).encode()
        until = monotonic() + seconds
        async with self._connection.answers() as (inbox, following):
            await self._connection.publish(self._subject, question, reply=inbox)
            while expected - set(found) and (left := until - monotonic()) > 0:
                answer = await following(left)
                if answer is None or answer.headers.get("Status"):
                    break
                said = json.loads(answer.data)
                found[said["id"]] = said["answer"]
        return list(found.values()), expected <= set(found)
