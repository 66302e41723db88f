"""Reverse proxies that an operator trusts, and the caller whom they name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from ipaddress import ip_address, ip_network

_WITH_PORT = re.compile(r"\[(.*)\](?::\d+)?|([^:]*):\d+")


def read_networks(text: str) -> tuple[str, ...]:
    """Return the addresses and networks of a text, separated by commas, as networks.

    Raises:
        ValueError: One of them is none.
    """
    return tuple(_network(part.strip()) for part in text.split(",") if part.strip())


class Proxies:
    """The proxies whose word is taken for whom they forward.

    Args:
        networks: Addresses and networks of theirs.
    """

    def __init__(self, networks: Iterable[str] = ()) -> None:
        self._networks = [ip_network(network) for network in networks]

    def caller(self, peer: str, forwarded: Sequence[str]) -> str:
        """Return the address of whoever sent a request.

        Each proxy appends the address that it was asked from, so all before the last one that no
        trusted proxy has may be made up.

        Args:
            peer: Address that the connection comes from.
            forwarded: The headers ``X-Forwarded-For`` of the request, in their order.
        """
        found = peer
        hops = [_without_port(hop.strip()) for line in forwarded for hop in line.split(",")]
        while self._has(found) and hops:
            found = hops.pop() or found
        return found

    def _has(self, address: str) -> bool:
        try:
            known = ip_address(address.partition("%")[0])
        except ValueError:
            return False
        known = getattr(known, "ipv4_mapped", None) or known
        return any(known in network for network in self._networks)


def _without_port(hop: str) -> str:
    """Return the address of a hop. Some proxies add the port, which is another for each try."""
    found = _WITH_PORT.fullmatch(hop)
    return hop if found is None else found[1] or found[2] or ""


def _network(text: str) -> str:
    try:
        return str(ip_network(text))
    except ValueError:
        raise ValueError(
            f"{text!r} is no address and no network: write one as 10.0.0.7 or 10.0.0.0/8"
        ) from None
