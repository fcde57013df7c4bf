"""External account binding: what is sent, and that the key is never shown."""

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from everleaf.ca.authority import AcmeAuthority
from everleaf.ca.binding import Binding
from everleaf.ca.jws import load, new_key
from everleaf.errors import AuthorityError, OperatorError
from everleaf.system.secrets import Secret
from support.faulty import Faulty, Reply, document, problem
from support.wire import MemoryAccounts, adapter

KEY = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"
NEW_ACCOUNT = "https://ca.test/new-account"
UNKNOWN = problem("accountDoesNotExist", 400)


@dataclass(slots=True)
class Kept:
    """A secret of the test's, which counts how often it is read."""

    text: str = field(default=KEY, repr=False)
    reads: int = 0

    def __str__(self) -> str:
        return "/etc/hmac"

    def read(self) -> str:
        self.reads += 1
        return self.text


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def parts(jws: dict[str, Any]) -> tuple[Any, Any]:
    return json.loads(decoded(jws["protected"])), json.loads(decoded(jws["payload"]))


def bound(
    server: Faulty, kept: Kept | None = None, accounts: MemoryAccounts | None = None
) -> AcmeAuthority:
    binding = Binding(kid="kid-1", hmac_key=kept or Kept())
    return adapter(server.directory, server.ca_file, accounts=accounts, binding=binding)


def account_answers(server: Faulty, *first: Reply) -> None:
    server.faults = [("/account", one) for one in first]


def sent(server: Faulty) -> list[Any]:
    return [one.payload for one in server.seen if one.path == "/account"]


@pytest.mark.rule("ACME-9")
@pytest.mark.parametrize("padding", ["", "=", "==", "\n"])
def test_the_binding_is_the_account_key_signed_with_the_outer_key(padding: str) -> None:
    signer = load(new_key())
    text = "c2VjcmV0LXNlY3JldA"
    jws: Any = Binding(kid="k-1", hmac_key=Kept(text + padding)).of(signer, NEW_ACCOUNT)
    protected, payload = parts(jws)
    assert protected == {"alg": "HS256", "kid": "k-1", "url": NEW_ACCOUNT}
    assert payload == signer.public
    assert "d" not in payload, "the private key stays here"
    signed = f"{jws['protected']}.{jws['payload']}".encode()
    mac = hmac.new(b"secret-secret", signed, hashlib.sha256).digest()
    assert decoded(jws["signature"]) == mac


@pytest.mark.parametrize("text", ["a+b/c1", "two words", "Zm9v*", "abcde", "", "ä" * 8, "'Zm9v'"])
def test_a_key_that_is_not_base64url_is_the_operators_fault_and_never_shown(text: str) -> None:
    with pytest.raises(OperatorError) as caught:
        Binding(kid="k", hmac_key=Kept(text)).of(load(new_key()), NEW_ACCOUNT)
    fault = caught.value.fault
    assert (fault.code, fault.where) == ("bad-hmac-key", "/etc/hmac")
    assert not text or text not in str(fault) + repr(caught.value)
    assert caught.value.__cause__ is None


def test_the_key_is_read_from_where_a_secret_stands(tmp_path: Path) -> None:
    path = tmp_path / "hmac"
    path.touch(0o600)
    path.write_text(KEY + "\n", "utf-8")
    binding = Binding(kid="k", hmac_key=Secret(file=path))
    assert binding.of(load(new_key()), NEW_ACCOUNT)["signature"]
    assert KEY not in repr(binding)


@pytest.mark.rule("ACME-9")
def test_a_new_account_is_bound_with_or_without_the_directorys_asking(server: Faulty) -> None:
    account_answers(server, UNKNOWN)
    assert bound(server).account() == server.url + "/me"
    first, second = sent(server)
    assert first == {"onlyReturnExisting": True}
    protected, payload = parts(second["externalAccountBinding"])
    assert (protected["kid"], protected["url"]) == ("kid-1", server.url + "/account")
    assert payload == server.seen[-1].protected["jwk"]
    assert second["termsOfServiceAgreed"] is True


@pytest.mark.rule("ACME-9")
def test_an_account_that_the_key_has_already_needs_no_binding(server: Faulty) -> None:
    kept = Kept()
    accounts = MemoryAccounts(new_key())
    assert bound(server, kept, accounts).account() == accounts.url == server.url + "/me"
    assert sent(server) == [{"onlyReturnExisting": True}]
    assert kept.reads == 0


def test_a_known_account_needs_no_binding_and_no_request(server: Faulty) -> None:
    kept = Kept()
    accounts = MemoryAccounts(new_key(), server.url + "/me")
    bound(server, kept, accounts).account()
    assert (kept.reads, server.seen) == (0, [])


@pytest.mark.rule("ACME-9")
@pytest.mark.parametrize("kind", ["unauthorized", "malformed", "externalAccountRequired"])
def test_a_binding_that_is_refused_is_said_in_the_authoritys_words_with_our_advice(
    server: Faulty, kind: str
) -> None:
    account_answers(server, UNKNOWN, problem(kind, 403, "this kid is not known"))
    with pytest.raises(OperatorError) as caught:
        bound(server).account()
    fault = caught.value.fault
    assert fault.code == "external-account-refused"
    assert "this kid is not known" in fault.what
    assert "'kid-1'" in fault.what
    assert "hmac_key" in fault.remedy
    assert KEY not in str(fault)


def test_an_account_that_was_deactivated_is_not_blamed_on_the_binding(server: Faulty) -> None:
    account_answers(server, problem("unauthorized", 403, "deactivated"))
    with pytest.raises(OperatorError) as caught:
        bound(server, accounts=MemoryAccounts(new_key())).account()
    assert caught.value.fault.code == "account-refused"


def test_a_limit_is_not_blamed_on_the_binding(server: Faulty) -> None:
    account_answers(server, UNKNOWN, problem("rateLimited", 429, "too many accounts"))
    with pytest.raises(AuthorityError, match="too many accounts") as caught:
        bound(server).account()
    assert caught.value.limited


@pytest.mark.rule("ACME-9")
def test_where_binding_is_asked_for_and_none_is_configured_the_remedy_says_how(
    server: Faulty,
) -> None:
    resources = json.loads(server.replies["/dir"].body)
    server.replies["/dir"] = document({**resources, "meta": {"externalAccountRequired": True}})
    server.replies["/account"] = UNKNOWN
    with pytest.raises(OperatorError) as caught:
        adapter(server.directory, server.ca_file).account()
    assert caught.value.fault.code == "external-account-required"
    line = 'external_account = { kid = "...", hmac_key = { file = "..." } }'
    assert line in caught.value.fault.remedy
