"""Operations of the admin API on the hub as a whole."""

import math
import platform
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import attrs

from websubhub import authority_of
from websubhub.standalone.admin.announcements import AnnouncementOperations
from websubhub.standalone.admin.cursors import next_cursor, read_place
from websubhub.standalone.admin.parameters import (
    OperationError,
    iso_time,
    read_delivery_filter,
    read_limit,
    read_number,
    shown,
)
from websubhub.standalone.cautions import cautions
from websubhub.standalone.measuring.disk import disk_of
from websubhub.standalone.measuring.series import COUNTED, MEASURED, STEP_SECONDS, Series
from websubhub.standalone.ports import HubStore
from websubhub.standalone.setting_values import split_token
from websubhub.standalone.settings import Settings
from websubhub.standalone.stores import shown_store

_DAY_SECONDS = 86_400
_POINTS = 720
_HIDDEN = "***"


@attrs.frozen(kw_only=True)
class About:
    """The facts about a hub that do not change after its start.

    Args:
        settings: Its settings.
        sources: The source of each setting that is not a default, by name.
        url: Its public URL.
        started_at: When it started, in seconds since 1970.
    """

    settings: Settings
    sources: Mapping[str, str]
    url: str
    started_at: float


class OverviewOperations:
    """Shows how the hub as a whole is doing.

    Args:
        store: The store.
        announcements: The operations on announced topics.
        series: The last 24 hours.
        about: The facts about the hub since its start.
    """

    def __init__(self, store: HubStore, announcements: AnnouncementOperations, series: Series, about: About) -> None:
        self._store = store
        self._announcements = announcements
        self._series = series
        self._about = about

    async def info(self, _: dict[str, Any]) -> object:
        """Return the version, the store and the settings of the hub, with secrets masked."""
        about = self._about
        return {
            "version": version("websubhub"),
            "python": platform.python_version(),
            "platform": platform.platform(),
            "url": about.url,
            "store": shown_store(about.settings.store),
            "started_at": iso_time(about.started_at),
            "uptime_seconds": max(0.0, round(self._store.clock() - about.started_at, 3)),
            "disk": disk_of(about.settings.store),
            "warnings": list(cautions(about.settings, about.url)),
            "settings": [self._setting(field) for field in attrs.fields(Settings)],
        }

    async def deliveries(self, parameters: dict[str, Any]) -> object:
        """Return the counts, a page of the deliveries to be retried, and the topics that could not be fetched."""
        limit, after = read_limit(parameters), read_place(parameters, float, str, str)
        failing = await self._store.broker.failing(read_delivery_filter(parameters), after=after, limit=limit)
        return {
            "statistics": await self.statistics(parameters),
            "failing": [{**shown(one), "host": authority_of(one.callback)} for one in failing],
            "next": next_cursor(failing, limit, *failing[-1].place) if failing else None,
            "announcements": await self._announcements.failed(limit),
        }

    async def statistics(self, _: dict[str, Any]) -> object:
        """Return the current counts."""
        announcements = await self._store.announcements.statistics()
        return {**shown(await self._store.broker.statistics()), "announcements": shown(announcements)}

    def is_complete(self) -> bool:
        """Return whether the store knows all of the hub at present, so that no answer lacks anything."""
        connection = self._store.connection
        return connection is None or connection.complete

    async def series(self, parameters: dict[str, Any]) -> object:
        """Return the counts of the last hour, or of up to 24 hours, in steps of equal length."""
        seconds = read_number(parameters.get("seconds", 3_600), "seconds")
        step = read_number(parameters.get("step", _step(seconds)), "step")
        if not all(STEP_SECONDS <= each <= _DAY_SECONDS for each in (seconds, step)) or step % STEP_SECONDS:
            bounds = f"from {STEP_SECONDS} to {_DAY_SECONDS}"
            reason = f"seconds and step must be {bounds}, and step a multiple of {STEP_SECONDS}."
            raise OperationError(400, reason)
        since, width = self._store.clock() - seconds, step // STEP_SECONDS
        columns = {name: self._series.column(name, since) for name in ("at", *COUNTED, *MEASURED)}
        starts = range(0, len(columns["at"]), width)
        joined = {
            name: [_joined(name, column[start : start + width]) for start in starts] for name, column in columns.items()
        }
        return {"step_seconds": step, "series": joined}

    def _setting(self, field: "attrs.Attribute[Any]") -> dict[str, Any]:
        value = getattr(self._about.settings, field.name)
        if field.metadata.get("secret"):
            value = _masked(value)
        elif field.name == "store":
            value = shown_store(value)
        return {
            "name": field.name,
            "value": list(value) if isinstance(value, tuple) else value,
            "source": self._about.sources.get(field.name, "default"),
            "help": field.metadata["help"],
        }


def _masked(secret: Any) -> Any:
    if isinstance(secret, tuple):
        return tuple(f"{name}={_HIDDEN}" if (name := split_token(each)[0]) else _HIDDEN for each in secret)
    return None if secret is None else _HIDDEN


def _step(seconds: int) -> int:
    """Return the shortest step that divides this many seconds into an acceptable number of points."""
    return max(1, math.ceil(seconds / _POINTS / STEP_SECONDS)) * STEP_SECONDS


def _joined(name: str, values: list[float]) -> Any:
    """Combine consecutive points into one value, or return None if none of them is known."""
    if name == "at":
        return iso_time(values[-1])
    if name in COUNTED:
        return int(sum(values))
    if name == "waiting":
        return int(values[-1])
    known = [value for value in values if not math.isnan(value)]
    if not known:
        return None
    return max(known) if name == "latency_p99" else sorted(known)[len(known) // 2]
