from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from train import gate_rows
from train.gate_rows import area, card, cell, lines, percent, said, table, table_of, tallies
from train.gate_windows import CODE, NAMES, Looks


def looks(
    source: str, unit: str, noisy: list[int], sqi: float = 0.5, voted: list[int] | None = None
) -> Looks:
    n = len(noisy)
    return Looks(
        ("mitdb", unit),
        unit,
        np.full(n, CODE[source], np.int8),
        np.zeros((n, len(NAMES))),
        np.array(noisy, bool),
        np.array(noisy if voted is None else voted, bool),
        np.full(n, sqi),
    )


MADE = [
    looks("em alone", "em 0", [1, 1, 1, 0], 0.1, [0, 1, 1, 1]),
    looks("em alone", "em 0", [1, 1, 1, 1], 0.1),
    looks("em alone", "em 1", [0, 0, 0, 0, 0, 0, 0, 1], 0.3),
    looks("ma alone", "ma 0", [1, 0], 0.2),
    looks("DS1", "101", [0, 0, 0, 1], 0.9),
    looks("VT, vfdb", "418", [0] * 10, 0.2),
]


def test_table_when_made_then_every_look_of_a_source_weighs_the_same_and_every_source_of_a_kind() -> None:
    found = table_of(MADE)
    em = found["by source"]["em alone"]
    assert (em["kind"], em["units"], em["looks"]) == ("noise", 2, 16)
    assert em["look"] == {"percent": 50.0, "interval_95": [12.5, 87.5]}
    assert em["voted"]["percent"] == 50.0
    assert found["mean of sources"]["noise"]["look"]["percent"] == 50.0
    assert found["mean of sources"]["signal"]["look"]["percent"] == 25.0
    assert found["mean of sources"]["lethal"]["voted"]["percent"] == 0.0
    areas = found["roc area of the quality index"]
    assert areas["noise against signal"]["percent"] == 100.0
    # ma ties with VT; half of em is below it, half above
    assert areas["noise against lethal"]["percent"] == 50.0
    assert list(found["by source"]) == ["em alone", "ma alone", "DS1", "VT, vfdb"]
    assert found["worst"] == []


def test_worst_when_lethal_looks_are_voted_noise_then_the_records_with_most_come_first() -> None:
    more = [
        looks("VT, vfdb", "420", [1, 1, 0]),
        looks("asystole, vfdb", "420", [1, 0]),
        looks("VT, vfdb", "421", [1] * 2),
    ]
    found = table_of([*MADE, *more])
    assert found["worst"] == ["420: 3 of 5", "421: 2 of 2"]
    assert "voted noise, most looks: 420: 3 of 5; 421: 2 of 2" in "\n".join(lines(found))


def test_table_when_there_is_only_signal_then_no_area_and_no_noise() -> None:
    found = table_of([MADE[4]])
    assert list(found["mean of sources"]) == ["signal"]
    assert found["roc area of the quality index"] == {}


def test_tallies_when_drawn_again_then_the_draws_are_the_same_and_the_first_row_is_the_sum() -> None:
    one, two = (tallies(((m, said(m)) for m in MADE), 50) for _ in range(2))
    assert np.array_equal(one["em alone"].drawn, two["em alone"].drawn)
    assert one["em alone"].drawn.shape == (51, 3 + gate_rows.N_BINS)
    assert one["em alone"].drawn[0, :3].tolist() == [16, 8, 8]
    assert set(one["em alone"].drawn[1:, 0]) == {16.0}


def test_area_when_indices_are_shuffled_then_it_is_that_of_every_pair() -> None:
    rng = np.random.default_rng(2)
    noise, signal = rng.integers(0, 6, 30), rng.integers(2, 9, 40)
    pairs = np.mean([(a < b) + 0.5 * (a == b) for a in noise for b in signal])
    shares = [np.bincount(x, minlength=10)[None] / len(x) for x in (noise, signal)]
    assert area(*shares)[0] == pytest.approx(pairs)


def test_said_when_the_index_is_at_its_ends_then_it_is_in_the_first_and_last_bin() -> None:
    ends = said(looks("DS1", "101", [0], 0.0))[0], said(looks("DS1", "101", [1], 1.0))[0]
    assert [int(row[2:].argmax()) for row in ends] == [0, gate_rows.N_BINS - 1]
    assert ends[1][0] == 1.0


def test_percent_when_all_draws_are_alike_then_the_interval_is_a_point() -> None:
    assert percent(np.full(10, 0.125)) == {"percent": 12.5, "interval_95": [12.5, 12.5]}
    assert cell(percent(np.full(10, 0.125))) == "12.50 [12.50, 12.50]"


def test_lines_and_card_when_made_then_every_figure_stands_in_them() -> None:
    found = table_of(MADE)
    shown, written = "\n".join(lines(found)), "\n".join(card(found))
    assert "  noise, em alone: 50.00 [12.50, 87.50]; 50.00 [12.50, 87.50]; 16 looks at 2" in shown
    assert "  lethal, mean of sources: 0.00 [0.00, 0.00]; 0.00 [0.00, 0.00]" in shown
    assert "| noise: em alone | 2 | 16 | 50.00 [12.50, 87.50] | 50.00 [12.50, 87.50] |" in written
    assert "| **signal, mean of its rows** | | | 25.00 [25.00, 25.00] |" in written
    assert "noise against signal 100.00 [100.00, 100.00]" in written
    assert written.startswith("## Quality gate\n")


def test_table_when_all_data_are_played_then_noise_is_called_noise_more_often_than_hearts(
    gate_data: Path,
) -> None:
    found = table(3)
    means = found["mean of sources"]
    assert means["noise"]["look"]["percent"] > means["signal"]["look"]["percent"]
    assert found["by source"]["vfdb, labelled NOISE"]["units"] == 15
    assert found["by source"]["em alone"]["units"] == 15
