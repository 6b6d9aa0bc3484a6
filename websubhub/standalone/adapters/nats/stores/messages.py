"""Messages and failed attempts, which are not kept on NATS yet."""

# ruff: noqa: ARG002 - the port has these arguments

from websubhub.standalone.adapters.nats.records.changing import Records
from websubhub.standalone.ports import (
    AttemptOutcome,
    FailedAttempt,
    Message,
    StoreError,
    SubscriptionHealth,
    Update,
)

_REASON = "What became of messages is not kept in a store at nats:// yet."


class NatsMessages:
    """Has the form of ``MessageStore``, and says that nothing is kept. Until it is, no hub is offered this store.

    Args:
        records: The records.
    """

    def __init__(self, records: Records) -> None:
        self._records = records

    async def page(
        self, *, topic: str | None = None, message_id: str | None = None, before: int | None = None, limit: int = 100
    ) -> list[Message]:
        """Raise ``StoreError``."""
        raise StoreError(_REASON)

    async def update(self, number: int) -> Update | None:
        """Raise ``StoreError``."""
        raise StoreError(_REASON)

    async def attempts(
        self,
        *,
        message_id: str | None = None,
        topic: str | None = None,
        callback: str | None = None,
        host: str | None = None,
        outcome: AttemptOutcome | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> list[FailedAttempt]:
        """Raise ``StoreError``."""
        raise StoreError(_REASON)

    async def redeliver(self, number: int, callback: str) -> bool:
        """Raise ``StoreError``."""
        raise StoreError(_REASON)

    async def health(self, topic: str, callback: str) -> SubscriptionHealth | None:
        """Raise ``StoreError``."""
        raise StoreError(_REASON)

    async def expire(self) -> int:
        """Mark nothing, since nothing is kept."""
        await self._records.turn()
        return 0
