from __future__ import annotations

import pytest

from train import splits


def keys() -> list[tuple[str, str]]:
    return (
        [("mitdb", r) for r in splits.MITDB]
        + [("svdb", r) for r in splits.SVDB]
        + [("nstdb", r) for r in splits.NSTDB]
    )


def test_mitdb_when_split_then_ds1_ds2_and_paced_are_all_48_records_once() -> None:
    assert (len(splits.DS1), len(splits.DS2), len(splits.PACED)) == (22, 22, 4)
    assert len(set(splits.mitdb("all"))) == 48
    assert set(splits.mitdb("all")) == {*splits.mitdb("ds1"), *splits.mitdb("ds2"), *splits.mitdb("paced")}


def test_lists_when_counted_then_they_hold_every_record_once() -> None:
    for names, n in ((splits.SVDB, 39), (splits.CUDB, 20), (splits.VFDB, 15), (splits.NSTDB, 12)):
        assert len(names) == len(set(names)) == n


def test_person_when_two_records_are_of_one_person_then_it_is_equal() -> None:
    assert splits.person("mitdb", "201") == splits.person("mitdb", "202")
    assert splits.person("nstdb", "118e_6") == splits.person("mitdb", "118")
    assert splits.person("nstdb", "119e24") == splits.person("mitdb", "119")
    assert splits.person("svdb", "800") != splits.person("mitdb", "100")


@pytest.mark.parametrize("seed", [0, 1, 7])
def test_folds_when_dealt_then_every_record_is_in_one_and_no_person_in_two(seed: int) -> None:
    dealt = splits.folds(keys(), 5, seed)
    assert sorted(key for fold in dealt for key in fold) == sorted(keys())
    people = [{splits.person(*key) for key in fold} for fold in dealt]
    assert sum(len(fold) for fold in people) == len(set.union(*people))


def test_folds_when_dealt_then_each_database_is_spread_evenly() -> None:
    dealt = splits.folds([key for key in keys() if key[0] == "svdb"], 4)
    assert sorted(len(fold) for fold in dealt) == [9, 10, 10, 10]


def test_folds_when_order_of_input_changes_then_the_deal_is_the_same() -> None:
    assert splits.folds(keys(), 5) == splits.folds(reversed(keys()), 5)


def test_folds_when_run_on_any_machine_then_the_deal_is_this_one() -> None:
    names = [("svdb", name) for name in ("800", "802", "804", "806")]
    assert splits.folds(names, 2) == [[names[1], names[2]], [names[0], names[3]]]
    assert splits.folds(names, 2, seed=3) == [[names[0], names[3]], [names[1], names[2]]]


@pytest.mark.parametrize("n", [0, 1, 3])
def test_folds_when_n_does_not_fit_then_it_says_so(n: int) -> None:
    with pytest.raises(ValueError, match=f"got n={n}, expected 2 to 2"):
        splits.folds([("mitdb", "100"), ("mitdb", "201"), ("mitdb", "202")], n)
