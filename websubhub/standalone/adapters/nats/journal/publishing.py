"""Accepting updates: once per key, and only up to the limit on waiting deliveries."""

from collections.abc import Callable

import anyio
from attrs import evolve

from websubhub.standalone.adapters.nats.journal.updates import Updates
from websubhub.standalone.adapters.nats.records import publish_keys
from websubhub.standalone.adapters.nats.records.changing import Records
from websubhub.standalone.adapters.nats.wire.errors import UnavailableError
from websubhub.standalone.adapters.nats.wire.names import short_hash
from websubhub.standalone.broker.journal import Appended
from websubhub.standalone.broker.ledger import Ledger
from websubhub.standalone.ports import PublishKey, Update
from websubhub.standalone.schedule.members import Admission

_APPEND_SECONDS = 8.0


class Publishing:
    """Accepts updates.

    Args:
        updates: Stores them.
        records: The records of keys.
        ledger: Knows what is waiting in this process.
        elsewhere: Returns how many deliveries are waiting in other processes.
    """

    def __init__(self, updates: Updates, records: Records, ledger: Ledger, elsewhere: Callable[[], int]) -> None:
        self._updates = updates
        self._records = records
        self._topics = records.knowledge.topics
        self._messages = records.knowledge.publishes.messages
        self._keys = records.knowledge.publishes.keys
        self._ledger = ledger
        self._elsewhere = elsewhere

    async def append(self, update: Update, key: PublishKey | None) -> Appended:
        """Append an update, unless one with the same key was accepted within a day.

        Raises:
            UnavailableError: That takes too long, which is no reason for its publisher to wait. It may have happened.
        """
        await self._records.turn()
        with anyio.move_on_after(_APPEND_SECONDS):
            return await self._append(update, key)
        raise UnavailableError("The NATS servers do not answer in time.")

    async def _append(self, update: Update, key: PublishKey | None) -> Appended:
        if key is None:
            if self._is_full(update.topic):
                return Appended(update.id, Admission.FULL, settled=False)
            return await self._store(update, "")
        return await self._append_once(update, key)

    async def _append_once(self, update: Update, key: PublishKey) -> Appended:
        """Reserve the key, store the update, and note that it is stored, so that a repetition stores nothing."""
        subject, now = self._records.names.subject("k", publish_keys.key_hash(key, update.topic)), self._ledger.clock()
        await self._records.refresh(subject)
        use = publish_keys.recent(self._keys.of(subject), now).get(key.publisher)
        if use is None or not use.accepted:
            if self._is_full(update.topic):
                return Appended(update.id, Admission.FULL, settled=False)
            await self._records.change(subject, lambda: self._reserve(subject, update, key, now))
            use = publish_keys.recent(self._keys.of(subject), now)[key.publisher]
        if use.accepted:
            recipients = self._recipients_of(update.topic, use.id)
            return Appended(use.id, Admission.REPEATED, settled=False, recipients=recipients)
        name = short_hash(f"{subject} {key.publisher} {use.id} {use.used_at}")
        appended = await self._store(evolve(update, id=use.id), name)
        await self._records.change(subject, lambda: self._accept(subject, key))
        for old in self._keys.excess():
            await self._records.change(old, lambda: b"")
        return appended

    def _recipients_of(self, url: str, message_id: str) -> int | None:
        topic = self._topics.find(url)
        message = None if topic is None else self._messages.named(topic, message_id)
        return None if message is None else message.recipients

    async def _store(self, update: Update, name: str) -> Appended:
        topic = self._topics.find(update.topic)
        recipients = 0 if topic is None else topic.pairs
        await self._updates.store(update, recipients, name)
        return Appended(update.id, Admission.TAKEN, settled=False, recipients=recipients)

    def _reserve(self, subject: str, update: Update, key: PublishKey, now: float) -> bytes | None:
        uses = publish_keys.recent(self._keys.of(subject), now)
        if key.publisher in uses:
            return None
        return publish_keys.write_uses(publish_keys.reserve(uses, key, update.topic, update.id, now))

    def _accept(self, subject: str, key: PublishKey) -> bytes | None:
        uses = self._keys.of(subject)
        accepted = publish_keys.accept(uses, key)
        return None if accepted == uses else publish_keys.write_uses(accepted)

    def _is_full(self, url: str) -> bool:
        topic, board = self._topics.find(url), self._ledger.board
        more = 0 if topic is None else topic.pairs
        return bool(more) and board.waiting + self._elsewhere() + more > board.limits.waiting
