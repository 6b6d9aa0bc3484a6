"""Reading the headers of messages."""

from string import whitespace


def read_headers(raw: bytes) -> dict[str, str]:
    """Return the headers in lines, each of which is a name, a colon and a value."""
    pairs = (line.partition(":") for line in raw.decode("utf-8", "replace").split("\r\n"))
    return {name: value.strip(whitespace) for name, colon, value in pairs if colon}
