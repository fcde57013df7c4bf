"""The little of BER that one answer of LDAP needs: X.690, section 8."""

from dataclasses import dataclass

_LONG = 0x80
_MOST = 4  # bytes of a length


@dataclass(frozen=True, slots=True)
class Element:
    """Tag and content."""

    tag: int
    content: bytes


def length(octets: bytes) -> tuple[int, int]:
    """The length that begins here, and how many octets say so.

    Raises:
        ValueError: it is not there as a whole, or is none that LDAP may use.
    """
    first = octets[0] if octets else None
    if first is None:
        raise ValueError("no length")
    if first < _LONG:
        return first, 1
    count = first - _LONG
    if not 0 < count <= _MOST or len(octets) <= count:
        raise ValueError("no length in the definite form")
    return int.from_bytes(octets[1 : 1 + count], "big"), 1 + count


def elements(octets: bytes) -> list[Element]:
    """What stands here, one after the other.

    Raises:
        ValueError: it is no BER, or a part of it is missing.
    """
    found = []
    while octets:
        size, said_in = length(octets[1:])
        begin = 1 + said_in
        if len(octets) < begin + size:
            raise ValueError("the content is cut off")
        found.append(Element(octets[0], octets[begin : begin + size]))
        octets = octets[begin + size :]
    return found


def encoded(tag: int, content: bytes) -> bytes:
    """One element, of up to 127 bytes."""
    return bytes([tag, len(content)]) + content
