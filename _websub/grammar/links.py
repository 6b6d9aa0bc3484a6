"""A reader and a writer of Link headers, in which a topic names its hubs and itself.

The reader follows RFC 8288, Appendix B, and is forgiving: it skips what it cannot read. The writer escapes every
character that could end a target early, so that a topic cannot add a link of its own.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import urldefrag, urljoin

from attrs import frozen

from _websub.grammar.urls import ascii_url

MAX_LINK_CHARACTERS = 64 * 1024
MAX_LINKS = 100
MAX_LINK_PARAMETERS = 20

# Possessive quantifiers never backtrack, so no header can make a pattern try twice.
_SEPARATORS = re.compile(r"[ \t,]*+")
_PARAMETER = re.compile(
    r"""[ \t]*+;[ \t]*+(?P<name>[^ \t=;,"]*+)[ \t]*+"""
    r"""(?:=[ \t]*+(?:"(?P<quoted>(?>(?:[^"\\]|\\.)*))"?|(?P<token>[^;,]*+)))?""",
    re.DOTALL,
)
_COMMA_OR_QUOTE = re.compile('[,"]')
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*+:")
_NOT_IN_A_TARGET = re.compile(r"""[^!#-;=?-~]""")


@frozen(kw_only=True)
class Link:
    """One link of a ``Link`` header (RFC 8288, 3).

    Attributes:
        target: The URL it points to.
        relations: Its relation types in lower case.
        parameters: All of its parameters in order, with names in lower case.
        anchor: The resource that the link is about, if it is a different one.
    """

    target: str
    relations: frozenset[str]
    parameters: tuple[tuple[str, str], ...] = ()
    anchor: str | None = None

    @property
    def is_about_another_resource(self) -> bool:
        """Whether an ``anchor`` parameter says that the link is about another resource (RFC 8288, 3.2)."""
        return self.anchor is not None


def parse_links(values: Iterable[str], *, base: str | None = None) -> tuple[Link, ...]:
    """Read the links of all ``Link`` header values of a response, in order.

    Malformed links and links with more than 20 parameters are skipped. Reading ends after 100 links, and before the
    value that exceeds 64 KiB of text in total.

    Args:
        values: The values of the headers, in order.
        base: The absolute URL of the response, to resolve targets against (RFC 8288, 3 and Appendix B).
    """
    links: list[Link] = []
    left = MAX_LINK_CHARACTERS
    for value in values:
        left -= len(value)
        if left < 0:
            break
        links.extend(_links_of(value, base, limit=MAX_LINKS - len(links)))
    return tuple(links)


def write_links(hubs: Sequence[str], topic: str | None) -> str:
    """Return one ``Link`` header value that names the hubs and, last, the topic itself.

    Characters that are not allowed in a URL are percent-encoded, so that the value is one line of ASCII with exactly
    these links (W3C WebSub, 7 and RFC 8288, 3).
    """
    links = [f'<{_as_target(hub)}>; rel="hub"' for hub in hubs]
    if topic is not None:
        links.append(f'<{_as_target(topic)}>; rel="self"')
    return ", ".join(links)


def resolve(base: str, reference: str) -> str | None:
    """Resolve a reference against the absolute URL ``base``. Return None if it is not a URL reference.

    A reference that has a scheme is returned unchanged, since topics are compared character by character
    (RFC 3986, 5).
    """
    if _SCHEME.match(reference):
        return reference
    try:
        return urljoin(urldefrag(base).url, reference)
    except ValueError:
        return None


def _links_of(value: str, base: str | None, *, limit: int) -> Iterator[Link]:
    position = 0
    for _ in range(limit):
        position = _skip(_SEPARATORS, value, position)
        end_of_target = value.find(">", position) if value.startswith("<", position) else -1
        if end_of_target != -1:
            target = value[position + 1 : end_of_target]
            parameters, position = _parameters_of(value, end_of_target + 1)
            link = _link(target, parameters, base)
            if link is not None:
                yield link
        next_link = _next_link(value, position)
        if next_link is None:
            return
        position = next_link


def _parameters_of(value: str, position: int) -> tuple[list[tuple[str, str]] | None, int]:
    """Return the parameters at ``position``, or None if there are too many, and the position where they end."""
    parameters: list[tuple[str, str]] = []
    while parameter := _PARAMETER.match(value, position):
        if len(parameters) == MAX_LINK_PARAMETERS:
            return None, position
        name, quoted, token = parameter.group("name", "quoted", "token")
        text = (token or "").rstrip(" \t") if quoted is None else _unescape(quoted)
        parameters.append((name.lower(), text))
        position = parameter.end()
    return parameters, position


def _link(target: str, parameters: list[tuple[str, str]] | None, base: str | None) -> Link | None:
    resolved = target if base is None else resolve(base, target)
    if parameters is None or resolved is None:
        return None
    first = dict(reversed(parameters))
    return Link(
        target=resolved,
        relations=frozenset(first.get("rel", "").lower().split()),
        parameters=tuple(parameters),
        anchor=first.get("anchor"),
    )


def _next_link(value: str, position: int) -> int | None:
    """Return the start of the next link, or None if there is none or an open quote hides it."""
    mark = _COMMA_OR_QUOTE.search(value, position)
    return mark.end() if mark and mark.group() == "," else None


def _skip(pattern: re.Pattern[str], value: str, position: int) -> int:
    match = pattern.match(value, position)
    return match.end() if match else position


def _unescape(quoted: str) -> str:
    return "\\".join(part.replace("\\", "") for part in quoted.split("\\\\"))


def _as_target(url: str) -> str:
    # A host has its own ASCII form. Percent-encoded, it would be a different host.
    return _NOT_IN_A_TARGET.sub(_percent_encode, ascii_url(url))


def _percent_encode(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in match.group().encode("utf-8", "surrogatepass"))
