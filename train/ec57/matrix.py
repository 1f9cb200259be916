"""Counts of beat label pairs, and the rates that EC57 takes from them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

CLASSES = ("N", "S", "V", "F", "Q")
#: A beat that the other side does not have, and one that it does not have because it was shut down.
ABSENT, SHUT = "O", "X"
LABELS = frozenset((*CLASSES, ABSENT, SHUT))


@dataclass(frozen=True, slots=True)
class Rate:
    """A quotient of two counts: `hits` of `total`."""

    hits: int
    total: int

    @property
    def percent(self) -> float | None:
        """In percent, or None where `total` is 0."""
        return 100.0 * self.hits / self.total if self.total > 0 else None


class Matrix:
    """Counts of label pairs: reference N S V F Q O X against test N S V F Q O X.

    O is a beat that the other side does not have, X one that it does not have because it was shut down.
    """

    __slots__ = ("counts",)

    def __init__(self, counts: Counter[tuple[str, str]] | None = None) -> None:
        self.counts: Counter[tuple[str, str]] = Counter() if counts is None else counts

    def __add__(self, other: Matrix) -> Matrix:
        return Matrix(self.counts + other.counts)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Matrix) and self.counts == other.counts

    __hash__ = None  # type: ignore[assignment]

    def n(self, reference: str, test: str) -> int:
        """Pairs whose reference label is one of the letters of `reference` and test label one of `test`."""
        return sum(self.counts[row, column] for row in reference for column in test)

    def without_sveb(self) -> Matrix:
        """The same with S taken for N on both sides, as in reports that do not ask for SVEB."""
        merged: Counter[tuple[str, str]] = Counter()
        for (row, column), n in self.counts.items():
            merged[row.replace("S", "N"), column.replace("S", "N")] += n
        return Matrix(merged)

    @property
    def qrs_se(self) -> Rate:
        """Sensitivity to QRS complexes."""
        return Rate(self.n("NSVFQ", "NSVFQ"), self.n("NSVFQ", "NSVFQOX"))

    @property
    def qrs_ppv(self) -> Rate:
        """Positive predictivity of QRS complexes."""
        return Rate(self.n("NSVFQ", "NSVFQ"), self.n("NSVFQOX", "NSVFQ"))

    @property
    def veb_se(self) -> Rate:
        """Sensitivity to ventricular ectopic beats."""
        return Rate(self.n("V", "V"), self.n("V", "NSVFQOX"))

    @property
    def veb_ppv(self) -> Rate:
        """Positive predictivity of ventricular ectopic beats; F and Q called V do not count against it."""
        return Rate(self.n("V", "V"), self.n("NSVOX", "V"))

    @property
    def veb_fpr(self) -> Rate:
        """False positive rate of ventricular ectopic beats: what is called V of all that is not V.

        F and Q called V are neither false nor right, and stand on neither side of the quotient.
        """
        false = self.n("NSOX", "V")
        return Rate(false, self.n("NSFQOX", "NSFQ") + false)

    @property
    def sveb_se(self) -> Rate:
        """Sensitivity to supraventricular ectopic beats."""
        return Rate(self.n("S", "S"), self.n("S", "NSVFQOX"))

    @property
    def sveb_ppv(self) -> Rate:
        """Positive predictivity of supraventricular ectopic beats; Q called S does not count against it."""
        return Rate(self.n("S", "S"), self.n("NSVFOX", "S"))

    def in_shutdown(self, label: str) -> Rate:
        """Reference beats of a class that were missed in a shutdown of the test annotator."""
        return Rate(self.n(label, SHUT), self.n(label, "NSVFQOX"))

    @property
    def beats_in_shutdown(self) -> Rate:
        """All reference beats missed in shutdown; the original leaves the S beats out of the numerator."""
        return Rate(self.n("NVFQ", SHUT), self.qrs_se.total)
