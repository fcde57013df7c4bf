"""Which roots clients trust: a bundle's, or the system's beside Mozilla's."""

import ssl
from pathlib import Path

import certifi
import pytest

from everleaf.errors import OperatorError
from everleaf.system import trust
from everleaf.system.trust import mozilla_roots, roots_of, stores
from support.forge import der, root
from support.lineage import bundle


def test_mozillas_roots_are_those_that_certifi_ships() -> None:
    assert mozilla_roots() == roots_of(Path(certifi.where()))
    assert len(mozilla_roots()) > 50


def test_a_bundle_decides_alone_and_is_called_by_its_path(tmp_path: Path) -> None:
    own = root()
    path = bundle(tmp_path / "roots.pem", own)
    (one,) = stores(path)
    assert (one.name, one.roots) == (str(path), (der(own),))


def test_without_a_bundle_the_system_decides_and_mozilla_is_the_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = root()
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle(tmp_path / "roots.pem", own)))
    system, mozilla = stores()
    assert (system.name, system.roots) == ("system", (der(own),))
    assert (mozilla.name, mozilla.roots) == ("mozilla", mozilla_roots())


def test_on_a_machine_without_roots_mozillas_decide(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    none = str(tmp_path / "none.pem")
    paths = ssl.get_default_verify_paths()._replace(openssl_cafile=none)
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: paths)
    monkeypatch.setattr(trust, "_BUNDLES", ())
    assert [one.name for one in stores()] == ["mozilla"]


def test_a_bundle_that_somebody_names_must_be_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    none = tmp_path / "none.pem"
    with pytest.raises(OperatorError):
        stores(none)
    monkeypatch.setenv("SSL_CERT_FILE", str(none))
    with pytest.raises(OperatorError):
        stores()
