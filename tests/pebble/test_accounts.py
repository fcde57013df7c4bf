"""Accounts on a real Pebble: bound, updated, rolled over through every loss, deactivated."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from everleaf.ca.authority import AcmeAuthority
from everleaf.ca.binding import Binding
from everleaf.ca.jws import load
from everleaf.challenges.listener import HttpListener
from everleaf.core.identifiers import parse
from everleaf.demo.authority import LocalAuthority
from everleaf.errors import OperatorError, UnreachableError
from everleaf.ports import Status
from everleaf.store.accounts import AccountFiles
from everleaf.system.secrets import Secret
from support.faulty import Fault, Faulty, document, faulty
from support.loopback import free
from support.pebble import issue, listener, pebble
from support.wire import MemoryAccounts, adapter

KEY = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"
OTHER_KEY = "b10lLJs8l1GPIzsLP0s6pMt8O0XVGnfTaCeROxQM0BIt2XrJMDHJZBM5NuQmQJQH"
ROLL_OVER, NEW_ACCOUNT, ACCOUNT = "/rollover-account-key", "/sign-me-up", "/my-account/"
OPTIONS = {"externalAccountMACKeys": {"kid-1": KEY, "kid-2": OTHER_KEY}}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAuthority]:
    """Binds where it is asked to; refuses no good nonce."""
    with pebble(tmp_path_factory.mktemp("pebble"), options=OPTIONS) as one:
        yield one


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAuthority]:
    """Opens no account that is not bound to an outside one."""
    options = {**OPTIONS, "externalAccountBindingRequired": True}
    with pebble(tmp_path_factory.mktemp("strict"), options=options) as one:
        yield one


@pytest.fixture
def name() -> str:
    return f"n{free()[0].replace('.', '-')}.test"


@pytest.fixture
def web(running: LocalAuthority, name: str) -> HttpListener:
    return listener(running, name)


@pytest.fixture
def files(running: LocalAuthority, tmp_path: Path) -> AccountFiles:
    return AccountFiles(tmp_path, "pebble", running.directory)


@pytest.fixture
def between(running: LocalAuthority, tmp_path: Path) -> Iterator[Faulty]:
    with faulty(tmp_path / "between", running.directory, running.ca_file) as one:
        yield one


def at(there: LocalAuthority | Faulty, files: AccountFiles | MemoryAccounts) -> AcmeAuthority:
    """The adapter of a new process."""
    return adapter(there.directory, there.ca_file, accounts=files)


def with_meta(between: Faulty, **meta: object) -> None:
    """Let the directory say something else about itself."""
    look = adapter(between.directory, between.ca_file)._session.get(between.directory, "look")
    between.replies["/dir"] = document({**look.document("look"), "meta": meta})


def thumbprint(files: AccountFiles) -> str:
    return load(files.load()[0] or b"").thumbprint


# -- external account binding ----------------------------------------------------------------------


def bound(running: LocalAuthority, tmp_path: Path, kid: str, key: str) -> AcmeAuthority:
    path = tmp_path / "hmac"
    path.touch(0o600)
    path.write_text(key, "utf-8")
    binding = Binding(kid=kid, hmac_key=Secret(file=path))
    return adapter(running.directory, running.ca_file, binding=binding)


@pytest.mark.rule("ACME-9")
def test_acme_9_an_account_is_opened_where_it_must_be_bound(
    strict: LocalAuthority, tmp_path: Path, name: str
) -> None:
    one = bound(strict, tmp_path, "kid-1", KEY)
    assert one.accounts.facts().status == "valid"
    assert one.new_order([parse(name)], None).status is Status.PENDING
    log = strict.log.read_text("utf-8")
    assert 'Successful newAccount Binding with CA using kid "kid-1"' in log


@pytest.mark.rule("ACME-9")
def test_acme_9_an_account_is_bound_where_it_may_be(
    running: LocalAuthority, tmp_path: Path
) -> None:
    assert bound(running, tmp_path, "kid-2", OTHER_KEY).account()
    assert 'kid "kid-2"' in running.log.read_text("utf-8")


@pytest.mark.rule("ACME-9")
@pytest.mark.parametrize(
    ("kid", "key", "words"),
    [
        ("kid-9", KEY, "references a key that is not known to the ACME server"),
        ("kid-1", OTHER_KEY, "external account binding JWS verification error"),
    ],
    ids=["unknown kid", "wrong HMAC key"],
)
def test_acme_9_a_binding_that_is_refused_comes_in_pebbles_words_with_our_advice(
    strict: LocalAuthority, tmp_path: Path, kid: str, key: str, words: str
) -> None:
    with pytest.raises(OperatorError, match=words) as caught:
        bound(strict, tmp_path, kid, key).account()
    fault = caught.value.fault
    assert fault.code == "external-account-refused"
    assert "`kid` and `hmac_key`" in fault.remedy
    assert key not in str(caught.value)


@pytest.mark.rule("ACME-9")
def test_acme_9_without_a_binding_the_remedy_says_how_to_configure_one(
    strict: LocalAuthority,
) -> None:
    with pytest.raises(OperatorError) as caught:
        adapter(strict.directory, strict.ca_file).account()
    assert caught.value.fault.code == "external-account-required"
    assert "external_account = {" in caught.value.fault.remedy


# -- the account -----------------------------------------------------------------------------------


@pytest.mark.rule("ACME-9")
def test_acme_9_the_contact_is_brought_to_what_is_configured(
    running: LocalAuthority, files: AccountFiles
) -> None:
    for contact in [("mailto:a@example.org",), ("mailto:b@example.org", "mailto:c@x.test"), ()]:
        one = adapter(running.directory, running.ca_file, accounts=files, contact=contact)
        assert one.accounts.update().contact == contact
        assert one.accounts.facts().contact == contact


def test_a_contact_that_pebble_does_not_take_is_refused_in_its_words(
    running: LocalAuthority, files: AccountFiles
) -> None:
    at(running, files).account()
    one = adapter(running.directory, running.ca_file, accounts=files, contact=("tel:+49",))
    with pytest.raises(OperatorError, match='contact method "tel" is not supported'):
        one.accounts.update()


@pytest.mark.rule("ACME-8")
def test_acme_8_changed_terms_are_reported_until_they_are_agreed_to_again(
    files: AccountFiles, between: Faulty
) -> None:
    first = at(between, files).accounts.facts()
    assert first.terms == first.agreed == files.terms() != ""
    with_meta(between, termsOfService="https://pebble.test/terms/2")
    one = at(between, files).accounts
    assert one.new_terms() == "https://pebble.test/terms/2"
    assert one.update().agreed == "https://pebble.test/terms/2"
    assert one.new_terms() == ""


@pytest.mark.rule("ACME-9")
def test_acme_9_a_deactivated_account_is_kept_aside_and_another_is_opened(
    running: LocalAuthority, files: AccountFiles, tmp_path: Path
) -> None:
    one = at(running, files)
    first, key = one.account(), files.load()[0]
    one.accounts.deactivate()
    (aside,) = (tmp_path / "accounts" / "pebble").iterdir()
    assert ".deactivated-" in aside.name
    assert (aside / "key.pem").read_bytes() == key
    with pytest.raises(OperatorError, match="deactivated"):
        at(running, MemoryAccounts(key)).account()
    second = one.account()
    assert second == at(running, files).account() != first


@pytest.mark.rule("ACME-9")
@pytest.mark.parametrize("fault", [Fault.LOST_ANSWER, Fault.HALF_AN_ANSWER])
def test_acme_9_a_deactivation_whose_answer_is_lost_is_found_to_be_done(
    between: Faulty, files: AccountFiles, fault: Fault
) -> None:
    one = at(between, files)
    one.account()
    between.faults = [(ACCOUNT, fault)]
    one.accounts.deactivate()
    assert files.load() == (None, None)


# -- key roll-over ---------------------------------------------------------------------------------


@pytest.mark.rule("ACME-9")
def test_acme_9_a_rolled_over_key_stands_for_the_same_account(
    running: LocalAuthority, files: AccountFiles, web: HttpListener, name: str
) -> None:
    one = at(running, files)
    before, old = one.accounts.facts(), files.load()[0]
    after = one.accounts.roll_over()
    assert after.url == before.url
    assert after.thumbprint == thumbprint(files) != before.thumbprint
    assert files.next_key() is None
    assert len(issue(one, web, name).chain) == 2
    assert at(running, files).accounts.facts() == after
    assert at(running, MemoryAccounts(old)).account() != before.url, "the old key is free again"


class _Killed(BaseException):
    """What a kill looks like from within."""


class _KilledFiles(AccountFiles):
    """Files of a process that is killed before the new key takes the old one's place."""

    def take_next_key(self) -> None:
        raise _Killed


@pytest.mark.rule("ACME-9")
def test_acme_9_killed_after_pebbles_yes_the_next_run_goes_on_with_the_new_key(
    running: LocalAuthority, files: AccountFiles, tmp_path: Path
) -> None:
    before = at(running, files).accounts.facts()
    with pytest.raises(_Killed):
        at(running, _KilledFiles(tmp_path, "pebble", running.directory)).accounts.roll_over()
    assert thumbprint(files) == before.thumbprint
    after = at(running, files).accounts.facts()
    assert (after.url, after.thumbprint) == (before.url, thumbprint(files))
    assert after.thumbprint != before.thumbprint
    assert files.next_key() is None


@pytest.mark.rule("ACME-9")
def test_acme_9_killed_before_anything_was_sent_the_next_run_goes_on_with_the_old_key(
    running: LocalAuthority, files: AccountFiles
) -> None:
    one = at(running, files)
    before = one.accounts.facts()
    files.save_next_key(one._account.signer().another_key())
    assert at(running, files).accounts.facts() == before
    assert files.next_key() is None


@pytest.mark.rule("ACME-9")
def test_acme_9_a_roll_over_whose_answer_is_lost_is_found_to_be_done(
    between: Faulty, files: AccountFiles
) -> None:
    one = at(between, files)
    before = one.accounts.facts()
    between.faults = [(ROLL_OVER, Fault.LOST_ANSWER)]
    after = one.accounts.roll_over()
    assert after.url == before.url
    assert after.thumbprint == thumbprint(files) != before.thumbprint


@pytest.mark.rule("ACME-9")
@pytest.mark.parametrize(
    ("fault", "changed"), [(Fault.LOST_ANSWER, True), (Fault.LOST_REQUEST, False)]
)
def test_acme_9_where_the_line_stays_dead_the_next_run_finds_out_whose_key_it_is(
    between: Faulty, files: AccountFiles, fault: Fault, changed: bool
) -> None:
    one = at(between, files)
    before = one.accounts.facts()
    between.faults = [(ROLL_OVER, fault), *[(NEW_ACCOUNT, Fault.LOST_REQUEST)] * 8]
    with pytest.raises(UnreachableError):
        one.accounts.roll_over()
    assert thumbprint(files) == before.thumbprint
    assert files.next_key() is not None
    between.faults = []
    after = at(between, files).accounts.facts()
    assert after.url == before.url
    assert (after.thumbprint != before.thumbprint) is changed
    assert after.thumbprint == thumbprint(files)
    assert files.next_key() is None
    assert at(between, files).accounts.roll_over().url == before.url
