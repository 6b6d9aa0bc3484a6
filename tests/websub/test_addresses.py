from ipaddress import IPv4Address, IPv6Address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from _websub.grammar.addresses import AddressPolicy, is_loopback_host

PUBLIC = AddressPolicy()

REFUSED = """
127.0.0.1 127.255.255.254 0.0.0.0 0.0.0.1 ::1 :: ::ffff:127.0.0.1 ::ffff:7f00:1 ::127.0.0.1 ::ffff:0:0
64:ff9b::7f00:1 64:ff9b::808:808 64:ff9b:1::1 2002:7f00:1:: 2002:a9fe:a9fe:: 2001:0:7f00:1::
10.0.0.1 10.255.255.255 172.16.0.1 172.31.255.255 192.168.0.1 169.254.169.254 100.64.0.1 100.100.100.200 192.0.0.192
192.0.0.9 192.88.99.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 fd00:ec2::254 fc00::1 fe80::1 fe80::1%lo fec0::1
224.0.0.1 239.1.1.1 ff02::1 255.255.255.255 240.0.0.1 198.18.0.1 192.0.2.1 198.51.100.1 203.0.113.1 2001:db8::1
3fff::1 100::1 5f00::1
::ffff:0:127.0.0.1 ::ffff:0:7f00:1 64:ff9b:2::1 64:ff9b:ffff::7f00:1 4000::1 1fff:ffff::1 6000::1 8000::1 c000::1
f000::1 3ffe::1 2001:10::1 2001:20::1
""".split()

NO_ADDRESSES = ["", "localhost", "127.1", "0x7f.1", "2130706433", "0177.0.0.1", "example.com", "1.1.1.1 ", "[::1]"]


@pytest.mark.parametrize("address", REFUSED + NO_ADDRESSES)
@pytest.mark.spec("SEC-15")
@pytest.mark.threat("SSRF-1", "SSRF-4", "SSRF-5", "SSRF-6", "SSRF-7")
def test_what_is_not_public_is_refused(address: str) -> None:
    assert not PUBLIC.permits(address)


@pytest.mark.parametrize(
    "address",
    "1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 172.15.255.255 172.32.0.0 100.63.255.255 100.128.0.0 223.255.255.255 "
    "2606:4700::1111 2a00:1450::1 2001:4860:4860::8888 3000::1 ::ffff:8.8.8.8".split(),
)
def test_what_is_public_is_permitted(address: str) -> None:
    assert PUBLIC.permits(address)


@pytest.mark.threat("SSRF-21")
def test_networks_open_themselves_and_nothing_else() -> None:
    policy = AddressPolicy(networks=["127.0.0.0/8", ip_network("fd00::/8")])
    assert policy.permits("127.0.0.1")
    assert policy.permits("::ffff:127.0.0.1")
    assert policy.permits("fd00::1")
    assert policy.permits("1.1.1.1")
    assert not policy.permits("10.0.0.1")
    assert not policy.permits("::1")
    assert not policy.permits("fc00::1")


def test_loopback_opens_this_machine_and_nothing_else() -> None:
    policy = AddressPolicy(loopback=True)
    assert policy.permits("127.0.0.1")
    assert policy.permits("::1")
    assert policy.permits("::ffff:127.0.0.1")
    assert not policy.permits("0.0.0.0")  # noqa: S104 - the address itself
    assert not policy.permits("192.168.0.1")
    assert not policy.permits("169.254.169.254")


def test_everywhere_is_everywhere() -> None:
    policy = AddressPolicy.everywhere()
    assert all(policy.permits(address) for address in REFUSED)
    assert not any(policy.permits(text) for text in NO_ADDRESSES)


@pytest.mark.parametrize("network", ["10.0.0.0/33", "10.0.0.1/8", "example.com"])
def test_what_is_no_network_is_an_error(network: str) -> None:
    with pytest.raises(ValueError, match=network.replace("/", ".")):
        AddressPolicy(networks=[network])


@pytest.mark.parametrize(
    ("url", "loopback"),
    [
        ("http://127.0.0.1:8080/hub", True),
        ("http://127.1.2.3/hub", True),
        ("http://LOCALHOST:8080/hub", True),
        ("http://localhost./hub", True),
        ("http://hub.localhost/hub", True),
        ("http://[::1]:8080/hub", True),
        ("https://hub.example.com/hub", False),
        ("https://localhost.example.com/hub", False),
        ("http://10.0.0.1/hub", False),
        ("http://0.0.0.0/hub", False),
    ],
)
def test_a_hub_on_loopback_may_call_loopback(url: str, loopback: bool) -> None:  # noqa: FBT001 - a parameter
    policy = AddressPolicy.for_public_url(url, networks=["10.0.0.0/8"])
    assert policy.permits("127.0.0.1") is loopback
    assert policy.permits("10.1.1.1")
    assert not policy.permits("192.168.0.1")


def test_a_name_is_loopback_only_if_it_says_so() -> None:
    assert is_loopback_host("localhost")
    assert not is_loopback_host("notlocalhost")
    assert not is_loopback_host("")


@given(st.ip_addresses(v=4))
@pytest.mark.spec("SEC-15")
@pytest.mark.threat("SSRF-23")
def test_every_way_to_embed_an_address_is_decided_like_it_or_refused(address: IPv4Address) -> None:
    packed = int(address)
    assert PUBLIC.permits(f"::ffff:{address}") is PUBLIC.permits(str(address))
    for prefix in ("::", "64:ff9b::", "2002::"):
        shift = 80 if prefix == "2002::" else 0
        assert not PUBLIC.permits(str(IPv6Address(int(IPv6Address(prefix)) | packed << shift)))


@given(st.ip_addresses(v=6))
@pytest.mark.threat("SSRF-23")
def test_every_spelling_of_an_address_is_decided_alike(address: IPv6Address) -> None:
    decision = PUBLIC.permits(str(address))
    assert PUBLIC.permits(address.exploded.upper()) is decision
    assert PUBLIC.permits(f"{address}%eth0") is decision


@given(st.text(max_size=30))
def test_no_text_is_an_error(text: str) -> None:
    assert PUBLIC.permits(text) in {True, False}
