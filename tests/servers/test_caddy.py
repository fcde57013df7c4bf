"""hooks/caddy against a real Caddy."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.certs import Authority, Live
from support.daemons import Caddy
from support.hooks import changed, hook
from support.loopback import free, served, switched, written

NAME = "www.example.org"


@pytest.fixture
def stopped(tmp_path: Path, live: Live) -> Caddy:
    return Caddy(tmp_path / "caddy", free(), free(), [(NAME, live)])


@pytest.fixture
def caddy(stopped: Caddy) -> Iterator[Caddy]:
    with stopped:
        yield stopped


def test_check_passes_and_changes_nothing(tmp_path: Path, caddy: Caddy) -> None:
    done = hook(tmp_path, "caddy", "check", caddy.settings)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert caddy.reloads() == 0


def test_reload_serves_the_new_certificate_although_the_configuration_is_the_same(
    tmp_path: Path, caddy: Caddy, live: Live, authority: Authority
) -> None:
    fresh = authority.issue(NAME)
    live.switch(fresh)
    subprocess.run(
        [caddy.binary, "reload", "--config", caddy.config], check=True, capture_output=True
    )
    assert served(*caddy.addresses[0], NAME) != fresh.chain, "Caddy does without force"
    before = caddy.reloads()
    done = hook(tmp_path, "caddy", "reload", caddy.settings)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert caddy.reloads() == before + 1
    assert served(*caddy.addresses[0], NAME) == fresh.chain


@pytest.mark.parametrize("verb", ["check", "reload"])
def test_a_key_that_does_not_match_is_refused_and_the_old_certificate_served(
    tmp_path: Path, caddy: Caddy, live: Live, authority: Authority, verb: str
) -> None:
    old = live.pair.der
    live.switch(authority.issue(NAME).with_key(authority.issue(NAME).key))
    done = hook(tmp_path, "caddy", verb, caddy.settings)
    assert done.returncode == 1
    assert "private key does not match public key" in done.stderr
    assert len(done.stderr.splitlines()) == 2
    assert '"' not in done.stderr
    switched(caddy.addresses[0], NAME, old)


@pytest.mark.parametrize("verb", ["check", "reload"])
def test_a_broken_configuration_is_refused_and_the_old_certificate_served(
    tmp_path: Path, caddy: Caddy, live: Live, authority: Authority, verb: str
) -> None:
    old = live.pair.der
    live.switch(authority.issue(NAME))
    caddy.extra = "no_such_directive"
    caddy.configure()
    done = hook(tmp_path, "caddy", verb, caddy.settings)
    assert done.returncode == 1
    assert "unrecognized directive: no_such_directive" in done.stderr
    switched(caddy.addresses[0], NAME, old)


def test_a_pair_that_only_the_change_names_is_tested_as_well(
    tmp_path: Path, caddy: Caddy, authority: Authority
) -> None:
    other = Live(tmp_path / "other")
    other.switch(authority.issue(NAME).with_key(authority.issue(NAME).key))
    done = hook(tmp_path, "caddy", "check", caddy.settings, [changed(NAME, other)])
    assert done.returncode == 1
    assert f"{other.path}/fullchain.pem" in done.stderr


def test_the_admin_address_and_the_adapter_can_be_named(
    tmp_path: Path, caddy: Caddy, live: Live, authority: Authority
) -> None:
    host, port = caddy.addresses[1]
    moved = tmp_path / "site.conf"
    moved.write_text(caddy.config.read_text("utf-8"), "utf-8")
    settings = {**caddy.settings, "config": str(moved)}
    assert hook(tmp_path, "caddy", "check", settings).returncode == 1
    settings["adapter"] = "caddyfile"
    assert hook(tmp_path, "caddy", "check", settings).returncode == 0
    live.switch(authority.issue(NAME))
    elsewhere = {**settings, "address": written(free(host))}
    done = hook(tmp_path, "caddy", "reload", elsewhere)
    assert done.returncode == 1
    assert "set `address`" in done.stderr
    done = hook(tmp_path, "caddy", "reload", {**settings, "address": f"{host}:{port}"})
    assert (done.returncode, done.stderr) == (0, "")
    assert served(*caddy.addresses[0], NAME) == live.pair.chain


def test_reload_of_a_server_that_does_not_run_fails_in_words(
    tmp_path: Path, stopped: Caddy
) -> None:
    stopped.configure()
    assert hook(tmp_path, "caddy", "check", stopped.settings).returncode == 0
    done = hook(tmp_path, "caddy", "reload", stopped.settings)
    assert done.returncode == 1
    assert "connection refused" in done.stderr
    assert "Caddy does not run" in done.stderr


def test_what_the_configuration_takes_from_the_environment_can_be_set(
    tmp_path: Path, stopped: Caddy
) -> None:
    stopped.extra = "{$DIRECTIVE}"
    stopped.configure()
    for directive, status in (("file_server", 0), ("no_such_directive", 1)):
        more = f"{stopped.settings['environment']} DIRECTIVE={directive}"
        done = hook(tmp_path, "caddy", "check", {**stopped.settings, "environment": more})
        assert done.returncode == status, done.stderr
