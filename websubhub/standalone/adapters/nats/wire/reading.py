"""Reading a stream from a number on, many messages at a time, from the nearest server."""

import json

from websubhub.standalone.adapters.nats.wire.client import Reply
from websubhub.standalone.adapters.nats.wire.errors import Stored, UnavailableError
from websubhub.standalone.adapters.nats.wire.jetstream import JetStream

_BATCH = 1_000
_BATCH_BYTES = 8 * 1_048_576
_ANSWER_SECONDS = 1.0
_ANSWER_SECONDS_OF_ONE = 0.5
_LOOKS = 3


async def read_batch(jetstream: JetStream, stream: str, start: int, subject: str) -> tuple[list[Stored], bool]:
    """Return messages in order, and whether there are more.

    No message is skipped: what follows a gap is not returned. A server that is behind may not have the last ones yet.

    Args:
        jetstream: The servers.
        stream: The stream.
        start: The number of the first message that may be returned.
        subject: The subjects to read.
    """
    wanted = {"seq": start, "next_by_subj": subject, "batch": _BATCH, "max_bytes": _BATCH_BYTES}
    messages: list[Stored] = []
    async with jetstream.connection.answers() as (inbox, following):
        await jetstream.connection.publish(f"$JS.API.DIRECT.GET.{stream}", json.dumps(wanted).encode(), reply=inbox)
        while True:
            answer = await following(_ANSWER_SECONDS)
            if answer is None:
                return messages, bool(messages)  # cut off, so what there is is asked for again
            status = answer.headers.get("Status")
            if status is not None:
                return messages, status == "204" and answer.headers.get("Nats-Num-Pending", "0") != "0"
            before = messages[-1].sequence if messages else 0
            if int(answer.headers.get("Nats-Last-Sequence", before)) != before:
                return messages, True
            messages.append(_stored(answer))


async def read_one(jetstream: JetStream, stream: str, sequence: int) -> Stored | None:
    """Return a message by its number, or None if no server that answers has it. The stream needs no leader for it."""
    wanted = json.dumps({"seq": sequence}).encode()
    for _ in range(_LOOKS):
        try:
            answer = await jetstream.connection.request(
                f"$JS.API.DIRECT.GET.{stream}", wanted, seconds=_ANSWER_SECONDS_OF_ONE
            )
        except UnavailableError:
            continue  # another server may answer
        return None if "Status" in answer.headers else _stored(answer)
    return None


def _stored(answer: Reply) -> Stored:
    return Stored(answer.headers["Nats-Subject"], int(answer.headers["Nats-Sequence"]), answer.data, answer.headers)
