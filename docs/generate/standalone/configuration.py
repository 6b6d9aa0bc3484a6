"""The page of the settings, generated from their definitions."""

import re
from collections.abc import Callable
from typing import Any

import attrs

from docs.generate.sections import table
from websubhub.standalone.setting_definitions import Group, flag, variable
from websubhub.standalone.settings import Settings, SettingsError

_INTRO = """\
# Configuration

These are the settings of `websubhub serve` and `websubhub doctor`.
You can set each of them in several ways. The first one found applies:

1. a flag on the command line
2. a variable in the environment
3. a key in the TOML file that `--config` or `WEBSUBHUB_CONFIG` names
4. the default

Invalid settings, unknown keys in the file and misspelt variables end the command with exit status 2.
The command prints a sentence for each of them.
A variable that begins with `WEBSUBHUB_` but does not resemble a setting is reported on stderr and ignored.

A setting marked with * takes several values.
Repeat the flag, separate the values of the variable with spaces, or write a list in the file.
A switch has the default `false` and needs no value as a flag: `--validate-topics`.
In the file, keys can have hyphens instead of underscores.

```toml
public_url = "https://hub.example.com/hub"
store = "sqlite:////var/lib/websubhub/hub.db"
topics = "registered"
publisher_token = ["a-long-random-token", "another-long-random-token"]
retry_delays = [5, 60, 3600]
```

Every user of the machine can see flags, so set tokens in the environment or the file."""


_STORES = """\
`nats://` takes several servers, and options at the end: `nats://HOST:PORT,HOST:PORT?name=NAME&replicas=3&gib=10`.
It needs the extra `nats`: `pip install "websubhub[nats]"`.
See [Grow to several machines](../how-to/grow-to-several-machines.md)."""


def page() -> list[str]:
    """Return the page as lines."""
    lines = _INTRO.splitlines()
    for group in Group:
        rows = [_row(field) for field in attrs.fields(Settings) if field.metadata["group"] is group]
        lines += ["", f"## {group}", *table(("Key", "Flag", "Variable", "Default", "Meaning"), rows)]
    lines += ["", *_STORES.splitlines()]
    return lines


def _row(field: "attrs.Attribute[Any]") -> tuple[str, ...]:
    mark = " *" if field.metadata.get("many") else ""
    values = allowed(field.metadata["parse"])
    meaning = field.metadata["help"] + (f" Allowed: {values}." if values else "")
    return (
        f"`{field.name}`{mark}",
        f"`{flag(field.name)}`",
        f"`{variable(field.name)}`",
        default(field.default),
        meaning,
    )


def allowed(parse: Callable[[str], object]) -> str:
    """Return the allowed values of a setting, taken from its error for a value that is not allowed."""
    for probe in ("", "x", "1e999"):
        try:
            parse(probe)
        except SettingsError as error:
            words = re.search(r"must (?:be )?(.*?)(?:, not .*)?\.?$", str(error))
            if words is not None:
                return words[1]
    return ""


def default(value: object) -> str:
    """Return a default as users would write it in a flag."""
    if value is None or value == ():
        return "none"
    text = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return f"`{text.lower() if isinstance(value, bool) else text}`"
