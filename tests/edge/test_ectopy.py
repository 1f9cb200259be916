from __future__ import annotations

import pytest

from edge.alarms.limits import AlarmLimits
from edge.ectopy import Ectopy
from edge.types import Beat, RPeak

FS = 250.0
LIMITS = AlarmLimits()


def _beat(n: int, aami: str, **more: object) -> Beat:
    at = round(n * 0.8 * FS)
    told: dict[str, object] = {"rr_s": 0.8, "final": True, "warming": False, "readable": True, **more}
    return Beat(n, RPeak(at, 1.0, 0.9), aami=aami, probs=(0.2,) * 5, sqi=1.0, at=at + 40, **told)  # type: ignore[arg-type]


def _played(labels: str) -> Ectopy:
    """Beats by letter; `~` is an unreadable one, `-` one after a gap."""
    ectopy = Ectopy(LIMITS)
    for n, letter in enumerate(labels):
        if letter in "~-":
            ectopy.push(_beat(n, "N", readable=letter != "~", rr_s=None if letter == "-" else 0.8))
        else:
            ectopy.push(_beat(n, letter))
    return ectopy


def _found(ectopy: Ectopy) -> set[str]:
    said = {
        "couplet": ectopy.couplet(),
        "run": ectopy.run(FS),
        "bigeminy": ectopy.bigeminy(),
        "trigeminy": ectopy.trigeminy(),
    }
    return {name for name, finding in said.items() if finding.cause}


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ("NNVVN", {"couplet"}),
        ("NNVV", set()),
        ("NNVVS", {"couplet"}),
        ("NNVN", set()),
        ("NNVVNN", set()),
        ("NNVVVN", {"run"}),
        ("NNVVV", set()),
        ("NNVVVV", set()),
        ("NNVVVVV", {"run"}),
        ("NNVVVVVVN", {"run"}),
        ("N~VVN", set()),
        ("NNVV~", set()),
        ("NNV~VN", set()),
        ("NNV-VN", set()),
        ("NNVVV~", set()),
        ("NVNVNV", {"bigeminy"}),
        ("NVNVNVN", {"bigeminy"}),
        ("NVNVNN", set()),
        ("NVNV~VNV", set()),
        ("NNVNNVNNV", {"trigeminy"}),
        ("NNVNNVNNVN", {"trigeminy"}),
        ("NNVNNVNNVNNN", set()),
        ("NNNNNNNNNNNN", set()),
    ],
)
def test_patterns_when_beats_follow_so_then_found(labels: str, expected: set[str]) -> None:
    assert _found(_played(labels)) == expected


def test_run_when_found_then_says_how_many_and_since_when() -> None:
    finding = _played("NNVVVVN").run(FS)
    assert finding.value == "4 ventricular beats in a row"
    assert finding.since_s == pytest.approx(4 * 0.8, abs=0.01)


def test_patterns_when_answers_are_early_or_warming_then_they_do_not_count() -> None:
    ectopy = _played("NN")
    for n in (2, 3):
        ectopy.push(_beat(n, "V", final=False))
        ectopy.push(_beat(n, "V", warming=True))
    ectopy.push(_beat(4, "N"))
    assert _found(ectopy) == set()


def test_patterns_when_noise_comes_between_then_begun_anew() -> None:
    ectopy = _played("NVNVN")
    ectopy.interrupt()
    ectopy.push(_beat(6, "V"))
    assert _found(ectopy) == set()


def test_pvc_rate_when_above_the_limit_then_found_until_well_below() -> None:
    ectopy, causes = Ectopy(LIMITS), []
    for n in range(400):
        ectopy.push(_beat(n, "V" if 100 <= n < 200 and n % 6 == 0 else "N"))
        causes.append(ectopy.pvc_rate(round(n * 0.8 * FS), FS).cause)
    first, last = causes.index(True), 399 - causes[::-1].index(True)
    assert first == 102 + 10 * 6  # the eleventh
    assert 198 + 75 - 8 * 6 <= last <= 198 + 75 - 6 * 6
    assert all(causes[first : last + 1])


def test_pvc_rate_when_the_beats_are_a_runs_then_they_count_for_the_run_alone() -> None:
    ectopy = _played("NN" + "V" * 30 + "N" + "VVN" * 5)
    assert ectopy.pvc_rate(round(48 * 0.8 * FS), FS).value.startswith("10 ventricular beats")
    ectopy.push(_beat(48, "V"))
    assert ectopy.pvc_rate(round(48 * 0.8 * FS), FS).cause


def test_reset_when_beats_were_seen_then_as_new() -> None:
    ectopy = _played("NNVV")
    ectopy.reset()
    ectopy.push(_beat(5, "N"))
    assert _found(ectopy) == set()
    assert not ectopy.pvc_rate(5000, FS).cause
