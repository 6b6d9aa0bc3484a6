"""Log lines: for people, or as JSON; never with a control character from outside."""

import json
import logging
import sys
import time

_LIMIT = 2_000


class TextFormatter(logging.Formatter):
    """One readable line for each record; what came from outside cannot start a line of its own."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record, with its traceback indented below."""
        clock = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record.created))
        line = f"{clock} {record.levelname.lower():<7} {printable(record.getMessage())}"
        if record.exc_info:
            trace = self.formatException(record.exc_info)
            line += "".join(f"\n    {printable(row)}" for row in trace.splitlines())
        return line


class JsonFormatter(logging.Formatter):
    """One JSON object for each record."""

    def format(self, record: logging.LogRecord) -> str:
        """The object of a record."""
        entry = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{record.msecs:03.0f}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage()[:_LIMIT],
        }
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        return json.dumps(entry)


def printable(text: str) -> str:
    """The text with everything that is not printable escaped, and not too long."""
    shown = text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    return shown if len(shown) <= _LIMIT else shown[:_LIMIT] + "…"


def set_up(log_format: str, level: str) -> None:
    """Log to stderr.

    Args:
        log_format: ``text`` or ``json``.
        level: The least level to log.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter())
    root = logging.getLogger()
    # Set up again, it replaces what it set up before, and leaves the handlers of others alone.
    for old in [old for old in root.handlers if isinstance(old.formatter, TextFormatter | JsonFormatter)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level.upper())
    # They write whole URLs and headers at their lower levels, callbacks and secrets among them.
    for noisy in ("httpx", "httpcore", "hpack", "nats", "websub.server"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
