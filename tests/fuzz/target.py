"""What is fuzzed: a reader, what it is fed to begin with, and what must hold of it."""

from collections.abc import Callable

import attrs

#: Bytes that an input may have, unless a target says otherwise.
LIMIT = 4_096


@attrs.frozen
class Target:
    """One reader of what a peer sends.

    Attributes:
        name: What to call it on the command line.
        check: Feeds it an input, and raises when something does not hold. Errors that callers of the reader expect are
            no findings, so it takes them.
        seeds: Inputs that mean something; from these all others are made.
        dictionary: Words that mean something to it, and that chance would not find.
        limit: Bytes that an input may have.
        work: Steps that an input may take for each of its bytes, as ``tests.work`` counts them, beyond a fixed number.
    """

    name: str
    check: Callable[[bytes], object] = attrs.field(repr=False)
    seeds: tuple[bytes, ...] = attrs.field(repr=False)
    dictionary: tuple[bytes, ...] = attrs.field(repr=False, default=())
    limit: int = LIMIT
    work: int = 100


def words(text: str) -> tuple[bytes, ...]:
    """The words of a text, as a dictionary."""
    return tuple(word.encode() for word in text.split())


def parts_of(data: bytes, number: int) -> list[bytes]:
    """An input as so many parts, each on a line of its own but the last, which is the rest."""
    parts = data.split(b"\n", number - 1)
    return [*parts, *[b""] * (number - len(parts))]


def text_of(part: bytes) -> str:
    """A part as the text of a header, one character a byte."""
    return part.decode("latin-1")


def unicode_of(part: bytes) -> str:
    """A part as text that came through JSON, a form or a hook, where any character may be in it."""
    try:
        return part.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return part.decode("utf-8", "replace")


def cut(data: bytes) -> list[bytes]:
    """The same bytes in pieces of 1, 2, 3, ... bytes, as a network might bring them."""
    pieces, position, size = [], 0, 1
    while position < len(data):
        pieces.append(data[position : position + size])
        position += size
        size += 1
    return pieces
