"""Whom a proxy names, and who may not say so."""

from __future__ import annotations

import pytest

from headrace.core.proxies import Proxies, read_networks

PROXIES = Proxies(read_networks("10.0.0.0/8, ::1,127.0.0.1"))


@pytest.mark.parametrize(
    ("peer", "forwarded", "caller"),
    [
        ("192.0.2.1", [], "192.0.2.1"),
        # Anybody can write the header.
        ("192.0.2.1", ["10.0.0.1"], "192.0.2.1"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["192.0.2.1"], "192.0.2.1"),
        ("::ffff:10.0.0.1", ["192.0.2.1"], "192.0.2.1"),
        ("::1", ["2001:db8::1"], "2001:db8::1"),
        # What comes before was said by whoever is named last.
        ("10.0.0.1", ["198.51.100.9, 192.0.2.1"], "192.0.2.1"),
        ("10.0.0.1", ["198.51.100.9", "192.0.2.1, 10.0.0.2"], "192.0.2.1"),
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ("10.0.0.1", ["192.0.2.1, unknown"], "unknown"),
        ("10.0.0.1", [" , ,"], "10.0.0.1"),
        ("", ["192.0.2.1"], ""),
        # Each connection has another port.
        ("10.0.0.1", ["192.0.2.1:50123"], "192.0.2.1"),
        ("10.0.0.1", ["192.0.2.1, 10.0.0.2:443"], "192.0.2.1"),
        ("10.0.0.1", ["[2001:db8::1]:50123"], "2001:db8::1"),
        ("10.0.0.1", ["[2001:db8::1]"], "2001:db8::1"),
        ("10.0.0.1", ["2001:db8::1234"], "2001:db8::1234"),
        ("10.0.0.1", ["[]:1, :2"], "10.0.0.1"),
    ],
)
def test_the_last_address_that_no_proxy_has_is_the_callers(
    peer: str, forwarded: list[str], caller: str
) -> None:
    assert PROXIES.caller(peer, forwarded) == caller


def test_nobody_is_trusted_unless_named() -> None:
    assert Proxies().caller("127.0.0.1", ["192.0.2.1"]) == "127.0.0.1"
    assert read_networks(" ") == ()


@pytest.mark.parametrize("text", ["proxy", "10.0.0.1/8", "10.0.0.1;10.0.0.2", "*"])
def test_what_is_no_network_is_said(text: str) -> None:
    with pytest.raises(ValueError, match="is no address and no network"):
        read_networks(text)
