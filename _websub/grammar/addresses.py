"""The network addresses that strangers can make us connect to: public ones, and those that the operator adds."""

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import attrs

from _websub.grammar.hosts import UrlError, host_of
from _websub.grammar.urls import check_url

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

# The only block of IPv6 with internet addresses (RFC 4291; IANA has allocated no other). Everything else is for
# translation, for a single network, or unassigned, and some of it leads to IPv4 addresses.
_IPV6_INTERNET = IPv6Network("2000::/3")
# Some of these are public according to the standard library's ``is_global``, which differs between Python versions.
_NEVER = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 "
        "192.88.99.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4 "
        "2001::/23 2001:db8::/32 2002::/16 3ffe::/16 3fff::/20"
    ).split()
)
_LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))


def _to_networks(values: Iterable[str | Network]) -> tuple[Network, ...]:
    return tuple(ip_network(value) for value in values)


@attrs.frozen(kw_only=True)
class AddressPolicy:
    """Decides at connect time, after name resolution, whether an address may be called.

    Attributes:
        loopback: Whether this machine itself may be called.
        networks: Networks that may be called even if they are not public, in CIDR notation.

    Raises:
        ValueError: One of ``networks`` is not a network.
    """

    loopback: bool = False
    networks: tuple[Network, ...] = attrs.field(default=(), converter=_to_networks)

    def permits(self, address: str) -> bool:
        """Return whether this IP address may be connected to. Text that is not an address may not."""
        try:
            parsed = ip_address(address.partition("%")[0])
        except ValueError:
            return False
        if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
            parsed = parsed.ipv4_mapped
        allowed = self.networks + (_LOOPBACK if self.loopback else ())
        if _within(parsed, allowed):
            return True
        if isinstance(parsed, IPv6Address) and parsed not in _IPV6_INTERNET:
            return False
        return parsed.is_global and not parsed.is_multicast and not _within(parsed, _NEVER)

    def permits_host(self, host: str) -> bool:
        """Return whether a canonical host may be called, judging by its text alone.

        Addresses and names for this machine are judged at once. Other names are judged by their addresses, after they
        have been looked up.
        """
        if _is_local_name(host):
            return self.permits("127.0.0.1") or self.permits("::1")
        try:
            ip_address(host)
        except ValueError:
            return True
        return self.permits(host)

    @classmethod
    def everywhere(cls) -> "AddressPolicy":
        """Return the policy for URLs that come from our own user: any address may be called."""
        return cls(loopback=True, networks=("0.0.0.0/0", "::/0"))

    @classmethod
    def for_public_url(cls, url: str, networks: Iterable[str | Network] = ()) -> "AddressPolicy":
        """Return the policy of a server with this public URL: one on loopback may call loopback."""
        return cls(loopback=is_loopback_url(url), networks=networks)


def address_block(address: str) -> str:
    """Return the block that an IP address is counted in: the address itself, or the /64 network of an IPv6 address.

    A client with one IPv6 address usually has the whole /64 network.
    """
    parsed = ip_address(address.partition("%")[0])
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    if isinstance(parsed, IPv6Address):
        return str(ip_network((parsed, 64), strict=False))
    return str(parsed)


def _within(address: Address, networks: Iterable[Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)


def _is_local_name(host: str) -> bool:
    return f".{host}".removesuffix(".").endswith(".localhost")


@lru_cache(maxsize=256)  # called for every request to a server on loopback, nearly always with the same host
def is_loopback_host(host: str) -> bool:
    """Return whether a host name or address literal, in brackets or not, names this machine."""
    if _is_local_name(host):
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def is_loopback_url(url: str) -> bool:
    """Return whether a URL names this machine."""
    return is_loopback_host(host_of(url))


def check_public_url(url: str, name: str) -> str:
    """Check a public URL that a user set, and return it unchanged.

    ``0.0.0.0`` and ``::`` stand for all addresses of the machine that listens. Nobody else can call them.

    Args:
        url: The URL.
        name: The name to use in an error.

    Raises:
        UrlError: The URL cannot be called.
        TypeError: The URL is not text.
    """
    check_url(url, name)
    if _is_unspecified(host_of(url)):
        raise UrlError(f"{name} must have an address that others can call, not {host_of(url)}.")
    return url


def _is_unspecified(host: str) -> bool:
    try:
        address = ip_address(host.strip("[]"))
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_unspecified
