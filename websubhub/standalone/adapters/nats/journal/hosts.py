"""Paused hosts on NATS."""

import json

from websubhub.standalone.adapters.nats.records.changing import Records
from websubhub.standalone.adapters.nats.wire.names import short_hash


class PausedHosts:
    """Pauses and resumes hosts, for every process of the hub.

    Args:
        records: The records.
    """

    def __init__(self, records: Records) -> None:
        self._records = records

    async def hold(self, host: str, *, paused: bool) -> None:
        """Store that a host is paused or no longer paused."""
        subject = self._records.names.subject("h", short_hash(host))
        await self._records.change(subject, lambda: json.dumps({"host": host, "paused": paused}).encode())
