"""Bodies of responses that are wanted whole, even if they are large."""

from collections.abc import Callable
from typing import Protocol, Self

import attrs

from websubhub._distribution.outcome import DeliveryFailure


class LargeBody(Protocol):
    """A body that is too large for the engine, from its first byte on. It has a connection of its own.

    Attributes:
        failure: Once it has ended, why it is not complete, or None.
    """

    failure: DeliveryFailure | None

    def __aiter__(self) -> Self:
        """Return itself, since it arrives once."""

    async def __anext__(self) -> bytes:
        """Return the next piece."""

    def close(self) -> None:
        """Close its connection."""


@attrs.frozen
class WantedBody:
    """Which bodies of responses are wanted, and who reads those that the engine does not keep.

    Attributes:
        statuses: The statuses of responses whose body is wanted. Others are ignored.
        take_over: Called with a wanted body that is larger than ``kept_body_bytes``. It must be closed.
    """

    statuses: frozenset[int]
    take_over: Callable[[LargeBody], None] = attrs.field(repr=False)
