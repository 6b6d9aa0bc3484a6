"""What a document says about itself, read in another way: whole, by lxml and html5lib, with no limits and no hurry."""

import gzip
import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import chain, takewhile
from typing import Any
from urllib.parse import urldefrag, urljoin

import html5lib
import webencodings
from lxml import etree  # type: ignore[import-untyped]

from tests.feeds.documents import URL, Document
from tests.feeds.finding import Finding

_ATOM = "{http://www.w3.org/2005/Atom}"
_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}RDF"
_BASE = "{http://www.w3.org/XML/1998/namespace}base"
_PAGES = {"", "text/html"}
_WHOLE_PAGE = re.compile(rb"(?:\s|<!--.*?-->|<\?.*?\?>)*<(?:!doctype\s+)?html", re.IGNORECASE | re.DOTALL)
_BROKEN = "it is not well-formed XML, and what its tags enclose counts for nothing"
_TEMPLATE = "html5lib does not know <template>"
_WANTED = {"hub", "self"}
_UNPACK: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    "none": bytes,
    "utf-8": bytes,
    "gzip": gzip.decompress,
    "deflate": zlib.decompress,
}


def expected(document: Document) -> Finding:
    """What discovery should find."""
    coding, kind = document.header("content-encoding"), document.header("content-type").partition(";")[0]
    if coding not in _UNPACK or kind.startswith("image/"):
        return Finding(())
    content = _UNPACK[coding](document.content)
    charset = re.search(r"""charset\s*=\s*["']?([^\s;"']+)""", document.header("content-type"), re.IGNORECASE)
    label = charset[1] if charset and webencodings.lookup(charset[1]) else None
    root, is_broken = _root(_text(content, label))
    if root is not None and (root.tag == _RDF or _local(root) in {"feed", "rss"}):
        return Finding.of(_feed_links(root), _BROKEN if is_broken else "")
    if not (kind in _PAGES or "xml" in kind or _WHOLE_PAGE.match(content)):
        return Finding(())
    if "xml" in kind and root is not None and _local(root) == "html" and not is_broken:
        # As in HTML, what stands beside the head belongs to it.
        before_body = takewhile(lambda child: _local(child) != "body", root)
        heads = [list(child) if _local(child) == "head" else [child] for child in before_body]
        return Finding.of(_head_links(list(chain.from_iterable(heads))))
    doubt = _BROKEN if "xml" in kind and is_broken else _TEMPLATE if b"<template" in content.lower() else ""
    return Finding.of(_page_links(content, label, is_xml="xml" in kind), doubt)


def _root(text: str) -> tuple[Any, bool]:
    """The root of an XML document, and whether it is none that XML allows, or none that is safe to read."""
    is_broken = "\ufffd" in text
    warned = re.match(r"\s*<br />.{0,4000}?(?=<\?xml)", text, re.DOTALL)
    for recover in (False, True):
        parser = etree.XMLParser(recover=recover, resolve_entities=False, no_network=True, huge_tree=True)
        with suppress(etree.XMLSyntaxError):
            root = etree.fromstring(text[warned.end() if warned else 0 :].encode(), parser)
            return root, is_broken or recover or warned is not None or "<!ENTITY" in text
    return None, True


def _text(content: bytes, label: str | None) -> str:
    """The document as text without the declaration of its encoding, which was minded here (RFC 7303, 3)."""
    declared = re.match(rb"""\s*<\?xml[^>]*?encoding\s*=\s*["']([\w.:-]+)""", content)
    chosen = label or (declared[1].decode() if declared else "utf-8")
    if content.startswith((b"<\0", b"\0<")):
        chosen = "utf-16le" if content.startswith(b"<") else "utf-16be"
    elif "16" in chosen and content.startswith(b"<"):
        chosen = "utf-8"
    encoding = webencodings.lookup(chosen) or webencodings.UTF8
    text = webencodings.decode(content, encoding, "replace")[0].lstrip("\ufeff \t\r\n")
    return re.sub(r"""^(<\?xml[^>]*?)\sencoding\s*=\s*["'][^"']*["']""", r"\1", text)


def _feed_links(root: Any) -> Iterator[tuple[str, str]]:
    """The links of the feed itself; behind an entry they are asked for only while hub or self is missing."""
    containers = [root] if _local(root) == "feed" else [child for child in root if _local(child) == "channel"]
    missing = set(_WANTED)
    for child in containers[0] if containers else ():
        if _local(child) in {"entry", "item"} and not missing:
            return
        if child.tag in {f"{_ATOM}link", "atom:link"} and "href" in child.attrib:
            words = child.get("rel", "alternate").lower().split()
            relations = {word.removeprefix("http://www.iana.org/assignments/relation/") for word in words}
            target = _resolve(_base_of(child), child.get("href").strip())
            if target is not None:
                missing -= relations
                yield " ".join(sorted(relations)), target


def _page_links(content: bytes, label: str | None, *, is_xml: bool) -> Iterator[tuple[str, str]]:
    parser = html5lib.HTMLParser(namespaceHTMLElements=False)
    encoding = {"transport_encoding": label} if label else {"default_encoding": "utf-8" if is_xml else "windows-1252"}
    tree = parser.parse(content, scripting=True, useChardet=False, **encoding)
    head = tree.find("head")
    yield from _head_links([] if head is None else list(head))


def _head_links(elements: list[Any]) -> Iterator[tuple[str, str]]:
    named = [each for each in elements if each.get("href") is not None]
    bases = [_clean(each.get("href")) for each in named if _local(each) == "base"]
    base = _resolve(URL, bases[0]) if bases else URL
    base = base if base and base.lower().startswith(("http://", "https://")) else URL
    for link in (each for each in named if _local(each) == "link"):
        relations = set(link.get("rel", "").lower().split())
        reference = _clean(link.get("href"))
        target = _resolve(base, reference) if reference else None
        if relations & _WANTED and target is not None:
            yield " ".join(sorted(relations)), target


def _local(element: Any) -> str:
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def _base_of(element: Any) -> str:
    base = URL
    for each in [each.get(_BASE) for each in reversed([element, *element.iterancestors()])]:
        base = (_resolve(base, each.strip()) or base) if each and each.strip() else base
    return base


def _resolve(base: str, reference: str) -> str | None:
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", reference):
        return reference
    try:
        return urljoin(urldefrag(base).url, reference)
    except ValueError:
        return None


def _clean(reference: str) -> str:
    return re.sub("[\t\r\n]", "", reference.strip(" \t\r\n\f"))
