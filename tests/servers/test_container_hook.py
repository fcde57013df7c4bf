"""hooks/container against a real nginx in a container of a real Docker engine."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.certs import Authority, Live
from support.engine import Contained, Engine, started
from support.hooks import changed, hook
from support.loopback import until

NAME = "www.example.org"


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with started() as running:
        yield running


@pytest.fixture
def stopped(tmp_path: Path, engine: Engine, live: Live) -> Contained:
    return Contained(engine, tmp_path / "nginx", {NAME: live})


@pytest.fixture
def nginx(stopped: Contained) -> Iterator[Contained]:
    with stopped:
        yield stopped


def test_the_signal_switches_to_the_new_certificate(
    tmp_path: Path, nginx: Contained, live: Live
) -> None:
    old = live.pair.der
    live.switch(Authority().issue(NAME))
    done = hook(tmp_path, "container", "check", nginx.settings)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert nginx.leaf() == old
    done = hook(tmp_path, "container", "reload", {**nginx.settings, "wait": "0"})
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    nginx.serves(live.pair.der)
    assert nginx.reloads() == 1


def test_a_command_switches_to_the_new_certificate(
    tmp_path: Path, nginx: Contained, live: Live
) -> None:
    live.switch(Authority().issue(NAME))
    settings = {**nginx.settings, "exec": f"{nginx.nginx} -s reload", "user": "root"}
    done = hook(tmp_path, "container", "reload", settings)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    nginx.serves(live.pair.der)
    assert nginx.reloads() == 1


def test_a_test_that_fails_in_the_container_is_told_and_nothing_is_reloaded(
    tmp_path: Path, nginx: Contained, live: Live
) -> None:
    authority, old = Authority(), live.pair.der
    settings = {**nginx.settings, "check_exec": f"{nginx.nginx} -t"}
    assert hook(tmp_path, "container", "check", settings).returncode == 0
    live.switch(authority.issue(NAME).with_key(authority.issue(NAME).key))
    for verb in ("check", "reload"):
        done = hook(tmp_path, "container", verb, settings)
        assert done.returncode == 1
        assert "key values mismatch" in done.stderr
        assert "(exit status 1)" in done.stderr
        assert f"in the container {nginx.name} fails" in done.stderr
    assert nginx.reloads() == 0
    nginx.serves(old)
    live.switch(authority.issue(NAME))
    nginx.extra = "no_such_directive;"
    nginx.configure()
    done = hook(tmp_path, "container", "check", settings)
    assert 'unknown directive "no_such_directive"' in done.stderr


def test_a_key_that_does_not_match_is_refused_without_any_test_in_the_container(
    tmp_path: Path, nginx: Contained, live: Live
) -> None:
    authority, old = Authority(), live.pair.der
    live.switch(authority.issue(NAME).with_key(authority.issue(NAME).key))
    for verb in ("check", "reload"):
        done = hook(tmp_path, "container", verb, nginx.settings, [changed(NAME, live)])
        assert done.returncode == 1
        assert "key values mismatch" in done.stderr
    assert nginx.reloads() == 0
    nginx.serves(old)


def test_a_command_that_the_container_does_not_have_is_told(
    tmp_path: Path, nginx: Contained
) -> None:
    settings = {**nginx.settings, "exec": "no-such-command --reload"}
    done = hook(tmp_path, "container", "reload", settings)
    assert done.returncode == 1
    assert "`no-such-command --reload`" in done.stderr
    assert "executable file not found" in done.stderr


def test_a_container_that_ends_by_the_signal_is_a_failure(tmp_path: Path, nginx: Contained) -> None:
    settings = {**nginx.settings, "signal": "QUIT", "wait": "0.5"}
    done = hook(tmp_path, "container", "reload", settings)
    assert done.returncode == 1
    assert f"the container {nginx.name} does not run: it is exited, exit status 0" in done.stderr
    assert f"docker start {nginx.name}" in done.stderr


@pytest.mark.parametrize(
    "options",
    [
        ["--restart", "always"],
        ["--restart", "unless-stopped", "--stop-signal", "QUIT"],
        ["--restart", "on-failure", "--stop-signal", "SIGHUP"],
    ],
    ids=["without a stop signal", "unless-stopped", "the stop signal itself"],
)
def test_a_signal_that_would_turn_the_restart_policy_off_is_refused(
    tmp_path: Path, stopped: Contained, options: list[str]
) -> None:
    stopped.options = options
    with stopped as nginx:
        for verb in ("check", "reload"):
            done = hook(tmp_path, "container", verb, nginx.settings)
            assert done.returncode == 1
            assert f"no longer keep to its restart policy `{options[1]}`" in done.stderr
            assert "set `exec`" in done.stderr
        assert nginx.reloads() == 0
        settings = {**nginx.settings, "exec": f"{nginx.nginx} -s reload"}
        assert hook(tmp_path, "container", "check", settings).returncode == 0


def test_a_signal_through_the_engine_leaves_a_restart_policy_on_where_it_is_sent(
    tmp_path: Path, stopped: Contained, live: Live
) -> None:
    stopped.options = ["--restart", "always", "--stop-signal", "QUIT"]
    with stopped as nginx:
        live.switch(Authority().issue(NAME))
        settings = {**nginx.settings, "signal": "1", "wait": "0"}
        done = hook(tmp_path, "container", "reload", settings)
        assert (done.returncode, done.stderr) == (0, "")
        nginx.serves(live.pair.der)
        nginx.crash()
        until("it is started again", nginx.restarts)


def test_a_process_that_is_seen_is_signalled_without_the_engine(
    tmp_path: Path, stopped: Contained, live: Live, engine: Engine
) -> None:
    stopped.options = ["--restart", "unless-stopped"]
    with stopped as nginx:
        live.switch(Authority().issue(NAME))
        settings = {**nginx.settings, "wait": "0"}
        done = hook(tmp_path, "container", "reload", settings, prefix=engine.inside())
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        nginx.serves(live.pair.der)
        assert nginx.reloads() == 1
        nginx.crash()
        until("it is started again", nginx.restarts)


def test_a_container_that_comes_back_after_the_signal_is_no_failure(
    tmp_path: Path, stopped: Contained, live: Live, engine: Engine
) -> None:
    stopped.options = ["--restart", "always"]
    with stopped as nginx:
        live.switch(Authority().issue(NAME))
        settings = {**nginx.settings, "signal": "INT", "wait": "20"}
        done = hook(tmp_path, "container", "reload", settings, prefix=engine.inside())
        assert (done.returncode, done.stderr) == (0, "")
        assert "was started anew" in done.stdout
        nginx.serves(live.pair.der)


@pytest.mark.parametrize("verb", ["check", "reload"])
def test_a_container_that_does_not_run_is_a_failure(
    tmp_path: Path, nginx: Contained, verb: str
) -> None:
    nginx.engine.docker("pause", nginx.name)
    done = hook(tmp_path, "container", verb, nginx.settings)
    assert done.returncode == 1
    assert "does not run: it is paused" in done.stderr
    nginx.engine.docker("rm", "-f", nginx.name)
    done = hook(tmp_path, "container", verb, nginx.settings)
    assert done.returncode == 1
    assert f"the container engine refuses: No such container: {nginx.name}" in done.stderr


def test_a_signal_that_there_is_not_is_named(tmp_path: Path, nginx: Contained) -> None:
    done = hook(tmp_path, "container", "reload", {**nginx.settings, "signal": "SIGNAL"})
    assert done.returncode == 1
    assert "there is no signal 'SIGNAL'" in done.stderr


def test_without_an_engine_it_says_so(tmp_path: Path) -> None:
    settings = {"container": "web", "socket": f"unix://{tmp_path}/docker.sock"}
    done = hook(tmp_path, "container", "check", settings)
    assert done.returncode == 1
    assert f"does not answer at unix://{tmp_path}/docker.sock: No such file" in done.stderr
    done = hook(tmp_path, "container", "check", {})
    assert done.returncode == 1
    assert "set `container`" in done.stderr
