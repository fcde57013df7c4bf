"""Three nginx edges, and one of them broken in six ways: each has its code, by run and diagnose."""

import json
from typing import Any

import pytest
from parts import RUN, everleaf

from e2e import stage
from e2e.broken import ANOTHER, CERTIFICATE, HOST, WAYS, Way


def found_by_run(document: dict[str, Any]) -> tuple[str, str, str]:
    """Stage, code and address of the one thing that a run says is wrong."""
    (failed,) = [one for one in stage.stages(document, CERTIFICATE) if one["result"] == "failed"]
    fault = failed["fault"]
    if not fault["causes"]:
        return failed["stage"], fault["code"], ""
    (cause,) = fault["causes"]
    assert cause["words"]
    return failed["stage"], cause["code"], cause["address"]


def found_by_diagnose() -> tuple[str, str]:
    """Code and address of what `everleaf diagnose` says first."""
    done = everleaf(
        "diagnose", HOST, "--resolver", "10.77.0.3:8053", "--ca-file", str(RUN / "roots.pem"),
        "--expect", CERTIFICATE, "--json",
    )  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    first = json.loads(done.stdout)["findings"][0]
    (address,) = first["where"]
    return first["code"], address


@pytest.mark.parametrize(
    "way", [*WAYS.values(), ANOTHER], ids=[*WAYS, "wrong address, where another server answers"]
)
def test_what_is_wrong_with_one_of_three_edges_is_named_by_its_code(way: Way) -> None:
    stage.run()
    with way.broken() as document:
        failed, code, address = found_by_run(document)
        assert (failed, code) == (way.stage, way.by_run)
        assert found_by_diagnose() == (way.by_diagnose, way.address)
        if failed == "confirm":
            assert address == f"{way.address}:443"
            seen = {one["address"]: one["code"] for one in stage.status(CERTIFICATE)["addresses"]}
            others = {f"{one}:443" for one in way.others}
            assert seen == {address: code} | dict.fromkeys(others)
    stage.run()
    assert stage.status(CERTIFICATE)["state"] == "well"


def test_no_two_ways_have_the_same_code() -> None:
    assert len(WAYS) == 6
    for codes in (
        [one.by_run for one in WAYS.values()],
        [one.by_diagnose for one in WAYS.values()],
    ):
        assert len(set(codes)) == len(codes)


def test_three_edges_without_a_fault_are_healthy() -> None:
    stage.run()
    done = everleaf(
        "diagnose", HOST, "--resolver", "10.77.0.3:8053", "--ca-file", str(RUN / "roots.pem"),
        "--expect", CERTIFICATE, "--json",
    )  # fmt: skip
    document = json.loads(done.stdout)
    assert document["healthy"], document["sentence"]
    assert done.returncode == 0
