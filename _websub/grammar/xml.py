"""XML from strangers: no entities, no external references, limited work (the only module that imports defusedxml)."""

import re
from typing import Any, Protocol
from xml.etree.ElementTree import Element, ParseError, TreeBuilder

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from _websub.grammar.charsets import UTF_8, xml_charset
from _websub.grammar.media import ContentError, MediaType

__all__ = ["ForbiddenXmlError", "ParseError", "XmlLimitError", "XmlParser", "XmlTarget", "read_xml", "without_blank"]

#: Elements and attributes of one document. A tree of that many takes about 50 MB.
MAX_NODES = 300_000
MAX_DEPTH = 1_000
#: Characters of a name with its namespace, which expat copies for each element.
MAX_NAME = 1_000
#: Attribute declarations. Expat compares each with all others.
MAX_ATTRIBUTE_DECLARATIONS = 1_000

_BEGINNING_BYTES = 1024
_BEFORE_DECLARATION = re.compile(rb"(?>(?:\xef\xbb\xbf|[ \t\r\n])+)(?=<\?xml)")

#: The document declares entities, refers to something external, or exceeds a limit.
ForbiddenXmlError = DefusedXmlException


class XmlLimitError(DefusedXmlException):
    """The document exceeds a limit."""


class XmlTarget(Protocol):
    """A receiver of elements, like the target of ``xml.etree.ElementTree.XMLParser``.

    It receives text if it has a method ``data``. If it has a method ``close``, parsing returns the result of that.
    """

    def start(self, tag: str, attributes: dict[str, str], /) -> Any: ...
    def end(self, tag: str, /) -> Any: ...


def read_xml(body: bytes, content_type: str | None = None) -> Element:
    """Parse content as XML, in the charset that RFC 7303, 3 gives. A plain document type is ignored.

    Args:
        body: The content.
        content_type: Its Content-Type, whose charset takes precedence over the XML declaration.

    Raises:
        ContentError: The content is not XML, or it is an attack.
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
    """Return XML in UTF-8 without the white space and byte order marks that broken software puts before it."""
    blank = _BEFORE_DECLARATION.match(body)
    return body[blank.end() :] if blank else body


class XmlParser:
    """An incremental parser with the limits of ``read_xml``.

    Its methods raise ``ParseError`` or ``ForbiddenXmlError``, and ``ValueError`` or ``LookupError`` for an encoding
    that cannot be read.

    Args:
        target: The receiver of elements.
        encoding: Overrides what the document says.
    """

    def __init__(self, target: XmlTarget, *, encoding: str | None = None) -> None:
        self._meter = _Meter(target)
        self._parser: Any = DefusedXMLParser(target=target, encoding=encoding)
        expat = self._parser.parser
        expat.StartElementHandler = self._meter.start
        expat.EndElementHandler = self._meter.end
        expat.AttlistDeclHandler = self._meter.declare_attribute
        # With an external document type, the parser itself accepts undeclared entities.
        expat.SkippedEntityHandler = _refuse_entity
        # The rest is not needed, and reporting each bracket of a document type takes time.
        expat.DefaultHandlerExpand = None

    def feed(self, data: bytes) -> None:
        """Parse the next bytes of the document."""
        self._meter.attributes_left += len(data)
        self._parser.feed(data)

    def close(self) -> Any:
        """End the document, and return the result of the target's ``close``."""
        return self._parser.close()

    @property
    def position(self) -> int:
        """The position in the document of the current event, in bytes."""
        return int(self._parser.parser.CurrentByteIndex)


class _Meter:
    """A layer between parser and target that counts, and writes names as ``{namespace}name``.

    Attributes:
        attributes_left: How many more characters attributes may take. Written out, they never take more than the
            document itself, but a default in the document type is repeated with each element.
    """

    def __init__(self, target: XmlTarget) -> None:
        self._start = target.start
        self._end = target.end
        self.attributes_left = 0
        self._names: dict[str, str] = {}
        self._depth = 0
        self._nodes = 0
        self._declarations = 0

    def start(self, name: str, listed: list[str]) -> None:
        """Handle a start tag from expat, with attributes as alternating names and values."""
        self._depth += 1
        self._nodes += 1
        attributes = {}
        if listed:
            names = self._names
            for position in range(0, len(listed), 2):
                key, value = listed[position], listed[position + 1]
                attributes[names.get(key) or self._name(key)] = value
                self.attributes_left -= 1 + len(value)
            self._nodes += len(attributes)
        if self._nodes > MAX_NODES or self._depth > MAX_DEPTH or self.attributes_left < 0:
            raise XmlLimitError
        self._start(self._names.get(name) or self._name(name), attributes)

    def end(self, name: str) -> None:
        """Handle an end tag from expat."""
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
