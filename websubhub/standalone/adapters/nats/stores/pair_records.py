"""The records of pairs, one for each pair of topic and callback."""

from collections.abc import Callable

from websubhub.standalone.adapters.nats.records.changing import Records
from websubhub.standalone.adapters.nats.records.pairs import PairRecord
from websubhub.standalone.adapters.nats.wire.names import pair_hash, partition_of
from websubhub.standalone.indexes.pairs import pair_of


class PairRecords:
    """Reads and changes records of pairs.

    Args:
        records: All records.
    """

    def __init__(self, records: Records) -> None:
        self._records = records
        self._pairs = records.knowledge.pairs

    def _subject(self, topic: str, callback: str) -> str:
        return self._records.names.subject("s", partition_of(callback), pair_hash(topic, callback))

    async def refresh(self, topic: str, callback: str) -> None:
        """Read the current record of a pair."""
        await self._records.refresh(self._subject(topic, callback))

    async def change(self, topic: str, callback: str, decide: Callable[[PairRecord], PairRecord | None]) -> bool:
        """Change the record of a pair to what ``decide`` returns. Return False, without a change, if that is None."""

        def changed() -> bytes | None:
            record = decide(self.record(topic, callback))
            return None if record is None else record.write()

        return await self._records.change(self._subject(topic, callback), changed)

    def record(self, topic: str, callback: str) -> PairRecord:
        """Return the known record of a pair."""
        key = pair_of(topic, callback)
        pair, kept = self._pairs.of(key), self._pairs.pending.of(key)
        pending = None if kept is None else kept.value
        return PairRecord(pending=pending) if pair is None else PairRecord(pair.value, pair.start, pending)
