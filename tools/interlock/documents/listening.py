"""Addresses at which something of ours listens: an IP address and a port, and whether others can reach it."""

from __future__ import annotations

import ipaddress
import re

_LISTEN = re.compile(r"^(\[[0-9A-Fa-f:.]{2,45}\]|[0-9.]{7,15}):([1-9][0-9]{0,4})$")


def listen_address(text: str) -> tuple[str, int]:
    """Read `127.0.0.1:9187` or `[::1]:9187`. No host names: what they mean can change under a running agent."""
    match = _LISTEN.fullmatch(text)
    if match is None or int(match[2]) > 65535:
        raise ValueError("expected an IP address and a port, such as 127.0.0.1:9187 or [::1]:9187")
    try:
        address = ipaddress.ip_address(match[1].strip("[]"))
    except ValueError:
        raise ValueError("expected an IP address and a port, such as 127.0.0.1:9187 or [::1]:9187") from None
    if (address.version == 6) != match[1].startswith("["):
        raise ValueError("expected brackets around an IPv6 address, and only there: [::1]:9187")
    return str(address), int(match[2])


def is_loopback(text: str) -> bool:
    """Whether only this machine can reach an address that `listen_address` accepts."""
    return ipaddress.ip_address(listen_address(text)[0]).is_loopback
