"""Charsets by the labels that browsers know (the only module that imports webencodings).

Only charsets of the Encoding Standard can be chosen, and not Python codecs that are not charsets, such as ``idna``. A
peer's label is never looked up in a table that would keep it.
"""

import codecs
import re

import attrs
import webencodings

_BYTE_ORDER_MARKS = {b"\xef\xbb\xbf": "utf-8", b"\xff\xfe": "utf-16le", b"\xfe\xff": "utf-16be"}
_BLANK = b" \t\r\n"
# The first "<" of a document in UTF-16 without a byte order mark (XML 1.0, F.1).
_WIDE = {b"<\0": "utf-16le", b"\0<": "utf-16be"}
_XML_DECLARATION = re.compile(rb"""<\?xml\s[^>]{0,500}?\sencoding\s*=\s*["']([A-Za-z0-9._:-]{1,40})["']""")
_SPELLINGS = {"latin-1": "windows-1252"}  # labels that are used, but in no standard
_MORE = {"gbk": "gb18030"}  # browsers read the larger charset instead of the smaller (Encoding Standard, 10.1)
_UNREADABLE = frozenset({"replacement", "x-user-defined"})

# Bytes without a character in a Windows charset are control characters on the web.
_AS_CONTROLS = "websub-controls"
_FIRST_NO_CONTROL = 0xA0


@attrs.frozen
class Charset:
    """A charset of the Encoding Standard.

    Attributes:
        name: Its name in the standard, in lower case.
    """

    name: str

    @property
    def is_wide(self) -> bool:
        """Whether it is UTF-16, two bytes for each character."""
        return self.name.startswith("utf-16")

    @property
    def codec(self) -> str:
        """The Python codec that reads it."""
        encoding = webencodings.lookup(_MORE.get(self.name, self.name))
        return encoding.codec_info.name if encoding is not None else "utf-8"

    def decoder(self, errors: str | None = None) -> codecs.IncrementalDecoder:
        """Return a decoder for bytes that come in pieces. It leaves a byte order mark in the text.

        Args:
            errors: How to handle bytes that are not text, as in ``bytes.decode``. They raise ``ValueError`` by default.
        """
        return codecs.getincrementaldecoder(self.codec)(errors or self._errors)

    def decode(self, body: bytes) -> str:
        """Return the text of the bytes, without a byte order mark.

        Raises:
            ValueError: The bytes are not text in this charset.
        """
        return body.decode(self.codec, self._errors).removeprefix("\ufeff")

    @property
    def _errors(self) -> str:
        return _AS_CONTROLS if self.name.startswith("windows-") else "strict"


UTF_8 = Charset("utf-8")


def find_charset(label: str | None) -> Charset | None:
    """Return the charset with a label, or None if it is unknown or cannot be read (Encoding Standard, 4.2)."""
    encoding = webencodings.lookup(_SPELLINGS.get(label, label)) if label else None
    return Charset(encoding.name) if encoding is not None and encoding.name not in _UNREADABLE else None


def marked_charset(beginning: bytes) -> Charset | None:
    """Return the charset that a byte order mark shows, or None. It takes precedence over every label."""
    return _charset_by_beginning(beginning, _BYTE_ORDER_MARKS)


def xml_charset(beginning: bytes, label: str | None) -> Charset | None:
    """Return the charset of an XML document by its byte order mark, header or declaration, in this order (RFC 7303, 3).

    Args:
        beginning: The first bytes of the document. A kilobyte is enough.
        label: The charset in its Content-Type.

    Returns:
        The charset, UTF-8 if none is named, or None if the one named cannot be read.
    """
    if marked := marked_charset(beginning):
        return marked
    wide = _charset_by_beginning(beginning, _WIDE)
    said, is_known = find_charset(label) or wide, True
    if said is None:
        said, is_known = _declaration(beginning)
    if said is None:
        return UTF_8 if is_known else None
    # A beginning that can be read byte by byte is not UTF-16, whatever the label says.
    return wide or (UTF_8 if said.is_wide and beginning.startswith(b"<") else said)


def declared_charset(beginning: bytes) -> Charset | None:
    """Return the charset that an XML declaration is written in or names, or None if there is none."""
    return _charset_by_beginning(beginning, _WIDE) or _declaration(beginning)[0]


def _declaration(beginning: bytes) -> tuple[Charset | None, bool]:
    """Return the charset that the XML declaration names, and False if it names one that is unknown."""
    declaration = _XML_DECLARATION.match(beginning.lstrip(_BLANK)) if b"encoding" in beginning else None
    if declaration is None:
        return None, True
    declared = find_charset(declaration[1].decode())
    return (UTF_8 if declared is not None and declared.is_wide else declared), declared is not None


def _charset_by_beginning(beginning: bytes, names: dict[bytes, str]) -> Charset | None:
    if not beginning.startswith(tuple(names)):
        return None
    return next(Charset(name) for start, name in names.items() if beginning.startswith(start))


def _as_controls(error: UnicodeError) -> tuple[str, int]:
    if isinstance(error, UnicodeDecodeError) and max(error.object[error.start : error.end]) < _FIRST_NO_CONTROL:
        return error.object[error.start : error.end].decode("latin-1"), error.end
    raise error


codecs.register_error(_AS_CONTROLS, _as_controls)
