"""XML from strangers: no entities, no external references (the door of defusedxml)."""

from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser, fromstring

from _websub.media import ContentError

__all__ = ["ForbiddenXmlError", "ParseError", "read_xml", "xml_parser"]

#: The document declares entities, or refers to something outside.
ForbiddenXmlError = DefusedXmlException


def read_xml(body: bytes) -> Element:
    """The content as XML; entities and external references are refused, a plain document type is not.

    Raises:
        ContentError: It is not XML, or it is an attack.
    """
    try:
        root: Element = fromstring(body)
    except (ParseError, ForbiddenXmlError, ValueError, LookupError) as error:
        raise ContentError("The content is not XML that is safe to read.") from error
    return root


def xml_parser(target: object, *, encoding: str | None = None) -> Any:
    """A parser to feed piece by piece, which refuses what ``read_xml`` refuses.

    Its ``feed`` and ``close`` raise ``ParseError``, ``ForbiddenXmlError``, or ``ValueError`` and ``LookupError`` for an
    encoding that cannot be read.

    Args:
        target: Is told of elements as they come, as the target of ``xml.etree.ElementTree.XMLParser`` is.
        encoding: Overrides what the document says.
    """
    return DefusedXMLParser(
        target=target, encoding=encoding, forbid_dtd=False, forbid_entities=True, forbid_external=True
    )
