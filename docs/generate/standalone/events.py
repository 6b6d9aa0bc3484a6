"""The page about events, generated from the table of their kinds."""

import logging

from websubhub.standalone.events.kinds import Kind, plural_of

_INTRODUCTION = """\
# Events

The hub records what happens as events. Each event is a line in its log, on stderr:

```text
2026-11-28 10:15:02 info    sub.example:8443 subscribed to https://example.com/feed for 864000 s.
```

With `log_format = "json"`, a line has each field of its event separately, and \
`message` is the same for all events of a kind:

```json
{"time": "2026-11-28T10:15:02.117Z", "level": "info", "logger": "websubhub", "message": "subscribed", \
"event": "subscribed", "host": "sub.example:8443", "topic": "https://example.com/feed", "lease_seconds": 864000}
```

- A callback is a credential, so `host` is only its host and port. No event contains a secret, a token or content.
- Control characters in text from others are escaped, and long text is cut.
- An event that repeats one from the last minute is only counted. So are events of a kind beyond sixty at once and \
one a second from then on. `more` says how many were counted since the last line. So a flood, for example an \
attack, cannot fill the disk.
- With `log_level = "debug"`, there is a line for every delivery attempt. These lines are always logged.
"""
_EXPLANATION = {
    "id": "the id of the message",
    "host": "the host and port of a callback",
    "topic": "the URL of a topic",
    "mode": "`subscribe` or `unsubscribe`",
    "status": "the status of the answer, 0 if there was none",
    "reason": "why, in words",
    "type": "a Content-Type",
    "size": "bytes",
    "recipients": "how many subscriptions a message goes to",
    "publisher": "the name of the publisher's token, empty if it has none, null if the hub fetched the content itself",
    "attempt": "the number of the attempt, from 1",
    "attempts": "how many attempts there were",
    "retry_seconds": "in how many seconds the next attempt follows",
    "dead": "whether it was the last attempt",
    "milliseconds": "how long it took",
    "failures": "how many deliveries in a row failed",
    "more": "how many similar events were only counted",
}


def page() -> list[str]:
    """Return the page as lines."""
    rows = [
        f"| `{kind.title}` | {logging.getLevelName(kind.shape.level).lower()} | {_shown(kind)} | {_further(kind)} |"
        for kind in Kind
    ]
    table = ["| Event | Level | Line | Further fields |", "| --- | --- | --- | --- |", *rows]
    fields = [f"- `{name}`: {text}." for name, text in _EXPLANATION.items()]
    return [
        _INTRODUCTION,
        "## Every event",
        "",
        *table,
        "",
        "## Fields",
        "",
        *fields,
    ]


def _shown(kind: Kind) -> str:
    return kind.shape.line(lambda name, noun: f"`{name}` {plural_of(noun)}" if noun else f"`{name}`")


def _further(kind: Kind) -> str:
    return ", ".join(f"`{name}`" for name in kind.shape.further)
