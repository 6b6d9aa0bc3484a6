"""Charsets by the labels that browsers know (the door of webencodings).

Only what the Encoding Standard lists is reachable: no codec of Python that is no charset of text, such as ``idna``, and
no label of a peer is looked up in tables that keep it.
"""

import codecs
import re

import attrs
import webencodings

_BYTE_ORDER_MARKS = {b"\xef\xbb\xbf": "utf-8", b"\xff\xfe": "utf-16le", b"\xfe\xff": "utf-16be"}
_BLANK = b" \t\r\n"
# How the first "<" of a document looks when its text is UTF-16 and no byte order mark says so (XML 1.0, F.1).
_WIDE = {b"<\0": "utf-16le", b"\0<": "utf-16be"}
_XML_DECLARATION = re.compile(rb"""<\?xml\s[^>]{0,500}?\sencoding\s*=\s*["']([A-Za-z0-9._:-]{1,40})["']""")
_SPELLINGS = {"latin-1": "windows-1252"}  # what people write and no standard has
_MORE = {"gbk": "gb18030"}  # a browser reads the larger charset in place of the smaller (Encoding Standard, 10.1)
_UNREADABLE = frozenset({"replacement", "x-user-defined"})

# Bytes that Windows gave no character are control characters on the web.
_AS_CONTROLS = "websub-controls"
_FIRST_NO_CONTROL = 0xA0


@attrs.frozen
class Charset:
    """A charset of the Encoding Standard.

    Attributes:
        name: Its name there, in small letters.
    """

    name: str

    @property
    def is_wide(self) -> bool:
        """Whether it is UTF-16, two bytes for each character."""
        return self.name.startswith("utf-16")

    @property
    def codec(self) -> str:
        """The codec of Python that reads it."""
        encoding = webencodings.lookup(_MORE.get(self.name, self.name))
        return encoding.codec_info.name if encoding is not None else "utf-8"

    def decoder(self, errors: str | None = None) -> codecs.IncrementalDecoder:
        """A decoder for bytes that come in pieces; it leaves a byte order mark in the text.

        Args:
            errors: What it does with bytes that are no text, as ``bytes.decode`` takes it; by default a ``ValueError``.
        """
        return codecs.getincrementaldecoder(self.codec)(errors or self._errors)

    def decode(self, body: bytes) -> str:
        """The text of all the bytes, without byte order mark.

        Raises:
            ValueError: They are no text in this charset.
        """
        return body.decode(self.codec, self._errors).removeprefix("\ufeff")

    @property
    def _errors(self) -> str:
        return _AS_CONTROLS if self.name.startswith("windows-") else "strict"


UTF_8 = Charset("utf-8")


def find_charset(label: str | None) -> Charset | None:
    """The charset that a label of any kind names; None if it is none that can be read (Encoding Standard, 4.2)."""
    encoding = webencodings.lookup(_SPELLINGS.get(label, label)) if label else None
    return Charset(encoding.name) if encoding is not None and encoding.name not in _UNREADABLE else None


def marked_charset(beginning: bytes) -> Charset | None:
    """The charset that a byte order mark shows; it beats what anybody says."""
    return _charset_by_beginning(beginning, _BYTE_ORDER_MARKS)


def xml_charset(beginning: bytes, label: str | None) -> Charset | None:
    """The charset of an XML document: by byte order mark, else header, else declaration (RFC 7303, 3).

    Args:
        beginning: The first bytes of the document; a kilobyte is enough.
        label: The charset that its Content-Type names.

    Returns:
        The charset, UTF-8 where nothing is said, None where one is said that cannot be read.
    """
    if marked := marked_charset(beginning):
        return marked
    wide = _charset_by_beginning(beginning, _WIDE)
    said, is_known = find_charset(label) or wide, True
    if said is None:
        said, is_known = _declaration(beginning)
    if said is None:
        return UTF_8 if is_known else None
    # A beginning that can be read byte by byte is no UTF-16, whoever says so.
    return wide or (UTF_8 if said.is_wide and beginning.startswith(b"<") else said)


def declared_charset(beginning: bytes) -> Charset | None:
    """The charset in which an XML declaration is written or that it names; None without one that can be read."""
    return _charset_by_beginning(beginning, _WIDE) or _declaration(beginning)[0]


def _declaration(beginning: bytes) -> tuple[Charset | None, bool]:
    """The charset that the XML declaration names, and whether it is known or none is named."""
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
