"""An authority that revokes: its lists and OCSP answers are made by the real openssl."""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from support import forge
from support.servers import need

_HOUR, _YEAR = timedelta(hours=1), timedelta(days=365)
_LIMIT = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A leaf, its issuer, and the folder where a server reads them."""

    leaf: x509.Certificate
    issuer: x509.Certificate
    folder: Path

    @property
    def chain(self) -> list[bytes]:
        """As a server has to send it, DER."""
        return [forge.der(self.leaf), forge.der(self.issuer)]


class Registry:
    """An intermediate below a root of its own.

    Args:
        folder: for keys and what openssl reads.
        lists: URL below which the lists are; empty: certificates name none.
    """

    def __init__(self, folder: Path, lists: str = "") -> None:
        folder.mkdir(parents=True)
        self.folder, self.lists = folder, lists
        self.start = datetime.now(UTC).replace(microsecond=0) - _HOUR
        self.root_key, self.key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        above = {"signer": self.root_key, "start": self.start, "end": self.start + _YEAR}
        self.root = forge.authority(subject="Root", key=self.root_key, **above)
        self.certificate = forge.authority(key=self.key, more=self._points("intermediate"), **above)
        (folder / "issuer.pem").write_bytes(self.certificate.public_bytes(Encoding.PEM))
        (folder / "issuer.key").write_bytes(forge.pem_of(self.key))
        self.responder_key = ec.generate_private_key(ec.SECP256R1())

    def issue(self, name: str, *more: x509.ExtensionType, names_list: bool = True) -> Issued:
        """A leaf for a name, which names its list by that."""
        key = ec.generate_private_key(ec.SECP256R1())
        points = self._points(name) if names_list else ()
        leaf = forge.Plan(
            subject=name,
            names=(name,),
            key=key,
            signer=self.key,
            start=self.start,
            end=self.start + _YEAR,
            more=(*points, *more),
        ).make()
        folder = self.folder / name
        folder.mkdir()
        pems = [one.public_bytes(Encoding.PEM) for one in (leaf, self.certificate)]
        (folder / "fullchain.pem").write_bytes(b"".join(pems))
        (folder / "privkey.pem").write_bytes(forge.pem_of(key))
        (folder / "cert.pem").write_bytes(pems[0])
        return Issued(leaf=leaf, issuer=self.certificate, folder=folder)

    def url(self, name: str) -> str:
        """Where the list of a name is."""
        return f"{self.lists}/{name}.crl"

    def _points(self, name: str) -> tuple[x509.ExtensionType, ...]:
        if not self.lists:
            return ()
        point = x509.DistributionPoint(
            full_name=[x509.UniformResourceIdentifier(self.url(name))],
            relative_name=None,
            reasons=None,
            crl_issuer=None,
        )
        return (x509.CRLDistributionPoints([point]),)

    # -- by openssl ------------------------------------------------------------------------------

    def crl(self, *revoked: Issued) -> bytes:
        """`openssl ca -gencrl`: a list for seven days, DER."""
        index = self._index("R", revoked)
        config = self.folder / "ca.cnf"
        config.write_text(
            f"[ca]\ndefault_ca = one\n[one]\ndatabase = {index}\ndefault_md = sha256\n"
            "default_crl_days = 7\n",
            encoding="utf-8",
        )
        signer = ["-keyfile", f"{self.folder}/issuer.key", "-cert", f"{self.folder}/issuer.pem"]
        pem = self._openssl("ca", "-gencrl", "-config", str(config), *signer)
        return x509.load_pem_x509_crl(pem).public_bytes(Encoding.DER)

    def answer(self, issued: Issued, state: str) -> bytes:
        """`openssl ocsp`: what it says of a leaf that is V(alid), R(evoked) or, empty, unknown."""
        index = self._index(state, [issued] if state else [])
        out = self.folder / "answer.der"
        signer = ["-rsigner", f"{self.folder}/issuer.pem", "-rkey", f"{self.folder}/issuer.key"]
        issuer = f"{self.folder}/issuer.pem"
        asked = self.folder / "asked.der"
        cert = ["-issuer", issuer, "-cert", f"{issued.folder}/cert.pem", "-no_nonce"]
        self._openssl("ocsp", *cert, "-reqout", str(asked))
        given = ["-index", str(index), "-CA", issuer, *signer, "-ndays", "7"]
        self._openssl("ocsp", *given, "-reqin", str(asked), "-respout", str(out))
        return out.read_bytes()

    def _index(self, state: str, those: Sequence[Issued]) -> Path:
        index = self.folder / "index.txt"
        since = f"{self.start:%y%m%d%H%M%SZ},keyCompromise" if state == "R" else ""
        index.write_text(
            "".join(
                f"{state}\t{one.leaf.not_valid_after_utc:%y%m%d%H%M%SZ}\t{since}\t"
                f"{_even(one.leaf.serial_number)}\tunknown\t/CN={one.folder.name}\n"
                for one in those
            ),
            encoding="ascii",
        )
        (self.folder / "index.txt.attr").write_text("unique_subject = no\n", encoding="ascii")
        return index

    def _openssl(self, *arguments: str) -> bytes:
        done = subprocess.run(
            [need("openssl"), *arguments], capture_output=True, check=False, timeout=_LIMIT
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    # -- as openssl does not make them -----------------------------------------------------------

    def list_of(
        self,
        *extensions: x509.ExtensionType,
        start: datetime | None = None,
        end: datetime | None = None,
        revoked: Sequence[int] = (),
        key: ec.EllipticCurvePrivateKey | None = None,
        name: str = "Intermediate",
    ) -> bytes:
        """A list, DER, by the issuer's name and key, or others."""
        start = start or self.start
        builder = x509.CertificateRevocationListBuilder(
            issuer_name=forge.named(name),
            last_update=start,
            next_update=end or datetime.now(UTC) + timedelta(days=7),
        )
        for one in extensions:
            builder = builder.add_extension(one, critical=True)
        for serial in revoked:
            entry = x509.RevokedCertificateBuilder(serial, start).build()
            builder = builder.add_revoked_certificate(entry)
        return builder.sign(key or self.key, hashes.SHA256()).public_bytes(Encoding.DER)

    def says(
        self,
        issued: Issued,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        responder: x509.Certificate | None = None,
        key: ec.EllipticCurvePrivateKey | None = None,
        carried: bool = True,
    ) -> bytes:
        """An OCSP answer `good`, DER, by the issuer itself, or a responder and its key.

        The responder's certificate is carried in it, or not.
        """
        builder = ocsp.OCSPResponseBuilder().add_response(
            cert=issued.leaf,
            issuer=self.certificate,
            algorithm=hashes.SHA256(),
            cert_status=ocsp.OCSPCertStatus.GOOD,
            this_update=start or self.start,
            next_update=end or datetime.now(UTC) + timedelta(days=7),
            revocation_time=None,
            revocation_reason=None,
        )
        builder = builder.responder_id(
            ocsp.OCSPResponderEncoding.HASH, responder or self.certificate
        )
        if responder is not None and carried:
            builder = builder.certificates([responder])
        return builder.sign(key or self.key, hashes.SHA256()).public_bytes(Encoding.DER)

    def responder(
        self,
        *usages: x509.ObjectIdentifier,
        end: datetime | None = None,
        signer: ec.EllipticCurvePrivateKey | None = None,
    ) -> x509.Certificate:
        """The certificate of a responder of its own, for `responder_key`."""
        return forge.Plan(
            subject="Responder",
            key=self.responder_key,
            signer=signer or self.key,
            names=(),
            usages=usages or (ExtendedKeyUsageOID.OCSP_SIGNING,),
            start=self.start,
            end=end or self.start + _YEAR,
        ).make()


def _even(serial: int) -> str:
    text = f"{serial:X}"
    return text if len(text) % 2 == 0 else f"0{text}"
