"""examples/hooks/acme-sh-dns with a plug-in in acme.sh's form."""

from pathlib import Path

import pytest

from everleaf.challenges.calling import Hooks
from everleaf.challenges.told import Told
from everleaf.errors import OperatorError
from everleaf.system.clock import SystemClock

HOOK = Path(__file__).parents[2] / "examples" / "hooks" / "acme-sh-dns"
TOLD = Told(
    kind="dns-01",
    identifier="a.test",
    owner="_acme-challenge.a.test.",
    value="v-al_ue",
    zone="a.test.",
)
# As acme.sh has them: functions, and a last line that carries out the arguments.
PROGRAM = """#!/usr/bin/env sh
_err() { printf "%s\\n" "$@" >&2; return 1; }
_initpath() { ACCOUNT_CONF_PATH="$LE_CONFIG_HOME/account.conf"; }
_saveaccountconf_mutable() { printf "SAVED_%s='%s'\\n" "$1" "$2" >>"$ACCOUNT_CONF_PATH"; }
showhelp() { echo "Usage: acme.sh <command>"; }
_startswith() { case "$1" in "$2"*) return 0 ;; esac; return 1; }
_process() { echo "certificates are somebody else's" >&2; exit 9; }
main() {
  [ -z "$1" ] && showhelp && return
  if _startswith "$1" '-'; then _process "$@"; else "$@"; fi
}

main "$@"
"""
PLUGIN = """#!/usr/bin/env sh
dns_fake_add() {
  fulldomain=$1
  txtvalue=$2
  if [ -z "$Fake_Token" ]; then _err "You didn't specify Fake_Token."; return 1; fi
  _saveaccountconf_mutable Fake_Token "$Fake_Token"
  echo "add $fulldomain $txtvalue" >>"$LE_CONFIG_HOME/zone"
}
dns_fake_rm() { echo "rm $1 $2" >>"$LE_CONFIG_HOME/zone"; }
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    path = tmp_path / "acme sh"
    (path / "dnsapi").mkdir(parents=True)
    (path / "acme.sh").write_text(PROGRAM, "utf-8")
    (path / "dnsapi" / "dns_fake.sh").write_text(PLUGIN, "utf-8")
    return path


def hooks(home: Path, plugin: str = "dns_fake", **environment: str) -> Hooks:
    settings = {"plugin": plugin, "home": str(home)}
    return Hooks(HOOK, None, SystemClock(), settings=settings, environment=environment)


def test_the_plug_in_adds_and_removes_the_record(home: Path) -> None:
    one = hooks(home, Fake_Token="secret")
    assert one.present(TOLD) == ""
    one.cleanup(TOLD)
    assert (home / "zone").read_text("utf-8").splitlines() == [
        "add _acme-challenge.a.test v-al_ue",
        "rm _acme-challenge.a.test v-al_ue",
    ]
    assert (home / "account.conf").read_text("utf-8") == "SAVED_Fake_Token='secret'\n"


def test_what_the_plug_in_says_is_told(home: Path) -> None:
    with pytest.raises(OperatorError) as caught:
        hooks(home).present(TOLD)
    assert caught.value.fault.words == ("You didn't specify Fake_Token.",)


def test_another_folder_may_keep_what_it_keeps(home: Path, tmp_path: Path) -> None:
    settings = {"plugin": "dns_fake", "home": str(home), "config_home": str(tmp_path)}
    environment = {"Fake_Token": "secret"}
    Hooks(HOOK, None, SystemClock(), settings=settings, environment=environment).present(TOLD)
    assert sorted(path.name for path in home.iterdir()) == ["acme.sh", "dnsapi"]
    assert (tmp_path / "zone").exists()


@pytest.mark.parametrize(
    ("plugin", "why"),
    [
        ("", "set plugin to the name of a plug-in"),
        ("dns_nobody", "there is no "),
    ],
)
def test_a_plug_in_that_is_not_there_is_named(home: Path, plugin: str, why: str) -> None:
    with pytest.raises(OperatorError) as caught:
        hooks(home, plugin).present(TOLD)
    assert caught.value.fault.words[0].startswith(f"acme-sh-dns: {why}")
