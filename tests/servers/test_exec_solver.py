"""Challenge hooks: what they are told, how they fail, certbot's as they are, and a real BIND."""

import shlex
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from everleaf.challenges.labels import value
from everleaf.challenges.registry import build
from everleaf.core.identifiers import parse
from everleaf.core.job import Trace
from everleaf.errors import EndOfTimeError, OperatorError
from everleaf.ports import Challenge, Solver, Status
from everleaf.system.clock import SystemClock
from everleaf.system.secrets import Secret
from support.bind import Bind, Key, Zone
from support.loopback import free, until

NAME = parse("a.test")
OWNER = "_acme-challenge.a.test."
KEY = Key()
RECORDS = """
import os, sys
import dns.query, dns.tsig, dns.update
update = dns.update.UpdateMessage(
    os.environ["EVERLEAF_ZONE"],
    keyring=dns.tsig.Key(os.environ["KEY_NAME"], os.environ["KEY_SECRET"]),
)
text = f'"{os.environ["EVERLEAF_VALUE"]}"'
if sys.argv[1:] == ["present"]:
    update.add(os.environ["EVERLEAF_OWNER"], 60, "TXT", text)
else:
    update.delete(os.environ["EVERLEAF_OWNER"], "TXT", text)
host, port = os.environ["EVERLEAF_SET_SERVER"].split(":")
answer = dns.query.tcp(update, host, port=int(port), timeout=10)
sys.exit(f"refused: {answer.rcode()}" if answer.rcode() else 0)
"""


def challenge(token: str, kind: str = "dns-01") -> Challenge:
    return Challenge(
        type=kind,
        url="https://ca.test/c",
        status=Status.PENDING,
        token=token,
        key_authorization=f"{token}.thumb",
        account="https://ca.test/acct/1",
    )


def script(path: Path, body: str, interpreter: str = "/bin/sh") -> Path:
    path.write_text(f"#!{interpreter}\n{body}\n", "utf-8")
    path.chmod(0o755)
    return path


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Bind]:
    at = free("127.0.0.1")
    aliases = ("_acme-challenge.www CNAME www.delegated",)
    zone = Zone("a.test", (f"grant {KEY.name} zonesub TXT",), aliases, (at,))
    with Bind(tmp_path / "bind", at, keys=[KEY], zones=[zone]) as one:
        yield one


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    return tmp_path / "calls"


@pytest.fixture
def teller(tmp_path: Path, calls: Path) -> Path:
    """A hook that writes down what it is told."""
    quoted = shlex.quote(str(calls))
    return script(tmp_path / "teller", f'{{ echo "-- $*"; env; }} >> {quoted}; echo done "$1"')


def told(calls: Path) -> list[tuple[str, dict[str, str]]]:
    found = []
    for block in calls.read_text("utf-8").split("-- ")[1:]:
        verb, *lines = block.splitlines()
        found.append((verb, dict(line.split("=", 1) for line in lines)))
    return found


def exec_solver(server: Bind, hook: Path, **more: object) -> Solver:
    settings = {"clock": SystemClock(), "resolver": [server.at], "nameservers": [server.at]}
    return build("exec", "hook", hook=hook, **{**settings, **more})


def present(
    solver: Solver, *tokens: str, kind: str = "dns-01", name: str = "a.test"
) -> list[Trace]:
    traces = [solver.trace(parse(name), challenge(token, kind)) for token in tokens]
    for trace, token in zip(traces, tokens, strict=True):
        solver.present(trace, challenge(token, kind))
    return traces


def test_a_hook_for_dns_is_told_owner_value_and_zone(
    server: Bind, teller: Path, calls: Path
) -> None:
    solver = exec_solver(server, teller)
    (trace,) = present(solver, "token", name="*.www.a.test")
    solver.remove(trace)
    (first, one), (second, other) = told(calls)
    assert (first, second) == ("present", "cleanup")
    expected = {
        "EVERLEAF_CHALLENGE": "dns-01",
        "EVERLEAF_IDENTIFIER": "www.a.test",
        "EVERLEAF_OWNER": "www.delegated.a.test.",
        "EVERLEAF_VALUE": value("token.thumb"),
        "EVERLEAF_ZONE": "a.test.",
        "CERTBOT_DOMAIN": "www.a.test",
        "CERTBOT_IDENTIFIER": "www.a.test",
        "CERTBOT_ALL_DOMAINS": "www.a.test",
        "CERTBOT_ALL_IDENTIFIERS": "www.a.test",
        "CERTBOT_REMAINING_CHALLENGES": "0",
        "CERTBOT_VALIDATION": value("token.thumb"),
    }
    ours = {key: text for key, text in one.items() if key.startswith(("EVERLEAF", "CERTBOT"))}
    assert ours == expected
    assert other == {**one, "CERTBOT_AUTH_OUTPUT": "done present"}


def test_nothing_else_of_the_environment_is_handed_over(
    server: Bind, teller: Path, calls: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOMEBODYS_PASSWORD", "open sesame")
    present(exec_solver(server, teller), "token")
    ((_, one),) = told(calls)
    others = {key for key in one if not key.startswith(("EVERLEAF_", "CERTBOT_"))}
    assert others - {"PWD", "SHLVL", "_"} == {"PATH", "LANG"}


def test_a_hook_for_http_is_told_token_path_and_key_authorization(
    server: Bind, teller: Path, calls: Path
) -> None:
    solver = exec_solver(server, teller, challenges=("http-01",))
    (trace,) = present(solver, "tok-en_1", kind="http-01", name="192.0.2.1")
    assert "thumb" not in repr(trace)
    solver.settle([(trace, challenge("tok-en_1", "http-01"))])
    solver.remove(trace)
    for _, one in told(calls):
        assert one["EVERLEAF_CHALLENGE"] == "http-01"
        assert one["EVERLEAF_TOKEN"] == one["CERTBOT_TOKEN"] == "tok-en_1"
        assert one["EVERLEAF_PATH"] == "/.well-known/acme-challenge/tok-en_1"
        assert one["EVERLEAF_KEY_AUTHORIZATION"] == one["CERTBOT_VALIDATION"] == "tok-en_1.thumb"
        assert one["CERTBOT_DOMAIN"] == "192.0.2.1"
        assert "EVERLEAF_OWNER" not in one


def test_a_hook_is_told_how_many_follow(server: Bind, teller: Path, calls: Path) -> None:
    solver = exec_solver(server, teller)
    traces = [
        solver.trace(parse(name), challenge(name)) for name in ("a.test", "b.a.test", "c.a.test")
    ]
    for trace in traces:
        solver.present(trace, challenge(trace.identifier))
    present(solver, "next")
    seen = [(one["CERTBOT_DOMAIN"], one["CERTBOT_REMAINING_CHALLENGES"]) for _, one in told(calls)]
    assert seen == [("a.test", "2"), ("b.a.test", "1"), ("c.a.test", "0"), ("a.test", "0")]
    everybody = [one["CERTBOT_ALL_DOMAINS"] for _, one in told(calls)]
    assert everybody == ["a.test,b.a.test,c.a.test"] * 3 + ["a.test"]


def test_certificates_side_by_side_are_counted_each_for_itself(
    server: Bind, teller: Path, calls: Path
) -> None:
    solver = exec_solver(server, teller)
    first = solver.trace(NAME, challenge("1"))
    other = threading.Thread(target=present, args=(solver, "2", "3"))
    other.start()
    other.join()
    solver.present(first, challenge("1"))
    counts = [one["CERTBOT_REMAINING_CHALLENGES"] for _, one in told(calls)]
    assert counts == ["1", "0", "0"]


def test_another_process_cleans_up_by_the_trace(server: Bind, teller: Path, calls: Path) -> None:
    (trace,) = present(exec_solver(server, teller), "token")
    exec_solver(server, teller).remove(trace)
    verb, one = told(calls)[-1]
    assert verb == "cleanup"
    assert (one["EVERLEAF_OWNER"], one["EVERLEAF_VALUE"]) == (OWNER, value("token.thumb"))
    assert one["EVERLEAF_ZONE"] == "a.test."
    assert one["CERTBOT_AUTH_OUTPUT"] == ""


def test_what_was_never_presented_is_not_cleaned_up(
    server: Bind, teller: Path, calls: Path
) -> None:
    solver = exec_solver(server, teller)
    solver.remove(solver.trace(NAME, challenge("token")))
    assert not calls.exists()
    exec_solver(server, teller).remove(
        Trace(solver="hook", identifier="a.test", place="nothing of ours at all")
    )
    assert not calls.exists()


def test_settings_and_secrets_are_handed_over(
    server: Bind, teller: Path, calls: Path, tmp_path: Path
) -> None:
    path = tmp_path / "token"
    path.touch(mode=0o600)
    path.write_text("s3cret\n", "utf-8")
    environment = {"API_TOKEN": Secret(file=path), "API_URL": "http://dns"}
    solver = exec_solver(server, teller, environment=environment, settings={"zone": "x"})
    present(solver, "token")
    ((_, one),) = told(calls)
    assert (one["API_TOKEN"], one["API_URL"]) == ("s3cret", "http://dns")
    assert one["EVERLEAF_SET_ZONE"] == "x"


def test_a_hook_that_fails_is_told_in_its_own_words_without_our_secrets(
    server: Bind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DNS_API_TOKEN", "s3 cret")
    hook = script(
        tmp_path / "hook", 'echo "no such zone"; echo "GET /?token=s3%20cret&t=$T" >&2; exit 7'
    )
    solver = exec_solver(server, hook, environment={"T": Secret(env="DNS_API_TOKEN")})
    with pytest.raises(
        OperatorError, match=r"the hook failed with status 7, for a\.test"
    ) as caught:
        present(solver, "token")
    fault = caught.value.fault
    assert fault.where == f"{hook} present"
    assert fault.words == ("no such zone", "GET /?token=***&t=***")


@pytest.mark.parametrize("body", [None, "exit 0"])
def test_a_hook_that_cannot_be_executed_is_told(
    server: Bind, tmp_path: Path, body: str | None
) -> None:
    hook = tmp_path / "hook"
    if body is not None:
        script(hook, body, "/no/such/interpreter")
    with pytest.raises(OperatorError, match="cannot be executed") as caught:
        present(exec_solver(server, hook), "token")
    assert caught.value.fault.code == "hook-missing"


def test_a_hook_that_takes_too_long_is_ended(server: Bind, tmp_path: Path) -> None:
    hook = script(tmp_path / "hook", "echo thinking; exec sleep 600")
    with pytest.raises(OperatorError, match=r"was ended after 0\.5 s") as caught:
        present(exec_solver(server, hook, limit=0.5), "token")
    assert caught.value.fault.words == ("thinking",)


def test_a_run_that_is_told_to_stop_ends_the_hook_and_cleans_up_all_the_same(
    server: Bind, tmp_path: Path
) -> None:
    begun, cleaned = tmp_path / "begun", tmp_path / "cleaned"
    hook = script(
        tmp_path / "hook",
        f'[ "$1" = cleanup ] && {{ sleep 0.5; touch {cleaned}; exit; }}\n'
        f"touch {begun}; exec sleep 600",
    )
    clock = SystemClock()
    solver = exec_solver(server, hook, clock=clock)
    trace = solver.trace(NAME, challenge("token"))

    def stop() -> None:
        until("the hook has begun", begun.exists)
        clock.stop()

    stopper = threading.Thread(target=stop)
    stopper.start()
    with pytest.raises(EndOfTimeError):
        solver.present(trace, challenge("token"))
    stopper.join()
    begun.unlink()
    with pytest.raises(EndOfTimeError):
        solver.present(trace, challenge("token"))
    assert not begun.exists()
    solver.remove(trace)
    assert cleaned.exists()


def test_a_pair_of_certbots_hooks_runs_as_it_is(server: Bind, tmp_path: Path) -> None:
    root = tmp_path / "html"
    root.mkdir()
    authenticator = script(
        tmp_path / "authenticator.sh",
        f"[ $# = 0 ] || exit 9\necho $CERTBOT_VALIDATION > {root}/$CERTBOT_TOKEN\necho made by $$",
        "/bin/bash",
    )
    cleanup = script(
        tmp_path / "cleanup.sh",
        f'set -eu\n[ $# = 0 ]\necho "$CERTBOT_AUTH_OUTPUT" > {root}/said\nrm {root}/$CERTBOT_TOKEN',
        "/bin/bash",
    )  # fmt: skip
    solver = exec_solver(server, authenticator, cleanup=cleanup, challenges=("http-01",))
    (trace,) = present(solver, "token", kind="http-01")
    assert (root / "token").read_text() == "token.thumb\n"
    solver.remove(trace)
    assert [path.name for path in root.iterdir()] == ["said"]
    assert (root / "said").read_text().startswith("made by ")


@pytest.fixture
def writer(tmp_path: Path) -> Path:
    """A hook that writes into the zone."""
    return script(tmp_path / "writer", RECORDS, sys.executable)


def settings(server: Bind) -> dict[str, object]:
    return {
        "settings": {"server": server.at},
        "environment": {"KEY_NAME": KEY.name, "KEY_SECRET": KEY.secret},
    }


def test_a_hook_answers_for_dns(server: Bind, writer: Path) -> None:
    solver = exec_solver(server, writer, **settings(server))
    traces = present(solver, "1", "2")
    solver.settle([(trace, challenge("")) for trace in traces])
    assert server.txt(OWNER) == sorted([value("1.thumb"), value("2.thumb")])
    for trace in traces:
        solver.remove(trace)
    assert server.txt(OWNER) == []


def test_a_hook_that_returns_early_is_waited_for(server: Bind, teller: Path) -> None:
    solver = exec_solver(server, teller)
    (trace,) = present(solver, "token")
    late = threading.Timer(0.3, server.add, (OWNER, value("token.thumb")))
    late.start()
    solver.settle([(trace, challenge("token"))])
    assert server.txt(OWNER) == [value("token.thumb")]
    late.join()


def test_waiting_has_an_end_and_can_be_turned_off(server: Bind, teller: Path) -> None:
    trace = exec_solver(server, teller).trace(NAME, challenge("token"))
    presented = [(trace, challenge("token"))]
    with pytest.raises(OperatorError, match="not every name server shows"):
        exec_solver(server, teller, timeout=0.2).settle(presented)
    exec_solver(server, teller, timeout=0.2, propagation=False).settle(presented)


def test_an_inspection_looks_for_hook_and_zone(server: Bind, teller: Path, tmp_path: Path) -> None:
    assert exec_solver(server, teller).inspect([NAME, parse("192.0.2.1")]) == ()
    (unknown,) = exec_solver(server, teller).inspect([parse("b.test")])
    assert unknown.identifier == "b.test"
    assert unknown.code == "dns-lookup-failed"
    teller.chmod(0o644)
    gone = tmp_path / "gone"
    found = exec_solver(server, teller, cleanup=gone).inspect([NAME])
    assert [one.code for one in found] == ["hook-missing", "hook-missing"]
    assert str(teller) in found[0].what
    assert str(gone) in found[1].what
