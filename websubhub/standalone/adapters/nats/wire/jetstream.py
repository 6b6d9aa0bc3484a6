"""The requests of JetStream that the hub makes."""

import json
from base64 import b64decode
from time import monotonic
from typing import Any

from attrs import frozen

from websubhub.standalone.adapters.nats.wire.connection import Connection
from websubhub.standalone.adapters.nats.wire.errors import Stored, SupersededError, UnavailableError
from websubhub.standalone.adapters.nats.wire.headers import read_headers
from websubhub.standalone.broker.bell import Bell
from websubhub.standalone.ports import DiskFullError, StoreError

PATIENCE_SECONDS = 5.0
"""How long a request is repeated."""
_ANSWER_SECONDS = 1.0
_ANSWER_SECONDS_IN_TROUBLE = 0.5
_API = "$JS.API."
_ELECTED = "$JS.EVENT.ADVISORY.STREAM.LEADER_ELECTED.>"
_PAUSE_SECONDS = 0.1
_PAUSE_MOST = 0.5
# Another write of the subject, or the same one, is not decided yet; a leader is not there yet, or no longer.
_AGAIN = {10164, 10158, 10008, 10003, 10009, 10041, 10076, 10118, 10154, 10194, 10195}
_SUPERSEDED = 10071
_FULL = {10077, 10047, 10023, 10028, 10122}
_NOT_FOUND = {10037, 10059}


@frozen
class StreamState:
    """The state of a stream.

    Attributes:
        first: The number of the first message.
        last: The number of the last one.
        messages: How many there are.
        created: When the stream was created.
    """

    first: int
    last: int
    messages: int
    created: str


class JetStream:
    """Asks again until it is answered, or patience ends.

    Args:
        connection: The connection.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._elected = Bell()

    async def listen(self) -> None:
        """Hear when a stream has a new leader, to ask that one at once."""
        await self.connection.listen(_ELECTED, self._hear)

    async def _hear(self, _data: bytes, _reply: str) -> None:
        self._elected.ring()

    async def write(
        self,
        subject: str,
        payload: bytes,
        *,
        name: str,
        expected: int | None = None,
        headers: dict[str, str] | None = None,
        seconds: float = PATIENCE_SECONDS,
    ) -> int:
        """Store a message and return its number in the stream. It is stored once, however often it is asked for.

        Args:
            subject: Its subject.
            payload: What it says.
            name: A name that no other message has.
            expected: The number of the last message of this subject, 0 for none, or None if that does not matter.
            headers: More headers.
            seconds: How long to try.

        Raises:
            SupersededError: Another message is the last one.
            DiskFullError: The stream is full.
            UnavailableError: There was no answer. It may have been stored, or may still be.
        """
        head = {"Nats-Msg-Id": name} | (headers or {})
        if expected is not None:
            head["Nats-Expected-Last-Subject-Sequence"] = str(expected)
        try:
            answer = await self._ask(subject, payload, seconds, head)
        except _RefusedError as refused:
            if refused.code != _SUPERSEDED:
                raise
            last = await self.last(subject)
            if last is not None and last.headers.get("Nats-Msg-Id") == name:
                return last.sequence  # the answer to an earlier try was lost
            raise SupersededError(last) from None
        return int(answer["seq"])

    async def last(self, subject: str, stream: str = "") -> Stored | None:
        """Return the last message of a subject, as the leader of its stream knows it."""
        stream = stream or _stream_of(subject)
        return await self._get(stream, {"last_by_subj": subject})

    async def get(self, stream: str, sequence: int) -> Stored | None:
        """Return a message by its number."""
        return await self._get(stream, {"seq": sequence})

    async def next(self, stream: str, sequence: int) -> Stored | None:
        """Return the first message with this number or a higher one."""
        return await self._get(stream, {"seq": sequence, "next_by_subj": ">"})

    async def _get(self, stream: str, wanted: dict[str, Any]) -> Stored | None:
        try:
            answer = await self.ask(f"STREAM.MSG.GET.{stream}", wanted)
        except _RefusedError as refused:
            if refused.code in _NOT_FOUND:
                return None
            raise
        message = answer["message"]
        head = read_headers(b64decode(message.get("hdrs", "")))
        return Stored(message["subject"], message["seq"], b64decode(message.get("data", "")), head)

    async def state(self, stream: str, seconds: float = PATIENCE_SECONDS) -> StreamState:
        """Return what is in a stream, as its leader knows it, who is asked for at most so long."""
        found = await self.ask(f"STREAM.INFO.{stream}", None, seconds)
        state = found["state"]
        return StreamState(state["first_seq"], state["last_seq"], state["messages"], str(found["created"]))

    async def purge(self, stream: str, below: int, subject: str = "") -> int:
        """Delete the messages below a number, perhaps only those of a subject. Return how many."""
        wanted = {"seq": below} | ({"filter": subject} if subject else {})
        purged: int = (await self.ask(f"STREAM.PURGE.{stream}", wanted))["purged"]
        return purged

    async def delete(self, stream: str, sequence: int) -> bool:
        """Delete a message. Return whether there was one."""
        try:
            await self.ask(f"STREAM.MSG.DELETE.{stream}", {"seq": sequence, "no_erase": True})
        except _RefusedError:
            return False
        return True

    async def ask(self, operation: str, wanted: dict[str, Any] | None, seconds: float = PATIENCE_SECONDS) -> Any:
        """Ask for an operation of the API, and return what was answered.

        Raises:
            StoreError: It was refused, or not answered.
        """
        payload = b"" if wanted is None else json.dumps(wanted).encode()
        return await self._ask(f"{_API}{operation}", payload, seconds)

    async def _ask(self, subject: str, payload: bytes, seconds: float, headers: dict[str, str] | None = None) -> Any:
        begun, pause, wait = monotonic(), _PAUSE_SECONDS, min(_ANSWER_SECONDS, seconds)
        doubts, about = self.connection.mover.doubts, _about(subject)
        while True:
            try:
                answer = await self.connection.request(subject, payload, headers=headers, seconds=wait)
                read = _read(answer.data)
            except UnavailableError:
                doubts.note(*about, begun)
                if monotonic() >= begun + seconds:
                    raise
            except StoreError:
                doubts.clear(*about)
                raise
            else:
                doubts.clear(*about)
                return read
            wait = _ANSWER_SECONDS_IN_TROUBLE
            await self._elected.wait(pause)
            pause = min(pause * 2, _PAUSE_MOST)


class _RefusedError(StoreError):
    """The server refused, with the code of the error."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"The NATS server refuses: {reason}.")
        self.code = code


def is_missing(error: StoreError) -> bool:
    """Return whether something was refused because it is not there."""
    return isinstance(error, _RefusedError) and error.code in _NOT_FOUND


def _read(data: bytes) -> Any:
    try:
        answer = json.loads(data)
    except ValueError:
        raise StoreError("The NATS server answered something that is no JSON.") from None
    error = answer.get("error")
    if error is None:
        return answer
    code, reason = error.get("err_code", 0), error.get("description", "no reason given")
    if code in _FULL:
        raise DiskFullError(f"The NATS servers have no space for it: {reason}.")
    if code in _AGAIN or error.get("code") == 503:  # noqa: PLR2004 - the status
        raise UnavailableError(f"The NATS servers cannot do it now: {reason}.")
    raise _RefusedError(code, reason)


def _about(subject: str) -> tuple[str, str]:
    """Return the stream that a request is about, and what it is to do, since a leader that is cut off still answers."""
    if subject.startswith(_API):
        return subject.rpartition(".")[2], "answers"
    return _stream_of(subject), "stores"


def _stream_of(subject: str) -> str:
    hub, letter, *_ = subject.split(".")
    return f"{hub.upper()}_{STREAM_OF_LETTER[letter].upper()}"


STREAM_OF_LETTER = {
    "u": "u", "s": "s", "p": "p", "t": "t", "a": "t", "h": "t", "m": "t", "c": "t", "x": "t", "d": "d", "k": "k",
    "f": "f", "b": "b",
}  # fmt: skip
"""The stream that keeps a subject, by the first token of the subject behind the name of the hub."""
