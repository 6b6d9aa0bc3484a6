"""The streams: created if missing, checked, and refused if they guarantee less than the hub needs."""

import logging
from typing import Any

from websubhub.standalone.adapters.nats.wire.jetstream import JetStream, is_missing
from websubhub.standalone.adapters.nats.wire.names import Names
from websubhub.standalone.ports import StoreError

log: logging.Logger = logging.getLogger("websubhub")

_GIB = 1024**3
_SECOND = 10**9
_DAY = 86_400 * _SECOND
_CREATE_SECONDS = 15.0
_COMMON: dict[str, Any] = {
    "retention": "limits",
    "storage": "file",
    "discard": "new",
    "allow_direct": True,
    "duplicate_window": 120 * _SECOND,
}
_RECORDS = {"max_msgs_per_subject": 1, "allow_msg_ttl": True}


def configurations(names: Names, replicas: int, gib: float) -> list[dict[str, Any]]:
    """Return the required configurations of the streams."""
    rows: tuple[tuple[str, str, float, dict[str, Any]], ...] = (
        ("u", "u", 1, {"duplicate_window": 600 * _SECOND}),  # updates
        ("s", "s", 0.2, _RECORDS),  # pairs of topic and callback
        ("p", "p", 0.2, {"allow_rollup_hdrs": True}),  # positions, by partition
        ("t", "tahmcx", 0.2, _RECORDS),  # topics, announcements, paused hosts, agreements, counts, expiries
        ("d", "d", 0.1, _RECORDS),  # dead letters
        ("k", "k", 0.1, {"max_age": 2 * _DAY, **_RECORDS}),  # keys of publishes
        ("f", "f", 0.1, {"discard": "old"}),  # failed attempts
        ("b", "b", 1, {}),  # what is too large for a message, in parts
    )
    return [
        _COMMON
        | {
            "name": names.stream(letter),
            "subjects": [names.subject(first, ">") for first in firsts],
            "max_bytes": int(share * gib * _GIB),
            "num_replicas": replicas,
        }
        | special
        for letter, firsts, share, special in rows
    ]


async def ensure_streams(jetstream: JetStream, names: Names, replicas: int, gib: float) -> None:
    """Create missing streams, and compare the others.

    Raises:
        StoreError: A stream cannot be created, or is weaker than required.
    """
    for wanted in configurations(names, replicas, gib):
        name = wanted["name"]
        try:
            found = (await jetstream.ask(f"STREAM.INFO.{name}", None, _CREATE_SECONDS))["config"]
        except StoreError as error:
            if not is_missing(error):
                raise
            log.info("Creating the stream %s with %d replicas.", name, replicas)
            found = (await jetstream.ask(f"STREAM.CREATE.{name}", wanted, _CREATE_SECONDS))["config"]
        weaker = _differences(wanted, found)
        if weaker:
            raise StoreError(f"The stream {name} is weaker than this hub needs: {'; '.join(weaker)}.")


def _differences(wanted: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """Return what a stream lacks, in words. Size limits are up to the operator."""
    differing = []
    for key, value in wanted.items():
        has = found.get(key)
        if key in {"name", "max_bytes"}:
            continue
        if key in {"num_replicas", "duplicate_window", "max_age"}:
            fits = isinstance(has, int) and (has >= value or (key == "max_age" and has == 0))
        elif key == "subjects":
            fits = set(value) <= set(has or ())
        else:
            fits = has == value
        if not fits:
            differing.append(f"{key} is {has} and must be {value}")
    return differing
