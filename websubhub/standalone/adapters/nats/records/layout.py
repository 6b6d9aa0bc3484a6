"""The version of the layout of records, on which all processes of a hub agree."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from attrs import asdict, frozen

from websubhub.standalone.adapters.nats.records.changing import Records
from websubhub.standalone.adapters.nats.wire.names import PARTITIONS
from websubhub.standalone.ports import StoreVersionError


@frozen(kw_only=True)
class Layout:
    """A layout.

    Attributes:
        version: Its version.
        needs: The oldest version that may run beside this one.
        partitions: How many partitions there are.
    """

    version: int
    needs: int
    partitions: int = PARTITIONS

    def write(self) -> dict[str, int]:
        """Return it as a record."""
        return asdict(self)


def read_layout(record: Any) -> Layout:
    """Return the layout in a record.

    Raises:
        StoreVersionError: It is not a layout.
    """
    try:
        version, partitions = int(record["version"]), int(record["partitions"])
        return Layout(version=version, needs=int(record.get("needs", version)), partitions=partitions)
    except (TypeError, ValueError, LookupError, AttributeError):
        raise StoreVersionError(f"The streams have an unknown layout: {record}.") from None


def agree(found: Layout | None, own: Layout) -> Layout | None:
    """Return the layout to record, or None to keep the recorded one.

    Args:
        found: The recorded layout, or None.
        own: The layout of this process.

    Raises:
        StoreVersionError: They are incompatible. The message names the difference.
    """
    if found is None:
        return own
    if found.partitions != own.partitions:
        raise StoreVersionError(
            f"The streams have {found.partitions} partitions, and this version of websubhub has {own.partitions}."
        )
    if found.needs > own.version:
        raise StoreVersionError(
            f"The streams have layout {found.version}, which needs a websubhub of layout {found.needs} or later, and "
            f"this one is of layout {own.version}: install a newer version."
        )
    return own if found.version < own.version else None


async def agree_on_layout(records: Records, own: Layout, check_alone: Callable[[], Awaitable[None]]) -> None:
    """Check that the layouts of a process and of the records are compatible, and record the newer one.

    Args:
        records: The records.
        own: The layout of the process.
        check_alone: Checks that no other process of the hub is running.

    Raises:
        StoreVersionError: They are incompatible.
        StoreLockedError: Incompatible older processes are running.
    """

    def found() -> Layout | None:
        recorded = records.knowledge.agreed.get("layout")
        return None if recorded is None else read_layout(recorded)

    def decide() -> bytes | None:
        layout = agree(found(), own)
        return None if layout is None else json.dumps(layout.write()).encode()

    known = found()
    if known is not None and known.version < own.needs:
        await check_alone()
    await records.change(records.names.subject("m", "layout"), decide)
