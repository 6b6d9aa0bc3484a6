"""Log formats: text for people or JSON for programs, without control characters from others."""

import json
import logging
import sys
import time
from collections.abc import Iterable, Mapping

from websubhub.standalone.events.events import Event
from websubhub.standalone.events.printing import printable

log: logging.Logger = logging.getLogger("websubhub")

_LIMIT = 2_000


class TextFormatter(logging.Formatter):
    """Formats each record as one readable line. Text from others cannot break the line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line for a record, with its traceback indented below."""
        clock = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record.created))
        line = f"{clock} {record.levelname.lower():<7} {printable(record.getMessage())}"
        if record.exc_info:
            trace = self.formatException(record.exc_info)
            line += "".join(f"\n    {printable(row)}" for row in trace.splitlines())
        return line


class JsonFormatter(logging.Formatter):
    """Formats each record as a JSON object. An event has its name as ``event``, and a key for each of its fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Return a record as a JSON object."""
        entry = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{record.msecs:03.0f}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            **_told(record),
        }
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        return json.dumps(entry)


def _told(record: logging.LogRecord) -> Mapping[str, object]:
    """Return the content of a record. All events of a kind have the same message, so that programs can group by it."""
    event = getattr(record, "event", None)
    if not isinstance(event, Event):
        return {"message": record.getMessage()[:_LIMIT]}
    return {"message": event.name.replace("_", " "), "event": event.name, **event.fields}


def set_up(log_format: str, level: str) -> None:
    """Log to stderr.

    Args:
        log_format: ``text`` or ``json``.
        level: The lowest level to log.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter())
    root = logging.getLogger()
    # A second call replaces the handler of the first, but leaves all others.
    for old in [old for old in root.handlers if isinstance(old.formatter, TextFormatter | JsonFormatter)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level.upper())
    # At lower levels, these log whole URLs and headers, including callbacks and secrets.
    for noisy in ("httpx", "httpcore", "hpack", "nats", "websub.server"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def warn(sentences: Iterable[str]) -> None:
    """Log a warning for each sentence."""
    for sentence in sentences:
        log.warning("%s", sentence)
