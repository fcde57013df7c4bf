"""Serials that need a leading zero byte in DER, which Pebble 2.10.1 does not know again.

RFC 9773, section 4.1, keeps that byte in a CertID. Pebble takes the number for a renewal window,
and compares the hexadecimal text for `replaces`: it refuses one of 256 certificates.
"""

import base64
import json

from support.machine import Machine


def padded(cert_id: str) -> bool:
    """Whether the serial of this CertID begins with a zero byte."""
    serial = cert_id.partition(".")[2]
    return base64.urlsafe_b64decode(serial + "=" * (-len(serial) % 4))[0] == 0


def cert_id(machine: Machine, name: str) -> str:
    """The CertID of a live certificate."""
    version = machine.live(name).joinpath("version.json").read_text(encoding="utf-8")
    return str(json.loads(version)["cert_id"])


def replaceable(machine: Machine, name: str) -> None:
    """Issue again until Pebble knows the live certificate as a predecessor."""
    while padded(cert_id(machine, name)):
        machine.run("--force", name)
