"""The PROXY header: proxy-protocol.txt of HAProxy, sections 2.1 and 2.2."""

import ipaddress
import socket

_SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
_LOCAL, _PROXY = 0x20, 0x21  # version 2 with the command
_NAMES = {4: "TCP4", 6: "TCP6"}
_FAMILIES = {4: 0x11, 6: 0x21}
_TEXT, _BINARY = 1, 2


def header(version: int, line: socket.socket, *, direct: bool) -> bytes:
    """What is sent first on a connection.

    Args:
        version: 1, the text, or 2, the binary one.
        line: connected.
        direct: its ends are those that the server sees: they stand in the header. Otherwise
            they are not known, and the header says so.

    Raises:
        ValueError: there is no such version.
    """
    if version == _TEXT:
        return _text(line) if direct else b"PROXY UNKNOWN\r\n"
    if version == _BINARY:
        return _binary(line) if direct else _SIGNATURE + bytes([_LOCAL, 0, 0, 0])
    raise ValueError(f"there is no PROXY header of version {version}")


def _text(line: socket.socket) -> bytes:
    (ours, our_port), (theirs, their_port) = _end(line.getsockname()), _end(line.getpeername())
    words = f"PROXY {_NAMES[ours.version]} {ours} {theirs} {our_port} {their_port}\r\n"
    return words.encode("ascii")


def _binary(line: socket.socket) -> bytes:
    (ours, our_port), (theirs, their_port) = _end(line.getsockname()), _end(line.getpeername())
    ends = ours.packed + theirs.packed + our_port.to_bytes(2, "big") + their_port.to_bytes(2, "big")
    start = bytes([_PROXY, _FAMILIES[ours.version]]) + len(ends).to_bytes(2, "big")
    return _SIGNATURE + start + ends


def _end(
    address: tuple[str, int] | tuple[str, int, int, int],
) -> tuple[ipaddress.IPv4Address | ipaddress.IPv6Address, int]:
    """Address and port; the scope of a link-local one means nothing elsewhere."""
    return ipaddress.ip_address(address[0].partition("%")[0]), address[1]
