"""Updates on NATS: stored once, known to every process, and read when they are due."""

import json
import logging
from typing import Any
from uuid import uuid4

import anyio

from websubhub import url_identity
from websubhub.standalone.adapters.nats.records.changing import Records
from websubhub.standalone.adapters.nats.records.messages import KnownMessage
from websubhub.standalone.adapters.nats.records.topics import KnownTopic
from websubhub.standalone.adapters.nats.wire.blobs import PART_BYTES, Blobs
from websubhub.standalone.adapters.nats.wire.errors import Stored
from websubhub.standalone.adapters.nats.wire.following import Following
from websubhub.standalone.adapters.nats.wire.jetstream import JetStream
from websubhub.standalone.adapters.nats.wire.reading import read_one
from websubhub.standalone.broker.ledger import Ledger
from websubhub.standalone.ports import StoreError, Update

log: logging.Logger = logging.getLogger("websubhub")

_ABOUT = "Wsh-Update"
_SEEN_SECONDS = 0.5
_MISSING_LOOKS = 5
_PAUSE_SECONDS = 0.2


class Updates:
    """Stores updates, and takes those that other processes stored.

    Args:
        jetstream: The servers.
        blobs: Stores content that is too large for a message.
        records: The records, which also notify the other processes.
        ledger: Notified of every update.
    """

    def __init__(self, jetstream: JetStream, blobs: Blobs, records: Records, ledger: Ledger) -> None:
        self._jetstream = jetstream
        self._records = records
        self._names = names = records.names
        self._blobs = blobs
        self._topics = records.knowledge.topics
        self._messages = records.knowledge.publishes.messages
        self._ledger = ledger
        self._stream = names.stream("u")
        self._large: dict[int, str] = {}
        self.following: Following = Following(jetstream, self._stream, names.subject("u", ">"), self.take)

    async def store(self, update: Update, recipients: int, name: str = "") -> int:
        """Store an update, and return its number in the stream once this process has taken it.

        Args:
            update: The update.
            recipients: How many subscriptions it is owed to.
            name: A unique name, so that the update is stored only once even if the request is repeated.
        """
        topic = self._topics.ensure(update.topic)
        about = {
            "id": update.id,
            "topic": update.topic,
            "type": update.content_type,
            "canonical": update.canonical,
            "hubs": update.hubs,
            "at": update.published_at,
            "publisher": update.publisher,
            "recipients": recipients,
            "trace": update.trace,
        }
        content = update.content
        if len(content) > PART_BYTES:
            about |= {"blob": uuid4().hex, "size": len(content)}
            await self._blobs.put(str(about["blob"]), content)
            content = b""
        headers = {_ABOUT: json.dumps(about)}
        stored = await self._jetstream.write(
            self._names.subject("u", topic.hash), content, name=name or uuid4().hex, headers=headers
        )
        await self._records.tell("u", stored)
        if stored == self.following.applied + 1:
            self.take(Stored("", stored, content, headers))
            self.following.wrote(stored)
        else:
            await self.following.reached(stored, _SEEN_SECONDS)
        return stored

    def take(self, message: Stored) -> None:
        """Take an update that follows all those taken before."""
        about = _about(message)
        if about is None:
            return
        topic = self._topics.ensure(about["topic"])
        sequence = topic.add_update(message.sequence, float(about["at"]))
        self._messages.add(_message(message, topic, about))
        if "blob" in about:
            self._large[message.sequence] = about["blob"]
            self._ledger.disposable.add(topic.number)
            self._ledger.members.publish(topic.number, sequence, self._ledger.clock())
        else:
            self._ledger.published(_update(about, topic.url, message.data), topic.number, sequence)

    async def read(self, topic: KnownTopic, sequence: int) -> Update | None:
        """Return an update, or None if it was deleted.

        Raises:
            StoreError: The update cannot be read now.
        """
        stored = topic.stored(sequence)
        cached = self._ledger.cache.get((topic.number, sequence))
        if cached is not None or not stored:
            return cached
        message = await self._find(stored)
        about = None if message is None else _about(message)
        if message is None or about is None:
            return None
        content: bytes | None = message.data
        if "blob" in about:
            content = await self._blobs.get(about["blob"], int(about["size"]))
        return None if content is None else _update(about, topic.url, content)

    async def is_there(self, stored: int) -> bool:
        """Return whether an update exists, by its number in the stream."""
        return await self._jetstream.get(self._stream, stored) is not None

    async def _find(self, stored: int) -> Stored | None:
        """Return an update from any server that has it, or from the leader, who knows whether it was deleted."""
        if (message := await read_one(self._jetstream, self._stream, stored)) is not None:
            return message
        for _ in range(_MISSING_LOOKS):
            message = await self._jetstream.get(self._stream, stored)
            if message is not None:
                return message
            await anyio.sleep(_PAUSE_SECONDS)  # a server that was disconnected may briefly act as the leader
        if (await self._jetstream.state(self._stream)).last < stored:
            raise StoreError("The NATS servers no longer have an update that they had.")
        return None

    async def delete(self, topic: KnownTopic, until: int, most: int) -> int:
        """Delete the updates of a topic up to a number in the stream, except those of dead letters. Return how many.

        Args:
            topic: The topic.
            until: The number.
            most: How many may be deleted one by one, between updates that stay.
        """
        kept = sorted(stored for stored in topic.letters if stored <= until)
        below = kept[0] if kept else until + 1
        gone = list(topic.updates_up_to(below - 1))
        deleted = 0
        if gone:
            deleted += await self._jetstream.purge(self._stream, below, self._names.subject("u", topic.hash))
            topic.forget_updates(below)
        for stored in topic.updates_up_to(until) if kept else ():
            if stored not in topic.letters and deleted < most:
                gone.append(stored)
                deleted += await self._jetstream.delete(self._stream, stored)
        for stored in gone:
            name = self._large.pop(stored, None)
            if name is not None:
                await self._blobs.delete(name)
        return deleted

    def forget(self, below: int) -> None:
        """Forget the deleted updates below a number in the stream."""
        self._messages.forget(below)
        for topic in self._topics:
            topic.forget_updates(below)
        for stored in [stored for stored in self._large if stored < below]:
            del self._large[stored]

    async def delete_below(self, below: int) -> int:
        """Delete all updates below a number in the stream. Return how many."""
        deleted = await self._jetstream.purge(self._stream, below)
        for stored in [stored for stored in self._large if stored < below]:
            await self._blobs.delete(self._large.pop(stored))
        self.forget(below)
        return deleted


def _about(message: Stored) -> dict[str, Any] | None:
    """Return the content of an update's header, or None if it cannot be read."""
    try:
        about: dict[str, Any] = json.loads(message.headers[_ABOUT])
        url_identity(about["topic"])
        Update(content=b"", **_fields(about, about["topic"]))
        int(about["recipients"])
    except (ValueError, TypeError, LookupError, AttributeError):
        log.error("The update %d of the stream cannot be read, and is skipped.", message.sequence)  # noqa: TRY400
        return None
    return about


def _message(message: Stored, topic: KnownTopic, about: dict[str, Any]) -> KnownMessage:
    return KnownMessage(
        number=message.sequence,
        topic=topic,
        id=about["id"],
        publisher=about.get("publisher"),
        content_type=about["type"],
        size=int(about.get("size", len(message.data))),
        published_at=float(about["at"]),
        recipients=int(about["recipients"]),
    )


def _update(about: dict[str, Any], topic: str, content: bytes) -> Update:
    return Update(content=content, **_fields(about, topic))


def _fields(about: dict[str, Any], topic: str) -> dict[str, Any]:
    return {
        "id": about["id"],
        "topic": topic,
        "content_type": about["type"],
        "canonical": about["canonical"],
        "hubs": tuple(about["hubs"]),
        "published_at": about["at"],
        "publisher": about.get("publisher"),
        "trace": about["trace"],
    }
