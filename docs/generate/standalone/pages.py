"""Which generated pages about the standalone hub there are."""

from pathlib import Path

from docs.generate.standalone import command_line, configuration

FOLDER = Path(__file__).parents[2] / "reference"

_FOOT = [
    "",
    "This page is generated: `python -m docs.generate.standalone` writes it from the code.",
    "",
    "Back to the [reference](index.md).",
]


def pages() -> dict[Path, str]:
    """Every generated page, by its file."""
    written = {"configuration.md": configuration.page(), "command-line-websubhub.md": command_line.page()}
    return {FOLDER / file: "\n".join([*lines, *_FOOT]) + "\n" for file, lines in written.items()}
