from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from firmware_bridge.types import BadInput
from train import databases
from train.databases import Span

wfdb = pytest.importorskip("wfdb")
FS, N = 360.0, 3600


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A small 'mitdb' with record 114: V5 and MLII, beats, a rhythm change, VF, noise, an ADC gap."""
    folder = tmp_path / "mitdb"
    folder.mkdir()
    t = np.arange(N) / FS
    signals = np.stack([np.sin(t), 2.0 * np.cos(t)], axis=1)
    signals[100, 0] = np.nan
    wfdb.wrsamp(
        "114", fs=FS, units=["mV", "mV"], sig_name=["V5", "MLII"], p_signal=signals, fmt=["212", "212"],
        adc_gain=[200.0, 200.0], baseline=[0, 0], write_dir=str(folder),
    )  # fmt: skip
    labels = [
        (18, "+", 0, "(N\0"),
        (70, "N", 0, ""),
        (400, "A", 0, ""),
        (900, "~", -1, ""),
        (1000, "~", 0, ""),
        (1200, "+", 0, "(AFIB"),
        (1300, "V", 0, ""),
        (2000, "[", 0, ""),
        (2100, "!", 0, ""),
        (2500, "]", 0, ""),
        (3000, "+", 0, "(VFL\0"),
    ]
    sample, symbol, subtype, note = zip(*labels, strict=True)
    wfdb.wrann(
        "114", "atr", np.array(sample), list(symbol), subtype=np.array(subtype), aux_note=list(note),
        write_dir=str(folder),
    )  # fmt: skip
    return tmp_path


def test_load_when_record_is_whole_then_signal_and_labels_are_there(root: Path) -> None:
    record = databases.load("mitdb", "114", root)
    assert (record.fs, record.mv.shape, record.mv.dtype) == (FS, (N, 2), np.float32)
    assert record.leads == ("V5", "MLII")
    assert record.first_lead == 1
    assert record.mv[0, 1] == pytest.approx(2.0)
    assert np.isnan(record.mv[100, 0])
    assert record.beats.tolist() == [70, 400, 1300]
    assert record.symbols == ("N", "A", "V")
    assert record.aami == ("N", "S", "V")
    assert record.rhythms == (Span("N", 18, 1200), Span("AFIB", 1200, 3000), Span("VFL", 3000, N))
    assert record.vf == (Span("VF", 2000, 2500), Span("VF", 3000, N))
    assert record.noise == (Span("~", 900, 1000),)


def test_load_when_lead_is_not_mlii_then_the_first_counts() -> None:
    empty = np.zeros((1, 2), np.float32)
    none = np.zeros(0, np.int64)
    record = databases.Record("svdb", "800", 128.0, empty, ("ECG1", "ECG2"), none, (), (), (), ())
    assert record.first_lead == 0
    assert record.person == "svdb/800"


def test_load_when_vf_has_no_end_then_it_lasts_to_the_end(root: Path) -> None:
    wfdb.wrann("114", "atr", np.array([70, 2000]), ["N", "["], write_dir=str(root / "mitdb"))
    assert databases.load("mitdb", "114", root).vf == (Span("VF", 2000, N),)


def test_load_when_record_is_missing_then_one_line_says_what_to_do(root: Path) -> None:
    with pytest.raises(BadInput, match=r"mitdb/100' not found: there is no .*mitdb/100\.hea") as caught:
        databases.load("mitdb", "100", root)
    assert "\n" not in str(caught.value)


def test_load_when_labels_are_missing_then_one_line_says_so(root: Path) -> None:
    (root / "mitdb" / "114.atr").unlink()
    with pytest.raises(BadInput, match=r"no labels .*114\.atr"):
        databases.load("mitdb", "114", root)


@pytest.mark.parametrize("size", [0, 2000])
def test_load_when_signal_is_truncated_then_one_line_says_so(root: Path, size: int) -> None:
    path = root / "mitdb" / "114.dat"
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(BadInput, match=r"record .*114 is truncated: 114\.dat has") as caught:
        databases.load("mitdb", "114", root)
    assert "\n" not in str(caught.value)


def test_load_when_header_is_rubbish_then_one_line_says_so(root: Path) -> None:
    (root / "mitdb" / "114.hea").write_text("not a header\n")
    with pytest.raises(BadInput, match=r"record .*114 cannot be read as WFDB"):
        databases.load("mitdb", "114", root)


def test_data_root_when_nothing_is_set_then_it_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HEARTWIRE_DATA", raising=False)
    with pytest.raises(BadInput, match="HEARTWIRE_DATA is not set"):
        databases.data_root()


def test_data_root_when_folder_is_absent_then_it_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEARTWIRE_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(BadInput, match="nowhere is not a folder"):
        databases.data_root()


def test_names_when_database_is_unknown_then_the_known_ones_are_listed(root: Path) -> None:
    for call in (lambda: databases.names("ptbdb", root), lambda: databases.download("ptbdb", root)):
        with pytest.raises(BadInput, match="unknown database 'ptbdb': expected one of mitdb, svdb"):
            call()


def test_iterate_when_records_are_named_then_they_come_in_that_order(root: Path) -> None:
    assert [record.name for record in databases.iterate("mitdb", ["114", "114"], root)] == ["114", "114"]


@pytest.mark.parametrize(
    ("database", "name", "fs", "n", "n_beats", "n_vf"),
    [
        ("mitdb", "207", 360.0, 650000, 1860, 6),
        ("svdb", "800", 128.0, 230400, 1883, 0),
        ("nstdb", "118e06", 360.0, 650000, 2278, 0),
        ("nstdb", "bw", 360.0, 650000, 0, 0),
        ("cudb", "cu15", 250.0, 127232, 283, 1),
        ("vfdb", "426", 250.0, 525000, 0, 3),
        ("cinc2017", "A00001", 300.0, 9000, 0, 0),
    ],
)
def test_load_when_database_is_real_then_figures_are_those_of_its_directory(
    database: str, name: str, fs: float, n: int, n_beats: int, n_vf: int
) -> None:
    if not os.environ.get("HEARTWIRE_DATA"):
        pytest.skip("HEARTWIRE_DATA is not set: it names the folder that holds the databases")
    record = databases.load(database, name)
    assert (record.fs, record.mv.shape[0], len(record.beats), len(record.vf)) == (fs, n, n_beats, n_vf)
    assert len(record.symbols) == len(record.beats)
    if database == "cinc2017":
        assert record.rhythms == (Span("N", 0, 9000),)
