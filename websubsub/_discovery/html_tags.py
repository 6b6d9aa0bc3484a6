"""The ``<link>`` and ``<base>`` tags of an HTML page, in order, up to where its head ends.

html5lib takes seconds for a few kilobytes of hostile markup, so this scanner runs first. It splits the text by the
rules of the HTML tokenizer, ignores the content of comments, scripts, titles and templates, and its time is linear in
the length of the text. The tags that it finds are few and harmless, and html5lib reads only those.
"""

import re

from attrs import frozen

MAX_MARKUP = 15_000
MAX_ATTRIBUTES = 64

_SPACE = " \t\n\r\f"
_NOT_SPACE = re.compile(rf"[^{_SPACE}]")
_TAG_NAME = re.compile(rf"</?(?P<name>[A-Za-z][^{_SPACE}/>]*+)")
_BETWEEN_ATTRIBUTES = re.compile(rf"[{_SPACE}/]*+")
_NAME = rf"[^{_SPACE}/>][^{_SPACE}/>=]*+"
_VALUE = rf"""(?:"[^"]*+"|'[^']*+'|(?!["'])[^{_SPACE}>]*+)"""
_ATTRIBUTE = re.compile(
    rf"(?P<name>{_NAME})(?:[{_SPACE}]*+=[{_SPACE}]*+(?P<value>{_VALUE})|(?![{_SPACE}]*+=))",
)
_MORE_ATTRIBUTES = re.compile(
    rf"(?>(?:{_NAME}(?:[{_SPACE}]*+=[{_SPACE}]*+{_VALUE}|(?![{_SPACE}]*+=))[{_SPACE}/]*+)*)",
)
_COMMENT_END = re.compile("--!?>")

# The elements allowed in the head (HTML, 13.2.6.4.4). Any other start tag opens the body.
_EMPTY_IN_HEAD = ("base", "basefont", "bgsound", "link", "meta")
_IN_HEAD = frozenset(
    ("html", "head", *_EMPTY_IN_HEAD, "noframes", "noscript", "script", "style", "template", "title"),
)
# The same elements between </head> and <body> belong to the head (HTML, 13.2.6.4.6).
_AFTER_HEAD = _IN_HEAD - {"noscript"}
_ENDS_OF_HEAD = frozenset(("body", "html", "br"))
# Elements whose content is always text. With scripts enabled, as in browsers, noscript is one of them.
_END_OF_TEXT = {
    name: re.compile(rf"</{name}(?=[{_SPACE}/>])", re.ASCII | re.IGNORECASE)
    for name in ("title", "style", "noscript", "noframes", "textarea", "xmp", "iframe", "noembed")
}
_MARK_IN_SCRIPT = re.compile(rf"<!--|-->|<(?P<end>/?)script(?=[{_SPACE}/>])", re.ASCII | re.IGNORECASE)
_DASHES = len("--")


@frozen
class Tag:
    """A ``<link>`` with a relation, or a ``<base>`` with a URL.

    Attributes:
        name: The name of the element.
        relations: The value of its first ``rel``, with unresolved character references.
        source: The text of the tag.
    """

    name: str
    relations: str
    source: str


class TagScanner:
    """Finds the link and base tags of a page that arrives in pieces, until its head ends.

    It stops after 15,000 tags, comments and attributes, and ignores the attributes of a tag with more than 64.

    Args:
        body: Whether to scan the whole page.
        xhtml: Whether a tag such as ``<script/>`` is an empty element.
    """

    def __init__(self, *, body: bool = False, xhtml: bool = False) -> None:
        self.complete = False
        self._body = body
        self._xhtml = xhtml
        self._after_head = False
        self._waiting: list[str] = []
        self._length = 0
        self._enough = 0
        self._markup = 0
        self._text_of: str | None = None
        self._templates = 0
        self._found: list[Tag] = []

    @property
    def is_exhausted(self) -> bool:
        """Whether the page has more markup than an honest page."""
        return self._markup >= MAX_MARKUP

    def feed(self, text: str, *, final: bool = False) -> list[Tag]:
        """Scan the next piece of the page, and return the tags that it completes."""
        self._waiting.append(text)
        self._length += len(text)
        # Incomplete markup is scanned again only after it has doubled, so that a slow sender cannot make it costly.
        if final or self._length >= self._enough:
            rest = self._scan("".join(self._waiting))
            self._waiting, self._length, self._enough = [rest], len(rest), 2 * len(rest)
        found, self._found = self._found, []
        return found

    def _scan(self, text: str) -> str:
        position = 0
        while not self.complete:
            after = self._skip_text(text, position)
            after = None if after is None or self.complete else self._read_markup(text, after)
            if after is None:
                break
            position = after
            self._markup += 1
            self.complete |= self.is_exhausted
        return text[position:]

    def _skip_text(self, text: str, position: int) -> int | None:
        """Return the position of the next ``<`` that is markup, or None while there is none."""
        if self._text_of is not None:
            return _end_of_text(self._text_of, text, position)
        if self._body or self._templates:
            start = text.find("<", position)
            return None if start == -1 else start
        mark = _NOT_SPACE.search(text, position)
        if mark and mark.group() != "<":
            self.complete = True
        return mark.start() if mark else None

    def _read_markup(self, text: str, position: int) -> int | None:
        """Read the markup that the ``<`` at ``position`` opens. Return where it ends, or None while that is missing."""
        if tag := _TAG_NAME.match(text, position):
            return self._read_tag(text, tag)
        if text.startswith("<!--", position):
            return _end_of_comment(text, position)
        if len(text) - position < len("<!--"):
            return None
        if text[position + 1] in "!?/":
            end = text.find(">", position)
            return None if end == -1 else end + 1
        self.complete |= not (self._body or self._templates)
        return position + 1

    def _read_tag(self, text: str, start: re.Match[str]) -> int | None:
        name, is_end = start["name"].lower(), text.startswith("</", start.start())
        if start.end() < len(text) and self._ends_head(name, is_end=is_end):
            self.complete = True
            return start.end()
        pairs, position = _attributes(text, start.end())
        if not text.startswith(">", position):
            return None
        self._markup += len(pairs)
        self._text_of = None
        self._enter(name, is_end=is_end, is_empty=self._xhtml and text[position - 1] == "/")
        if not is_end and not self._templates:
            self._take(name, dict(reversed(pairs)), text[start.start() : position + 1])
        return position + 1

    def _ends_head(self, name: str, *, is_end: bool) -> bool:
        if self._body:
            return name == "plaintext" and not is_end
        if self._templates:
            return False
        if is_end:
            self._after_head |= name == "head"
            return name in _ENDS_OF_HEAD
        if self._xhtml and ":" in name:  # an element of another vocabulary, which XML allows anywhere
            return False
        return name not in (_AFTER_HEAD if self._after_head else _IN_HEAD)

    def _enter(self, name: str, *, is_end: bool, is_empty: bool) -> None:
        if name == "template" and not is_empty:
            self._templates = max(0, self._templates - 1) if is_end else self._templates + 1
        elif (name in _END_OF_TEXT or name == "script") and not is_end and not is_empty:
            self._text_of = name

    def _take(self, name: str, attributes: dict[str, str], source: str) -> None:
        if (name == "link" and "rel" in attributes) or (name == "base" and "href" in attributes):
            self._found.append(Tag(name, attributes.get("rel", ""), source))


def _attributes(text: str, position: int) -> tuple[list[tuple[str, str]], int]:
    """Return the attributes at ``position``, or none if there are too many, and the position where they end."""
    pairs: list[tuple[str, str]] = []
    position = _skip_between(text, position)
    while len(pairs) < MAX_ATTRIBUTES:
        attribute = _ATTRIBUTE.match(text, position)
        if attribute is None:
            return pairs, position
        pairs.append((attribute["name"].lower(), _unquoted(attribute["value"] or "")))
        position = _skip_between(text, attribute.end())
    more = _MORE_ATTRIBUTES.match(text, position)
    return ([], more.end()) if more and more.group() else (pairs, position)


def _unquoted(value: str) -> str:
    return value[1:-1] if value.startswith(('"', "'")) else value


def _skip_between(text: str, position: int) -> int:
    match = _BETWEEN_ATTRIBUTES.match(text, position)
    return match.end() if match else position


def _end_of_comment(text: str, position: int) -> int | None:
    content = position + len("<!--")
    for empty in (">", "->"):
        if text.startswith(empty, content):
            return content + len(empty)
    end = _COMMENT_END.search(text, content)
    return end.end() if end else None


def _end_of_text(name: str, text: str, position: int) -> int | None:
    """Return the position of the end tag of an element that contains only text, or None while it is missing."""
    if name != "script":
        end = _END_OF_TEXT[name].search(text, position)
        return end.start() if end else None
    is_escaped = is_double_escaped = False
    for _ in range(MAX_MARKUP):
        mark = _MARK_IN_SCRIPT.search(text, position)
        if mark is None:
            return None
        position = mark.end()
        if mark.group() == "<!--":
            is_escaped = True
            position -= _DASHES  # which may also belong to its end: <!-->
        elif mark.group() == "-->":
            is_escaped = is_double_escaped = False
        elif not mark["end"]:
            is_double_escaped |= is_escaped
        elif is_double_escaped:
            is_double_escaped = False
        else:
            return mark.start()
    return None
