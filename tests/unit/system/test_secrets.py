"""Secrets: where they stand, what is refused, and that they are never shown."""

from pathlib import Path

import pytest

from everleaf.errors import OperatorError
from everleaf.system.secrets import Secret

WORD = "s3cr3t-w0rd"


def at(folder: Path, mode: int = 0o600, content: bytes = b"s3cr3t-w0rd\n") -> Path:
    path = folder / "secret"
    path.touch(0o600)
    path.write_bytes(content)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o400])
def test_a_file_that_not_everybody_may_read_is_read_without_white_space(
    tmp_path: Path, mode: int
) -> None:
    assert Secret(file=at(tmp_path, mode)).read({}) == WORD


@pytest.mark.parametrize("mode", [0o644, 0o604])
def test_a_file_that_everybody_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(OperatorError, match="everybody may read") as caught:
        Secret(file=at(tmp_path, mode)).read({})
    assert "chmod o-rwx" in caught.value.fault.remedy
    assert WORD not in str(caught.value)


def test_a_link_counts_as_what_it_leads_to(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(at(tmp_path, 0o644))
    with pytest.raises(OperatorError, match="everybody may read"):
        Secret(file=link).read({})


def test_a_systemd_credential_is_read_from_its_folder(tmp_path: Path) -> None:
    at(tmp_path)
    assert Secret(credential="secret").read({"CREDENTIALS_DIRECTORY": str(tmp_path)}) == WORD


def test_a_variable_of_the_environment_is_read() -> None:
    assert Secret(env="TOKEN").read({"TOKEN": f" {WORD} "}) == WORD


@pytest.mark.parametrize(
    ("secret", "environment", "words"),
    [
        (Secret(file=Path("/no/such")), {}, "/no/such"),
        (Secret(credential="tsig"), {}, "LoadCredential=tsig"),
        (Secret(credential="tsig"), {"CREDENTIALS_DIRECTORY": "/no/such"}, "credential tsig"),
        (Secret(env="TOKEN"), {}, "Set TOKEN"),
        (Secret(env="TOKEN"), {"TOKEN": " "}, "empty"),
        (Secret(file=Path("/")), {}, "directory"),
    ],
)
def test_what_is_not_there_is_said_with_what_helps(
    secret: Secret, environment: dict[str, str], words: str
) -> None:
    with pytest.raises(OperatorError) as caught:
        secret.read(environment)
    assert words in str(caught.value.fault)
    assert caught.value.fault.remedy


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="not UTF-8"):
        Secret(file=at(tmp_path, content=b"\xff\xfe")).read({})


def test_it_is_never_shown(tmp_path: Path) -> None:
    secret = Secret(file=at(tmp_path))
    assert secret.read({}) == WORD
    assert WORD not in f"{secret!r} {secret}"
