"""The drawing of a subscription's states, from their table."""

import re
from pathlib import Path

from websubhub.standalone.schedule.states import ENDED, NAMES, STARTS, ways

PAGE = Path(__file__).parents[2] / "explanation" / "architecture-of-the-hub.md"

_DRAWING = re.compile(r"```mermaid\nstateDiagram-v2\n.*?```\n", re.DOTALL)


def drawing() -> str:
    """Return the drawing, in a block of Mermaid. That all states may end is said beside it."""
    lines = ["```mermaid", "stateDiagram-v2"]
    lines += [f"    [*] --> {NAMES[state]}" for state in STARTS]
    lines += [
        f"    {NAMES[before]} --> {NAMES[after]}: {', '.join(event.value for event in events)}"
        for (before, after), events in sorted(ways().items())
        if after != ENDED
    ]
    return "\n".join([*lines, "```"]) + "\n"


def renewed(text: str) -> str:
    """Return a page with its drawing made anew."""
    return _DRAWING.sub(lambda _: drawing(), text)
