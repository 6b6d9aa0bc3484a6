"""A scanner for the links of a feed that is not well-formed XML.

Many feeds are not: they have an HTML entity, a bare ``&``, an unclosed tag or an undeclared prefix. This scanner reads
the tags one by one and ignores what is between them. It does not expand entities, and its time is linear in the length
of the text.
"""

import html
import re

from websubsub._discovery.feed_links import ATOM, RDF, FeedLinks, local

MAX_WORK = 20_000  # tags and attributes
MAX_ATTRIBUTES = 64

_TAG = re.compile(
    r"<(?P<end>/?+)(?P<name>[A-Za-z_][^\s/<>\"'=]*+)"
    r"""(?P<attributes>(?>(?:[^<>"']++|"[^<"]*+"|'[^<']*+')*))>"""
)
_ATTRIBUTE = re.compile(
    r"""[\s/]*+(?P<name>[^\s/<>="']++)"""
    r"""(?>(?:\s*+=\s*+(?:"(?P<double>[^"]*+)"|'(?P<single>[^']*+)'|(?P<bare>[^\s"'<>]++)))?)"""
)
_CLOSED = {"<!--": "-->", "<![CDATA[": "]]>", "<?": "?>"}
_XML_DECLARATION = re.compile(r"<\?xml\s[^<>]*+>")  # some close it like a tag
_DOCTYPE = re.compile(
    r"""<!DOCTYPE(?>(?:[^\[>"']++|"[^"]*+"|'[^']*+')*)"""
    r"""(?>(?:\[(?>(?:[^\]"'<]++|"[^"]*+"|'[^']*+'|<(?!!--)|<!--(?>(?:[^-]++|-(?!->))*)-->)*)\]\s*+)?)>""",
    re.IGNORECASE,
)
_DOCTYPE_OPENING = "<!DOCTYPE"
# Only with a semicolon: "&copy=1" in a URL is a field of its query.
_REFERENCE = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,30}+);")
_NAMESPACE_LIMIT = 100
# The elements whose attributes are read.
_IS_READ = re.compile("(?:feed|rss|rdf|channel|link)$", re.IGNORECASE)
_PREFIXES = {"atom": ATOM, "atom10": ATOM, "a10": ATOM, "rdf": RDF, "xml": "{http://www.w3.org/XML/1998/namespace}"}


class FeedTagScanner:
    """Reads the tags of a feed that arrives in pieces. ``complete`` is true once no more are needed.

    Args:
        links: Collects the links.
    """

    def __init__(self, links: FeedLinks) -> None:
        self.complete = False
        self._links = links
        self._waiting: list[str] = []
        self._length = 0
        self._enough = 0
        self._work = 0
        self._namespaces = dict(_PREFIXES)
        self._names: dict[str, str] = {}
        self._root = ""
        self._container = ""
        self._entry = ""
        self._in_entry = False

    @property
    def is_exhausted(self) -> bool:
        """Whether the feed has more tags and attributes than an honest feed."""
        return self._work >= MAX_WORK

    def feed(self, text: str, *, final: bool = False) -> None:
        """Scan the next piece of the feed."""
        self._waiting.append(text)
        self._length += len(text)
        # An incomplete tag is scanned again only after it has doubled, so that a slow sender cannot make it costly.
        if final or self._length >= self._enough:
            rest = self._scan("".join(self._waiting), final=final)
            self._waiting, self._length, self._enough = [rest], len(rest), 2 * len(rest)

    def _scan(self, text: str, *, final: bool) -> str:
        position = text.find("<")
        while position != -1 and not self.complete:
            after = self._read_markup(text, position, final=final)
            if after is None:
                return text[position:]
            position = text.find("<", after)
            self._work += 1
            self.complete |= self.is_exhausted
        return ""

    def _read_markup(self, text: str, position: int, *, final: bool) -> int | None:
        """Read the markup that the ``<`` at ``position`` opens. Return where it ends, or None while that is missing."""
        if tag := _TAG.match(text, position):
            self._read_tag(tag)
            return tag.end()
        if declaration := _XML_DECLARATION.match(text, position):
            return declaration.end()
        for opening, closing in _CLOSED.items():
            if text.startswith(opening, position):
                end = text.find(closing, position + len(opening))
                return None if end == -1 else end + len(closing)
        if text.startswith("<!", position):
            return _end_of_declaration(text, position, final=final)
        return _end_of_broken_tag(text, position, final=final)

    def _read_tag(self, tag: re.Match[str]) -> None:
        end, qualified, text = tag.groups()
        if end:
            self._leave(self._name(qualified))
        elif not self._in_entry:
            attributes = self._attributes(text) if _IS_READ.search(qualified) or "xmlns" in text else {}
            self._work += len(attributes)
            name = self._name(qualified)
            if "xmlns" in attributes and ":" not in qualified:
                name = _namespace(attributes["xmlns"]) + qualified.lower()
            self._enter(name, attributes, is_empty=text.endswith("/"))

    def _enter(self, name: str, attributes: dict[str, str], *, is_empty: bool) -> None:
        if not self._root:
            self._enter_root(name, attributes)
        elif not self._container:
            if local(name) == "channel":
                self._container, self._entry = name, name.removesuffix("channel") + "item"
                self._links.enter(attributes)
                if "xmlns" in attributes:
                    self._declare("", attributes["xmlns"])
        elif name == self._entry:
            self.complete |= self._links.are_complete
            self._in_entry = not is_empty
        elif name == f"{ATOM}link":
            self._links.add(attributes)
            self.complete |= self._links.are_full

    def _enter_root(self, name: str, attributes: dict[str, str]) -> None:
        if local(name) == "feed":  # of Atom, or of its predecessors
            self._root = self._container = name
            self._entry = name.removesuffix("feed") + "entry"
        elif local(name) == "rss" or name == f"{RDF}rdf":
            self._root = name
        else:
            # Broken software prints warnings before its feed, but not whole pages.
            self.complete |= local(name) in {"html", "head", "body"}
        if self._root:
            self._links.enter(attributes)
            self._declare("", attributes.get("xmlns", ""))

    def _leave(self, name: str) -> None:
        if self._in_entry:
            self._in_entry = name != self._entry
        elif name and name in {self._container, self._root}:
            self.complete = True

    def _attributes(self, text: str) -> dict[str, str]:
        """Return the attributes and declare their namespaces. If there are too many, return none."""
        pairs: list[tuple[str, str]] = []
        for attribute in _ATTRIBUTE.finditer(text):
            if len(pairs) == MAX_ATTRIBUTES:
                return {}
            value = attribute["double"] or attribute["single"] or attribute["bare"] or ""
            pairs.append((attribute["name"], _REFERENCE.sub(_resolve, value)))
        for name, value in pairs:
            if name.startswith("xmlns:"):
                self._declare(name.removeprefix("xmlns:"), value)
        return {self._name(name) if ":" in name else name.lower(): value for name, value in reversed(pairs)}

    def _declare(self, prefix: str, uri: str) -> None:
        # Many feeds declare the same namespace in each of their elements.
        if self._namespaces.get(prefix) != _namespace(uri):
            self._namespaces[prefix] = _namespace(uri)
            self._names.clear()

    def _name(self, qualified: str) -> str:
        """Return the name with its namespace, as from the XML parser, in lower case."""
        known = self._names.get(qualified)
        if known is None:
            prefix, _, name = qualified.rpartition(":")
            known = self._names[qualified] = self._namespaces.get(prefix, "") + name.lower()
        return known


def _namespace(uri: str) -> str:
    return f"{{{uri[:_NAMESPACE_LIMIT]}}}" if uri else ""


def _end_of_declaration(text: str, position: int, *, final: bool) -> int | None:
    if doctype := _DOCTYPE.match(text, position):
        return doctype.end()
    begins = text[position : position + len(_DOCTYPE_OPENING)].upper()
    if not final and (begins == _DOCTYPE_OPENING or len(begins) < len(_DOCTYPE_OPENING)):
        return None
    end = text.find(">", position)
    return end + 1 if end != -1 else (len(text) if final else None)


def _end_of_broken_tag(text: str, position: int, *, final: bool) -> int | None:
    """Return where to continue after a stray ``<``, or a tag whose quotes are still open at the next ``<``."""
    next_one = text.find("<", position + 1)
    if next_one == -1 and not final:
        return None
    end = text.find(">", position, None if next_one == -1 else next_one)
    return end + 1 if end != -1 else position + 1


def _resolve(reference: re.Match[str]) -> str:
    return html.unescape(reference.group())
