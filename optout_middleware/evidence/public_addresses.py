"""Public addresses: whether a URL stands on the public internet, so that no site can make us ask our own network.

Rule of this file: what is not plainly public is not. Every address of a host must be public, and whoever connects looks
once more at the address it got, since a name may resolve otherwise by then. A name that does not resolve here is not
refused: without a proxy nobody can connect to it, and through a proxy it is the proxy that resolves.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
# What any reader of URLs reads the same way: others may see another host in a backslash or a percent sign.
_PLAIN = re.compile(r"(?:[\w.~%!$&'()*+,;=:-]*@)?(?:\[[0-9A-Fa-f:.]+\]|[\w.-]+)(?::[0-9]*)?")
# RFC 4291 section 2.4: all that is handed out as global unicast; elsewhere only what translates to IPv4 is public.
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052 section 2.1
# IANA registry of special-purpose addresses; the `ipaddress` of some Python versions takes these for global.
_SPECIAL = (
    ipaddress.IPv6Network("2001::/23"),  # IETF protocol assignments, Teredo among them
    ipaddress.IPv6Network("3fff::/20"),  # documentation
    ipaddress.IPv4Network("192.0.0.0/24"),  # IETF protocol assignments
    ipaddress.IPv4Network("192.88.99.0/24"),  # 6to4 relays, given up
)


def is_public(address: str | Address) -> bool:
    """Tell whether an address is one of the public internet; an IPv4 address in an IPv6 address counts as itself.

    >>> is_public("192.0.66.2"), is_public("169.254.169.254"), is_public("::ffff:10.0.0.1")
    (True, False, False)
    """
    try:
        address = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        within = address.ipv4_mapped or address.sixtofour
        if within is None and address in _NAT64:
            within = ipaddress.IPv4Address(address.packed[-4:])
        if within is not None:
            return is_public(within)
        if address not in _GLOBAL_UNICAST:
            return False
    special = any(address in network for network in _SPECIAL if network.version == address.version)
    return address.is_global and not address.is_multicast and not special


def refusal(url: str) -> str | None:
    """Say in one line why a URL is not asked, after resolving its host; None = it may be asked.

    It waits for the resolver of this machine.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return "a URL that cannot be read is not a public address"
    if not _PLAIN.fullmatch(parts.netloc):
        return f"{host!r} is not a public address"
    return refusal_of(host, _addresses(host))


def refusal_of(host: str, addresses: Iterable[object]) -> str | None:
    """Say in one line which of the addresses of a host is not public; None = all are."""
    for address in addresses:
        if not is_public(str(address)):
            at = "" if str(address) == host else f" of {host}"
            return f"{address}{at} is not a public address"
    return None


def _addresses(host: str) -> list[str]:
    """Give the addresses that a host resolves to; none where it does not resolve."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return [str(row[4][0]) for row in found]
