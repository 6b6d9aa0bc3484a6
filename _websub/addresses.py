"""Which network addresses we connect to on behalf of strangers: public ones, and what the operator adds."""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import attrs

from _websub.urls import host_of

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

# ``is_global`` of the standard library calls some of these public, and differs between Python versions.
_NEVER = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 "
        "192.88.99.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4 "
        "::/96 ::ffff:0:0/96 64:ff9b::/96 64:ff9b:1::/48 100::/64 2001::/23 2001:db8::/32 2002::/16 3fff::/20 "
        "5f00::/16 fc00::/7 fe80::/10 fec0::/10 ff00::/8"
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
        networks: Networks that may be called although they are not public, as CIDR text.

    Raises:
        ValueError: One of ``networks`` is no network.
    """

    loopback: bool = False
    networks: tuple[Network, ...] = attrs.field(default=(), converter=_to_networks)

    def permits(self, address: str) -> bool:
        """Whether a connection to this IP address may be made; text that is no address is refused."""
        try:
            parsed = ip_address(address.partition("%")[0])
        except ValueError:
            return False
        if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
            parsed = parsed.ipv4_mapped
        allowed = self.networks + (_LOOPBACK if self.loopback else ())
        if _within(parsed, allowed):
            return True
        return parsed.is_global and not parsed.is_multicast and not _within(parsed, _NEVER)

    @classmethod
    def everywhere(cls) -> "AddressPolicy":
        """The policy of a party whose own user names the URLs: any address may be called."""
        return cls(loopback=True, networks=("0.0.0.0/0", "::/0"))

    @classmethod
    def for_public_url(cls, url: str, networks: Iterable[str | Network] = ()) -> "AddressPolicy":
        """The policy of a party whose own URL this is: one that lives on loopback may call loopback."""
        return cls(loopback=is_loopback_url(url), networks=networks)


def _within(address: Address, networks: Iterable[Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)


def is_loopback_host(host: str) -> bool:
    """Whether a host name or address literal, in brackets or not, names this machine."""
    if f".{host}".removesuffix(".").endswith(".localhost"):
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def is_loopback_url(url: str) -> bool:
    """Whether a URL names this machine."""
    return is_loopback_host(host_of(url))
