"""The diagram of a subscription's states, generated from their table."""

import re
from pathlib import Path

from websubhub.standalone.schedule.states import ENDED, NAMES, STARTS, ways

PAGE = Path(__file__).parents[2] / "explanation" / "architecture-of-the-hub.md"

_DRAWING = re.compile(r"```mermaid\nstateDiagram-v2\n.*?```\n", re.DOTALL)


def drawing() -> str:
    """Return the diagram as a Mermaid block. The text below it says that every state can end."""
    lines = ["```mermaid", "stateDiagram-v2"]
    lines += [f"    [*] --> {NAMES[state]}" for state in STARTS]
    lines += [
        f"    {NAMES[before]} --> {NAMES[after]}: {', '.join(event.value for event in events)}"
        for (before, after), events in sorted(ways().items())
        if after != ENDED
    ]
    return "\n".join([*lines, "```"]) + "\n"


def renewed(text: str) -> str:
    """Return a page with an up-to-date diagram."""
    return _DRAWING.sub(lambda _: drawing(), text)
