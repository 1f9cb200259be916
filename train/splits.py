"""Who is trained on, who is tested on: fixed lists, and folds that never split a person.

DS1 and DS2 are the lists of de Chazal et al., IEEE Trans. Biomed. Eng. 51(7):1196, 2004. They leave out the
four paced records and put record 201 (DS1) and 202 (DS2) apart, which are one man (mitdb directory): whoever
trains on 201 and scores 202 should say so. Nothing is chosen on DS2.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable

_DS1 = "101 106 108 109 112 114 115 116 118 119 122 124 201 203 205 207 208 209 215 220 223 230"
_DS2 = "100 103 105 111 113 117 121 123 200 202 210 212 213 214 219 221 222 228 231 232 233 234"
_PACED = "102 104 107 217"
_SVDB = (
    "800 802 804 806 808 810 812 821 823 825 827 829 841 843 845 847 849 851 853 855 857 859 861 863 865 867 "
    "869 871 873 875 877 879 881 883 885 887 889 891 893"
)
_NSTDB = "118e24 118e18 118e12 118e06 118e00 118e_6 119e24 119e18 119e12 119e06 119e00 119e_6"
_CUDB = "cu01 cu02 cu04 cu06 cu08 cu09 cu11 cu13 cu15 cu16 cu18 cu20 cu22 cu23 cu25 cu27 cu29 cu30 cu32 cu34"
_VFDB = "418 420 421 423 424 426 427 429 430 605 607 610 611 614 615"

DS1: tuple[str, ...] = tuple(_DS1.split())
DS2: tuple[str, ...] = tuple(_DS2.split())
PACED: tuple[str, ...] = tuple(_PACED.split())
MITDB: tuple[str, ...] = tuple(sorted(DS1 + DS2 + PACED))
#: Every second record of svdb, cudb and vfdb: the rest is never trained on.
SVDB: tuple[str, ...] = tuple(_SVDB.split())
CUDB: tuple[str, ...] = tuple(_CUDB.split())
VFDB: tuple[str, ...] = tuple(_VFDB.split())
NSTDB: tuple[str, ...] = tuple(_NSTDB.split())
#: Pure noise: baseline wander, electrode motion, muscle artefact. No heart in them.
NOISE: tuple[str, ...] = ("bw", "em", "ma")

Key = tuple[str, str]


def mitdb(split: str) -> tuple[str, ...]:
    """Records of a split of mitdb: 'ds1', 'ds2', 'paced' or 'all'. Raises KeyError for another word."""
    return {"ds1": DS1, "ds2": DS2, "paced": PACED, "all": MITDB}[split]


def person(database: str, record: str) -> str:
    """Who a record is of, as a word that is equal for two records of one person.

    201 and 202 of mitdb are one man; the records of nstdb are mitdb 118 and 119 with noise added.
    """
    if database == "nstdb" and record[:3] in ("118", "119"):
        return f"mitdb/{record[:3]}"
    if database == "mitdb" and record == "202":
        return "mitdb/201"
    return f"{database}/{record}"


def folds(keys: Iterable[Key], n: int, seed: int = 0) -> list[list[Key]]:
    """Deal records into folds so that no person is in two of them.

    Persons are ordered by a hash of seed and name, so the folds are the same on every machine, and dealt out
    database by database, so that each fold holds its share of each.

    Parameters
    ----------
    keys : iterable of (database, record)
        The records to deal, such as ``("mitdb", "101")``. Their order does not matter.
    n : int
        Number of folds, at least 2.
    seed : int
        Another seed, another deal.

    Returns
    -------
    list of list of (database, record)
        `n` folds, each sorted. Fold k is held out while the others train.

    Raises
    ------
    ValueError
        When `n` is below 2 or above the number of persons.
    """
    of_person: dict[str, list[Key]] = defaultdict(list)
    for key in set(keys):
        of_person[person(*key)].append(key)
    if not 2 <= n <= len(of_person):
        raise ValueError(f"folds: got n={n}, expected 2 to {len(of_person)} (the number of persons)")

    def order(who: str) -> tuple[str, str]:
        return who.split("/")[0], hashlib.sha256(f"{seed}:{who}".encode()).hexdigest()

    dealt: list[list[Key]] = [[] for _ in range(n)]
    for i, who in enumerate(sorted(of_person, key=order)):
        dealt[i % n] += of_person[who]
    return [sorted(fold) for fold in dealt]
