"""The generated pages about the standalone hub."""

from pathlib import Path

from docs.generate.page import FOLDER as FOLDER  # noqa: PLC0414 - for the tests
from docs.generate.page import written
from docs.generate.standalone import command_line, configuration, events


def pages() -> dict[Path, str]:
    """Return every generated page by its file."""
    lines = {
        "configuration.md": configuration.page(),
        "command-line-websubhub.md": command_line.page(),
        "events.md": events.page(),
    }
    return written(lines, "python -m docs.generate.standalone")
