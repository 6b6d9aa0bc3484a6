"""Hosts of URLs: one spelling for each, by which limits, pauses, connections and logs know it."""

import ipaddress
import re

import idna

HOST_LIMIT = 253
_PORT_LIMIT = 65_535
# A name alone says nothing about the scheme, so a host is called the same behind either of them.
_DEFAULT_PORTS = {80, 443}

# What the C library reads as an IPv4 address although it is not written as one: 127.1, 0x7f.1, 2130706433, 0177.0.0.1.
_NUMERIC_HOST = re.compile(r"(?:0[xX][0-9a-fA-F]*|[0-9]+)(?:\.(?:0[xX][0-9a-fA-F]*|[0-9]+))*\.?", re.ASCII)
_LABEL = re.compile(r"[A-Za-z0-9_-]{1,63}", re.ASCII)
_AUTHORITY = re.compile(r"(\[[^\[\]]*\]|[^:\[\]]*)(?::([0-9]{0,5}))?", re.ASCII)
_URL = re.compile(r"https?://([^/?#]*)", re.IGNORECASE)
# Most hosts that come are spelled as we spell them: a name that begins with a letter or an address, and maybe a port.
_NUMBER = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_PLAIN = re.compile(
    rf"https?://(?P<authority>(?P<host>[a-z][a-z0-9_-]*(?:\.[a-z0-9_-]+)*|{_NUMBER}(?:\.{_NUMBER}){{3}})"
    r"(?::(?!(?:80|443)(?![0-9]))(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}))?)(?:[/?]|\Z)",
    re.ASCII,
)


class UrlError(ValueError):
    """A URL that will not be used; its text says why in one plain sentence."""


def split_authority(authority: str, name: str = "The URL") -> tuple[str, int | None]:
    """Return the canonical host and the port of ``HOST`` or ``HOST:PORT``; the port is None where none is given.

    Args:
        authority: The text, in any spelling.
        name: What to call it in an error.

    Raises:
        UrlError: It has user information, a malformed host, or a port outside 1 to 65535.
    """
    if "@" in authority:
        raise UrlError(f"{name} must not have user information.")
    match = _AUTHORITY.fullmatch(authority)
    if match is None:
        raise UrlError(f"{name} has a malformed host or port.")
    host, port = match.groups()
    if port and not 0 < int(port) <= _PORT_LIMIT:
        raise UrlError(f"{name} has a port outside 1 to {_PORT_LIMIT}.")
    return canonical_host(host, name), int(port) if port else None


def canonical_host(host: str, name: str = "The URL") -> str:
    """Return the one spelling of a host: small letters, A-labels, no dot at the end, IPv6 compressed, no brackets.

    Args:
        host: A host name, an IPv4 address, or an IPv6 address in brackets.
        name: What to call it in an error.

    Raises:
        UrlError: It is malformed.
    """
    if host.startswith("["):
        return _canonical_ipv6(host[1:-1], name)
    if not host.isascii():
        host = encode_host(host) or ""
    # An address that is not written as one, such as 127.1, is called by no system the same way.
    well_formed = _is_ipv4(host) if _NUMERIC_HOST.fullmatch(host) else _is_name(host)
    if not well_formed:
        raise UrlError(f"{name} has a malformed host.")
    return host.lower().removesuffix(".")


def _canonical_ipv6(text: str, name: str) -> str:
    try:
        address = ipaddress.IPv6Address(text)
    except ValueError:
        raise UrlError(f"{name} has a malformed host.") from None
    if address.scope_id is not None:
        raise UrlError(f"{name} must not have an address zone.")
    # Python writes these in one way before 3.13 and in another since.
    mapped = address.ipv4_mapped
    return address.compressed if mapped is None else f"::ffff:{mapped}"


def _is_name(host: str) -> bool:
    return len(host) <= HOST_LIMIT and all(_LABEL.fullmatch(label) for label in host.removesuffix(".").split("."))


def _is_ipv4(host: str) -> bool:
    try:
        return str(ipaddress.IPv4Address(host)) == host
    except ValueError:
        return False


def encode_host(host: str) -> str | None:
    """Return an international host name in its ASCII form, or None if it has none."""
    if len(host) > HOST_LIMIT:
        return None
    try:
        return idna.encode(host, uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        return None


def host_of(url: str) -> str:
    """Return the canonical host of a URL, without its port; empty if the URL has none."""
    plain = _PLAIN.match(url)
    return plain["host"] if plain else _split(url)[0]


def authority_of(url: str) -> str:
    """Return the canonical host of a URL, with its port unless that is 80 or 443; empty if the URL has no host.

    Two URLs with the same authority are of the same host for every limit, pause and count.
    """
    plain = _PLAIN.match(url)
    return plain["authority"] if plain else _join(*_split(url))


def canonical_authority(text: str, name: str = "The host") -> str:
    """Return what ``authority_of`` returns for the URLs of a host that somebody has named, with or without a port.

    Args:
        text: ``HOST`` or ``HOST:PORT``, in any spelling.
        name: What to call it in an error.

    Raises:
        UrlError: It is no host with or without a port.
    """
    return _join(*split_authority(text, name))


def _split(url: str) -> tuple[str, int | None]:
    match = _URL.match(url)
    try:
        return split_authority(match[1]) if match else ("", None)
    except UrlError:
        return "", None


def _join(host: str, port: int | None) -> str:
    literal = f"[{host}]" if ":" in host else host
    return literal if port is None or port in _DEFAULT_PORTS else f"{literal}:{port}"
