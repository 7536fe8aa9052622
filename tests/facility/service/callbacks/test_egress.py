"""Where a callback may go, and where it may not."""

from __future__ import annotations

import ipaddress

import pytest

from facility.errors import OptionError, ProfileError, Unreachable
from facility.service.callbacks.egress import Egress, is_public, system_resolve

REFUSED = [
    "127.0.0.1", "127.1.2.3", "0.0.0.0", "10.0.0.1", "172.16.5.5", "192.168.1.1", "169.254.169.254", "100.64.0.1",
    "100.100.100.200", "192.0.0.8", "192.0.2.1", "198.18.0.1", "198.51.100.7", "203.0.113.9", "224.0.0.1", "240.0.0.1",
    "255.255.255.255", "::", "::1", "fe80::1", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "::ffff:127.0.0.1",
    "::ffff:169.254.169.254", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::",
    "2002:a9fe:a9fe::1", "2001::1", "2001:db8::1", "::ffff:10.0.0.1", "fe80::1%eth0",
]  # fmt: skip
PUBLIC = ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8", "2002:808:808::1", "64:ff9b::808:808"]


@pytest.mark.parametrize("address", REFUSED)
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    """Loopback, private, link-local, CGNAT, metadata, documentation, multicast; and IPv6 forms that carry one."""
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_not(address: str) -> None:
    """Also where an IPv6 form carries it."""
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.org/", "ftp://hooks.example.org/", "file:///etc/passwd", "gopher://x/", "//x/", "",
        "https://", "https:///x", "https://ana:secret@hooks.example.org/", "https://ana@hooks.example.org/",
        "https://hooks.example.org:0/", "https://hooks.example.org:99999/", "https://hooks.example.org/#part",
        "https://hooks.example.org/a b", "https://hooks.example.org\\@127.0.0.1/", "https://hooks.example.org/\r\nX: y",
        "https://hööks.example.org/", "https://[::1/", "https://hooks.example.org/" + "x" * 2000,
    ],
)  # fmt: skip
def test_a_url_that_could_mean_something_else_is_refused(url: str) -> None:
    """Before any name is resolved."""
    with pytest.raises(OptionError, match=r"^url: "):
        Egress().check_url(url)


def test_plain_http_is_for_the_operator_to_allow() -> None:
    """The default is TLS only."""
    assert "hooks.local" == Egress(http=True).check_url("http://hooks.local:8080/x?y=z").hostname


@pytest.mark.parametrize(
    ("allowed", "host", "address", "admitted"),
    [
        ((), "x.example.org", "10.1.2.3", False),
        (("10.1.0.0/16",), "x.example.org", "10.1.2.3", True),
        (("10.1.0.0/16",), "x.example.org", "10.2.2.3", False),
        (("127.0.0.1",), "localhost", "127.0.0.1", True),
        (("fd00::/8",), "x.example.org", "fd00::7", True),
        (("Hooks.Local",), "hooks.local", "10.2.2.3", True),
        (("hooks.local",), "other.local", "10.2.2.3", False),
    ],
)
def test_the_operator_may_allow_hosts_and_networks(
    allowed: tuple[str, ...], host: str, address: str, admitted: bool
) -> None:
    """By name or by network, and nothing beside."""
    assert admitted is Egress.of(False, allowed).admits(host, address)


def test_a_wrong_network_is_an_error_at_the_start() -> None:
    """The operator hears of it, not the first user."""
    with pytest.raises(ProfileError, match=r"10\.1\.0\.0/99"):
        Egress.of(False, ("10.1.0.0/99",))


async def test_one_bad_address_among_good_ones_refuses_the_host() -> None:
    """A name that answers both ways is not given the choice."""

    async def both(host: str, port: int) -> list[str]:
        return ["8.8.8.8", "127.0.0.1"]

    with pytest.raises(OptionError, match="may not reach"):
        await Egress().addresses("twofaced.example.org", 443, both)


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "127.1", "localhost"])
async def test_other_spellings_of_loopback_are_seen_through(host: str) -> None:
    """The system's resolver reads them, and its answer is judged."""
    with pytest.raises((OptionError, Unreachable)):
        await Egress().addresses(host, 443, system_resolve)


async def test_a_name_that_nobody_knows_is_unreachable() -> None:
    """It may be known tomorrow, so the callback is tried again."""

    async def nobody(host: str, port: int) -> list[str]:
        raise OSError("Name or service not known")

    with pytest.raises(Unreachable, match=r"nowhere\.example\.org"):
        await Egress().addresses("nowhere.example.org", 443, nobody)
