"""Values as people write them: durations, shares, modes, addresses and ports."""

import ipaddress
import re
from datetime import UTC, time, timedelta, tzinfo
from pathlib import Path
from urllib.parse import urlsplit

from everleaf.config.faults import BadValueError, shown
from everleaf.core.quiet import QuietHours

LONGEST = timedelta(days=3650)
_LOCAL = Path("/etc/localtime")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"([0-9]+)\s*([smhd])")
_DIGITS = 9  # more than any number here has
_LAST_PORT = 65535
_HOST = re.compile(r"[A-Za-z0-9_.-]+|[0-9A-Fa-f:.]+")
_URL = re.compile(r"[!-~]+")  # what is printed in ASCII, without spaces
_OTHERS = 0o007
_WRITE = 0o022


def duration(text: str, most: timedelta = LONGEST) -> timedelta:
    """A number and a unit: 90s, 10m, 6h, 3d.

    Raises:
        BadValueError: it is none, or longer than `most`.
    """
    found = _DURATION.fullmatch(text.strip())
    if found is None:
        raise BadValueError(
            f"{shown(text)} is no duration", "write a number and s, m, h or d, as in 30s"
        )
    seconds = _number(found[1]) * _UNITS[found[2]]
    if seconds > most.total_seconds():
        raise BadValueError(f"{shown(text)} is too long", f"write {written(most)} or less")
    return timedelta(seconds=seconds)


def _number(digits: str) -> int:
    """A number; of thousands of digits, which Python refuses to read, one that is too large."""
    return int(digits[-_DIGITS:]) if len(digits.lstrip("0")) <= _DIGITS else 10**_DIGITS


def written(span: timedelta) -> str:
    """A duration as people write it: in the largest unit that measures it."""
    seconds = int(span.total_seconds())
    unit, size = next(
        (one for one in reversed(_UNITS.items()) if seconds % one[1] == 0 and seconds >= one[1]),
        ("s", 1),
    )
    return f"{seconds // size}{unit}"


def share(text: str) -> float:
    """A percentage between 1% and 99%, as a number from 0 to 1.

    Raises:
        BadValueError: it is none.
    """
    found = re.fullmatch(r"([0-9]{1,2})\s*%", text.strip())
    if found is None or int(found[1]) == 0:
        raise BadValueError(f"{shown(text)} is no share", "write 1% to 99%")
    return int(found[1]) / 100


def key_mode(text: str) -> int:
    """A file's mode for a private key: four octal digits, nothing for others, no group writing.

    Raises:
        BadValueError: it is none, or opens the key to others.
    """
    if not re.fullmatch(r"0[0-7]{3}", text):
        raise BadValueError(f"{shown(text)} is no mode", 'write four octal digits, as in "0640"')
    mode = int(text, 8)
    if mode & (_OTHERS | _WRITE):
        raise BadValueError(
            f"the mode {text} opens a private key to others", 'use "0600", or "0640" with a group'
        )
    if not mode & 0o400:
        raise BadValueError(f"the mode {text} keeps the owner out", 'use "0600" or "0640"')
    return mode


def host_port(text: str, default: int | None = None) -> tuple[str, int]:
    """`host:port`, `[v6]:port`, or just the host where there is a default port.

    Raises:
        BadValueError: it is none.
    """
    remedy = "write host:port, an IPv6 address in brackets, as in [2001:db8::1]:443"
    found = re.fullmatch(
        r"\[([0-9A-Fa-f:.]+)\](?::([0-9]+))?|([^:\[\]\s]+)(?::([0-9]+))?", text.strip()
    )
    if found is None:
        try:
            host, port = str(ipaddress.ip_address(text.strip())), None
        except ValueError:
            raise BadValueError(f"{shown(text)} is no host and port", remedy) from None
    else:
        host, port = found[1] or found[3], found[2] or found[4]
    if port is None and default is None:
        raise BadValueError(f"{shown(text)} lacks a port", remedy)
    number = _number(port) if port is not None else default or 0
    if not 1 <= number <= _LAST_PORT:
        raise BadValueError(f"{shown(port)} is no port", f"ports are 1 to {_LAST_PORT}")
    return host, number


def https_url(text: str) -> str:
    """A URL that a request over HTTPS can be sent to.

    Raises:
        BadValueError: it is none.
    """
    if not text.startswith("https://"):
        raise BadValueError(
            f"{shown(text)} is no https URL", "ACME asks for https (RFC 8555, section 6.1)"
        )
    try:
        found = urlsplit(text)
        usable = bool(_HOST.fullmatch(found.hostname or "")) and found.port != 0
    except ValueError:  # brackets or a port of no use
        usable = False
    if not usable or not _URL.fullmatch(text):
        raise BadValueError(
            f"{shown(text)} is no URL that can be asked", 'write it as in "https://host/directory"'
        )
    return text


def address_port(text: str, default: int | None = None) -> tuple[str, int]:
    """The same with an IP address for a host.

    Raises:
        BadValueError: it is none.
    """
    host, port = host_port(text, default)
    return address(host), port


def address(text: str) -> str:
    """An IP address in its short form.

    Raises:
        BadValueError: it is none.
    """
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise BadValueError(
            f"{shown(text)} is no IP address", "write an address such as 192.0.2.1 or 2001:db8::1"
        ) from None


def hours(text: str) -> QuietHours:
    """Hours of every day, as in `09:00-17:00`, in this machine's time zone or the one that follows.

    Raises:
        BadValueError: they are none, or nobody knows the zone.
    """
    remedy = 'write "09:00-17:00" or "22:00-06:00 Europe/Berlin"'
    found = re.fullmatch(r"(\d\d:\d\d)\s*-\s*(\d\d:\d\d)(?:\s+(\S+))?", text.strip(), re.ASCII)
    try:
        times = [time.fromisoformat(one) for one in found.groups()[:2]] if found else []
    except ValueError:
        times = []
    if found is None or not times or times[0] == times[1]:
        raise BadValueError(f"{text!r} are no hours of a day", remedy)
    return QuietHours(start=times[0], end=times[1], zone=_zone(found[3]))


def _zone(name: str | None) -> tzinfo:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        if name is not None:
            return ZoneInfo(name)
        with _LOCAL.open("rb") as file:
            return ZoneInfo.from_file(file, key="local")
    except FileNotFoundError:
        return UTC
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        where = name or _LOCAL
        raise BadValueError(f"there is no time zone {where}", "name one of IANA's") from error


def digest(text: str) -> str:
    """A SHA-256 in hexadecimal digits, colons allowed.

    Raises:
        BadValueError: it is none.
    """
    bare = text.replace(":", "").strip().lower()
    if not re.fullmatch(r"[0-9a-f]{64}", bare):
        raise BadValueError(f"{text!r} is no SHA-256", "write its 64 hexadecimal digits")
    return bare
