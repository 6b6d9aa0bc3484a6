"""Making text from others safe for a line of a log."""


def printable(text: str, limit: int = 2_000) -> str:
    """Return the text with unprintable characters escaped, cut to a limit."""
    shown = text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    return shown if len(shown) <= limit else shown[:limit] + "…"
