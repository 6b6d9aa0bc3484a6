"""Hosts of URLs, in the one spelling that limits, pauses, connections and logs use."""

import ipaddress
import re

import idna

from _websub.errors import WebSubError

HOST_LIMIT = 253
_PORT_LIMIT = 65_535
# The host alone does not show the scheme, so both default ports are left out.
_DEFAULT_PORTS = {80, 443}

# Hosts that the C library reads as an IPv4 address in an unusual form: 127.1, 0x7f.1, 2130706433, 0177.0.0.1.
_NUMERIC_HOST = re.compile(r"(?:0[xX][0-9a-fA-F]*|[0-9]+)(?:\.(?:0[xX][0-9a-fA-F]*|[0-9]+))*\.?", re.ASCII)
_LABEL = re.compile(r"[A-Za-z0-9_-]{1,63}", re.ASCII)
_AUTHORITY = re.compile(r"(\[[^\[\]]*\]|[^:\[\]]*)(?::([0-9]{0,5}))?", re.ASCII)
_URL = re.compile(r"https?://([^/?#]*)", re.IGNORECASE)
# Most hosts already have our spelling: a name that begins with a letter, or an IPv4 address, and maybe a port.
_NUMBER = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_PLAIN = re.compile(
    rf"https?://(?P<authority>(?P<host>[a-z][a-z0-9_-]*(?:\.[a-z0-9_-]+)*|{_NUMBER}(?:\.{_NUMBER}){{3}})"
    r"(?::(?!(?:80|443)(?![0-9]))(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}))?)(?:[/?]|\Z)",
    re.ASCII,
)


class UrlError(WebSubError, ValueError):
    """A URL is refused. The message says why in one sentence."""

    status = 400


def split_authority(authority: str, name: str = "The URL") -> tuple[str, int | None]:
    """Return the canonical host and the port of ``HOST`` or ``HOST:PORT``. Without a port, it is None.

    Args:
        authority: The text, in any spelling.
        name: The name to use in an error.

    Raises:
        UrlError: The text has user information, a malformed host, or a port outside 1 to 65535.
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
    """Return the canonical spelling of a host: lower case, A-labels, no trailing dot, IPv6 compressed, no brackets.

    Args:
        host: A host name, an IPv4 address, or an IPv6 address in brackets.
        name: The name to use in an error.

    Raises:
        UrlError: The host is malformed.
    """
    if host.startswith("["):
        return _canonical_ipv6(host[1:-1], name)
    if not host.isascii():
        host = encode_host(host) or ""
    # Systems differ in how they read an address in an unusual form, such as 127.1.
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
    # Python 3.13 writes these differently than older versions do.
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
    except (idna.IDNAError, UnicodeError, OverflowError):  # Python's Punycode raises the last one
        return None


def host_of(url: str) -> str:
    """Return the canonical host of a URL, without its port, or an empty string if the URL has no host."""
    plain = _PLAIN.match(url)
    return plain["host"] if plain else _split(url)[0]


def authority_of(url: str) -> str:
    """Return the canonical host of a URL, with its port unless that is 80 or 443. It is empty if the URL has no host.

    Every limit, pause and count treats two URLs with the same authority as one host.
    """
    plain = _PLAIN.match(url)
    return plain["authority"] if plain else _join(*_split(url))


def canonical_authority(text: str, name: str = "The host") -> str:
    """Return the authority of a named host, as ``authority_of`` returns it for URLs of that host.

    Args:
        text: ``HOST`` or ``HOST:PORT``, in any spelling.
        name: The name to use in an error.

    Raises:
        UrlError: The text is not a host, with or without a port.
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
