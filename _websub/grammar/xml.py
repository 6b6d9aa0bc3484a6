"""XML from strangers: no entities, no external references, and limits counted in work (the door of defusedxml)."""

import re
from typing import Any, Protocol
from xml.etree.ElementTree import Element, ParseError, TreeBuilder

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from _websub.grammar.charsets import UTF_8, xml_charset
from _websub.grammar.media import ContentError, MediaType

__all__ = ["ForbiddenXmlError", "ParseError", "XmlLimitError", "XmlParser", "XmlTarget", "read_xml", "without_blank"]

#: Elements and attributes of one document, and what a tree of it costs: some 50 MB.
MAX_NODES = 300_000
MAX_DEPTH = 1_000
#: Characters of a name together with its namespace, which expat copies for each element.
MAX_NAME = 1_000
#: Declarations of attributes; expat compares each with all others.
MAX_ATTRIBUTE_DECLARATIONS = 1_000

_BEGINNING_BYTES = 1024
_BEFORE_DECLARATION = re.compile(rb"(?>(?:\xef\xbb\xbf|[ \t\r\n])+)(?=<\?xml)")

#: The document declares entities, refers to something outside, or is beyond a limit.
ForbiddenXmlError = DefusedXmlException


class XmlLimitError(DefusedXmlException):
    """The document is beyond a limit."""


class XmlTarget(Protocol):
    """What is told of elements as they come, as the target of ``xml.etree.ElementTree.XMLParser`` is.

    Of text it is told only with a method ``data``; what its ``close`` returns, if it has one, is what was parsed.
    """

    def start(self, tag: str, attributes: dict[str, str], /) -> Any: ...
    def end(self, tag: str, /) -> Any: ...


def read_xml(body: bytes, content_type: str | None = None) -> Element:
    """The content as XML, in the charset that RFC 7303, 3 finds; a plain document type is ignored.

    Args:
        body: The content.
        content_type: Its Content-Type, whose charset counts more than the XML declaration.

    Raises:
        ContentError: It is not XML, or it is an attack.
    """
    charset = xml_charset(body[:_BEGINNING_BYTES], MediaType.parse(content_type).charset)
    if charset is None:
        raise ContentError("The content is in a charset that cannot be read.")
    try:
        parser = XmlParser(TreeBuilder(), encoding="utf-8")
        parser.feed(without_blank(body if charset == UTF_8 else charset.decode(body).encode()))
        root: Element = parser.close()
    except (ParseError, ForbiddenXmlError, ValueError) as error:
        raise ContentError("The content is not XML that is safe to read.") from error
    return root


def without_blank(body: bytes) -> bytes:
    """XML in UTF-8 without the white space and byte order marks that broken software puts before its declaration."""
    blank = _BEFORE_DECLARATION.match(body)
    return body[blank.end() :] if blank else body


class XmlParser:
    """A parser to feed piece by piece, which refuses what ``read_xml`` refuses.

    Its methods raise ``ParseError``, ``ForbiddenXmlError``, or ``ValueError`` and ``LookupError`` for an encoding that
    cannot be read.

    Args:
        target: Is told of elements as they come.
        encoding: Overrides what the document says.
    """

    def __init__(self, target: XmlTarget, *, encoding: str | None = None) -> None:
        self._measure = _Measure(target)
        self._parser: Any = DefusedXMLParser(target=target, encoding=encoding)
        expat = self._parser.parser
        expat.StartElementHandler = self._measure.start
        expat.EndElementHandler = self._measure.end
        expat.AttlistDeclHandler = self._measure.declare_attribute
        # Where the document type is elsewhere, entities that nobody has declared are no error of the parser.
        expat.SkippedEntityHandler = _refuse_entity
        # Nobody wants the rest, and to report each bracket of a document type takes time.
        expat.DefaultHandlerExpand = None

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the document."""
        self._measure.attribute_room += len(data)
        self._parser.feed(data)

    def close(self) -> Any:
        """Say that the document is complete, and give what the target has made of it."""
        return self._parser.close()

    @property
    def position(self) -> int:
        """Where what the target is being told of stands, in bytes."""
        return int(self._parser.parser.CurrentByteIndex)


class _Measure:
    """Stands between parser and target, counts, and writes names as ``{namespace}name``.

    Attributes:
        attribute_room: How much attributes may still take. Written out they never take more than the document itself,
            but a default in the document type comes with each element.
    """

    def __init__(self, target: XmlTarget) -> None:
        self._start = target.start
        self._end = target.end
        self.attribute_room = 0
        self._names: dict[str, str] = {}
        self._depth = 0
        self._nodes = 0
        self._declarations = 0

    def start(self, name: str, listed: list[str]) -> None:
        """Take a start tag as expat gives it: attributes as names and values in turn."""
        self._depth += 1
        self._nodes += 1
        attributes = {}
        if listed:
            names = self._names
            for position in range(0, len(listed), 2):
                key, value = listed[position], listed[position + 1]
                attributes[names.get(key) or self._name(key)] = value
                self.attribute_room -= 1 + len(value)
            self._nodes += len(attributes)
        if self._nodes > MAX_NODES or self._depth > MAX_DEPTH or self.attribute_room < 0:
            raise XmlLimitError
        self._start(self._names.get(name) or self._name(name), attributes)

    def end(self, name: str) -> None:
        """Take an end tag."""
        self._depth -= 1
        self._end(self._names.get(name) or self._name(name))

    def _name(self, name: str) -> str:
        if len(name) > MAX_NAME:
            raise XmlLimitError
        self._names[name] = known = f"{{{name}" if "}" in name else name
        return known

    def declare_attribute(self, *_: object) -> None:
        self._declarations += 1
        if self._declarations > MAX_ATTRIBUTE_DECLARATIONS:
            raise XmlLimitError


def _refuse_entity(name: str, _: bool) -> None:  # noqa: FBT001 - expat calls it
    raise ParseError(f"undefined entity &{name};")
