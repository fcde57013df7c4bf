"""The server name of a TLS hello."""

from everleaf.core.identifiers import is_address


def sent_name(host: str) -> str | None:
    """What is sent as server name (RFC 6066, section 3): no address, and no final dot."""
    return None if is_address(host) else host.rstrip(".")
