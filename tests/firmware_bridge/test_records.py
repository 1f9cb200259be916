"""Records: what the file says in mV, the right lead, and one readable line for every broken file."""

from __future__ import annotations

import builtins
from pathlib import Path

import numpy as np
import pytest

from firmware_bridge.records import Record, RecordSource, open_record
from firmware_bridge.types import BadInput

wfdb = pytest.importorskip("wfdb")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the record 'two': 1000 samples at 360 Hz, leads V5 and MLII, 200 units per mV."""
    t = np.arange(1000)
    adu = np.stack([t % 400 - 200, 300 - t % 500], axis=1)
    wfdb.wrsamp(
        "two",
        fs=360,
        units=["mV", "mV"],
        sig_name=["V5", "MLII"],
        d_signal=adu,
        fmt=["212", "212"],
        adc_gain=[200.0, 200.0],
        baseline=[0, 0],
        write_dir=str(tmp_path),
    )
    return tmp_path


def test_open_when_no_lead_is_given_then_mlii_is_taken(folder: Path) -> None:
    record = open_record(folder / "two")
    assert (record.name, record.fs, record.leads) == ("two", 360.0, ("MLII",))
    assert record.mv.dtype == np.float32
    assert record.mv.shape == (1000, 1)
    assert np.allclose(record.mv[:, 0], (300 - np.arange(1000) % 500) / 200)


@pytest.mark.parametrize(
    ("lead", "leads"), [("V5", ("V5",)), (0, ("V5",)), ("1", ("MLII",)), ("all", ("V5", "MLII"))]
)
def test_open_when_a_lead_is_named_or_numbered_then_it_is_taken(
    folder: Path, lead: str | int, leads: tuple[str, ...]
) -> None:
    assert open_record(folder / "two", lead).leads == leads


def test_open_when_extension_is_given_then_it_is_the_same(folder: Path) -> None:
    assert np.array_equal(open_record(f"{folder}/two.hea").mv, open_record(folder / "two").mv)


def test_open_when_below_the_data_folder_then_it_is_found(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEARTWIRE_DATA", str(folder.parent))
    assert open_record(f"{folder.name}/two").name == "two"


def broken(folder: Path, kind: str) -> None:
    header, signal = folder / "two.hea", folder / "two.dat"
    if kind == "no header":
        header.unlink()
    elif kind == "no signal":
        signal.unlink()
    elif kind == "truncated":
        signal.write_bytes(signal.read_bytes()[:1000])
    elif kind == "foreign":
        header.write_text("hello world\n")
    elif kind == "empty":
        header.write_text("")
    elif kind == "binary":
        header.write_bytes(bytes(range(256)))
    elif kind == "format":
        header.write_text(header.read_text().replace("212", "999"))
    elif kind == "unit":
        header.write_text(header.read_text().replace("/mV", "/mmHg"))


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("no header", "not found: there is no"),
        ("no signal", "signal file two.dat is missing"),
        ("truncated", "is truncated: two.dat has 1000 bytes, its header promises 3000"),
        ("foreign", "cannot be read as WFDB"),
        ("empty", "cannot be read as WFDB"),
        ("binary", "cannot be read as WFDB"),
        ("format", "cannot be read as WFDB"),
        ("unit", "is in 'mmHg', expected a voltage (mV)"),
    ],
)
def test_open_when_the_record_is_broken_then_one_line_says_how(folder: Path, kind: str, said: str) -> None:
    broken(folder, kind)
    with pytest.raises(BadInput) as caught:
        open_record(folder / "two")
    assert said in str(caught.value)
    assert "two" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("lead", ["aVF", 2, -1, "7"])
def test_open_when_the_lead_is_unknown_then_the_known_are_listed(folder: Path, lead: str | int) -> None:
    with pytest.raises(BadInput, match="use one of V5, MLII, or 0 to 1"):
        open_record(folder / "two", lead)


def test_open_when_wfdb_is_missing_then_it_says_what_to_install(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def refuse(name: str, *args: object, **kwargs: object) -> object:
        if name == "wfdb":
            raise ImportError(name)
        return real(name, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(BadInput, match=r"pip install 'heartwire\[demo\]'"):
        open_record(folder / "two")


def test_source_when_read_in_parts_then_it_is_the_record_and_then_nothing(folder: Path) -> None:
    record = open_record(folder / "two")
    source = RecordSource(record)
    parts = [source.read(n).mv for n in (0, 1, 399, 400, 400, 400)]
    assert [part.shape[0] for part in parts] == [0, 1, 399, 400, 200, 0]
    assert np.array_equal(np.concatenate(parts), record.mv)


def test_source_when_looped_then_it_never_ends(folder: Path) -> None:
    record = open_record(folder / "two")
    mv = RecordSource(record, start_s=1.0, loop=True).read(2500).mv
    assert np.array_equal(mv, np.concatenate((record.mv[360:], record.mv, record.mv[:860])))


def test_source_when_start_is_behind_the_end_then_it_says_so(folder: Path) -> None:
    with pytest.raises(BadInput, match=r"start is 3 s: record two has 2\.77778 s"):
        RecordSource(open_record(folder / "two"), start_s=3)


def test_resampled_when_the_rate_differs_then_a_slow_wave_is_kept() -> None:
    t = np.arange(3600) / 360
    mv = np.stack([np.sin(2 * np.pi * 5 * t), np.cos(2 * np.pi * 3 * t)], axis=1).astype(np.float32)
    slow = Record("x", 360.0, ("I", "II"), mv).resampled(125.0)
    at = np.arange(slow.mv.shape[0]) / 125
    assert slow.fs == 125.0
    assert slow.mv.shape == (1250, 2)
    middle = slice(30, -30)
    assert np.abs(slow.mv[middle, 0] - np.sin(2 * np.pi * 5 * at)[middle]).max() < 0.01
    assert np.abs(slow.mv[middle, 1] - np.cos(2 * np.pi * 3 * at)[middle]).max() < 0.01


def test_resampled_when_samples_are_missing_then_only_those_are_missing() -> None:
    mv = np.ones((360, 1), np.float32)
    mv[100:120] = np.nan
    fast = Record("x", 360.0, ("I",), mv).resampled(720.0).mv[:, 0]
    assert np.isnan(fast[202:238]).all()
    assert np.isfinite(fast[:199]).all()
    assert np.isfinite(fast[241:]).all()
