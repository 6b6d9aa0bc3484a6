"""What discovery finds in a document."""

from itertools import islice

from _websub.grammar.coding import ContentCodingError, content_decoder
from _websub.grammar.links import Link
from tests.feeds.documents import URL, Document
from tests.feeds.finding import Finding
from websubsub._discovery.body import BodyReader
from websubsub._discovery.sniffing import DiscoverySource

_PIECE_BYTES = 16 * 1024
_MAX_BYTES = 1024 * 1024


def discovered(document: Document) -> Finding:
    """Read a document as it would arrive, in pieces and only as far as needed."""
    reader = BodyReader(url=URL, content_type=document.header("content-type"))
    try:
        decoder = content_decoder([document.header("content-encoding") or ""])
    except ContentCodingError:
        return Finding(())
    content = b"".join(islice(decoder.feed(document.content), _MAX_BYTES // _PIECE_BYTES))[:_MAX_BYTES]
    for start in range(0, len(content), _PIECE_BYTES):
        if reader.done:
            break
        reader.feed(content[start : start + _PIECE_BYTES])
    links = reader.finish()
    is_page = reader.source is DiscoverySource.HTML
    return Finding.of(_pair(link) for link in links if not is_page or link.relations & {"hub", "self"})


def _pair(link: Link) -> tuple[str, str]:
    return " ".join(sorted(link.relations)), link.target
