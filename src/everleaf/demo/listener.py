"""What local servers need to listen with: free ports, and a certificate for loopback."""

import ipaddress
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

_DAY = timedelta(days=1)


def free_port() -> int:
    """A TCP port that nobody listens on at 127.0.0.1 just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def make_listener_certificate(
    folder: Path, address: str = "127.0.0.1", host: str = "localhost"
) -> tuple[Path, Path, Path]:
    """A month-long certificate for one address and one name.

    Returns:
        Paths of certificate, key, and the file to trust.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "everleaf demo listener")])
    now = datetime.now(UTC)
    place = x509.IPAddress(ipaddress.ip_address(address))
    names = x509.SubjectAlternativeName([place, x509.DNSName(host)])
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _DAY)
        .not_valid_after(now + 30 * _DAY)
        .add_extension(names, critical=False)
        .add_extension(usage, critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    certificate_file, key_file = folder / "listener.pem", folder / "listener.key"
    certificate_file.write_bytes(pem)
    key_file.touch(mode=0o600)
    key_file.write_bytes(private)
    return certificate_file, key_file, certificate_file
