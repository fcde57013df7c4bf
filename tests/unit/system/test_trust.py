"""Trusted roots from files."""

from pathlib import Path

import pytest

from everleaf.errors import OperatorError
from everleaf.system.trust import roots_of, system_roots
from support.forge import authority, der, root


def pem(*certificates: bytes) -> bytes:
    from everleaf.pki.certificates import to_pem

    return b"# a bundle\n\n".join(to_pem(one) for one in certificates)


def test_every_certificate_of_a_bundle_is_read(tmp_path: Path) -> None:
    path = tmp_path / "roots.pem"
    path.write_bytes(pem(der(root()), der(authority())))
    assert len(roots_of(path)) == 2


def test_openssls_trusted_form_is_read_too(tmp_path: Path) -> None:
    path = tmp_path / "roots.pem"
    path.write_bytes(pem(der(root())).replace(b"CERTIFICATE", b"TRUSTED CERTIFICATE"))
    assert len(roots_of(path)) == 1


@pytest.mark.parametrize("content", [None, b"", b"junk", b"-----BEGIN CERTIFICATE-----\nA\n"])
def test_a_file_without_roots_is_the_operators_fault(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "roots.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(OperatorError) as caught:
        roots_of(path)
    assert caught.value.fault.where == str(path)


def test_the_systems_roots_are_those_of_ssl_cert_file_where_it_is_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "roots.pem"
    one = der(root())
    path.write_bytes(pem(one))
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    assert system_roots() == (one,)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    with pytest.raises(OperatorError):
        system_roots()
