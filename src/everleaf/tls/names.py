"""The server name of a TLS hello."""

import ipaddress


def sent_name(host: str) -> str | None:
    """What is sent as server name (RFC 6066, section 3): no address, and no final dot."""
    return None if is_address(host) else host.rstrip(".")


def is_address(host: str) -> bool:
    """Whether it is an IP address."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
