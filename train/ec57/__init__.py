"""The EC57 tools: two annotation lists compared as ANSI/AAMI EC57 (and EC38) ask for it.

They give the figures of the WFDB programs of the same names digit for digit, quirks included; each module
names those of its own:

- :func:`bxb`, beat by beat (:mod:`~train.ec57.beats`): QRS, VEB, SVEB, RR error, shutdown.
- :func:`rxr`, run by run (:mod:`~train.ec57.runs`): couplets, short runs, long runs.
- :func:`epicmp`, episode by episode (:mod:`~train.ec57.episodes`): VF, AF, their durations.
- :func:`mxm`, measurement by measurement (:mod:`~train.ec57.measurements`): heart rates.
- :func:`sumstats`, gross and average of a file of lines (:mod:`~train.ec57.summary`); :func:`gross` and
  :func:`average` give the numbers.

The rules were taken from the programs as they were in April 2020 (WFDB 10.7). Lists are of :class:`Mark`, from
a file (:func:`read_annotations`, :func:`parse`), a ``wfdb.Annotation`` (:func:`marks`), or from anywhere.
Nothing is needed but the standard library and the table of :mod:`train.labels`. ``python -m train.ec57`` is
the command line.
"""

from __future__ import annotations

from edge.recording.annotations import Annotations, Mark, encode, marks, parse
from train.ec57.averages import average, gross
from train.ec57.beats import BeatPair, Comparison, bxb
from train.ec57.episodes import AF, VF, EpisodeComparison, epicmp
from train.ec57.errors import Ec57Error
from train.ec57.matrix import Matrix, Rate
from train.ec57.measurements import Measurements, mxm
from train.ec57.record import Header, read_annotations, read_header
from train.ec57.runs import RunComparison, Runs, rxr
from train.ec57.summary import sumstats
from train.ec57.times import samples

__all__ = [
    "AF",
    "VF",
    "Annotations",
    "BeatPair",
    "Comparison",
    "Ec57Error",
    "EpisodeComparison",
    "Header",
    "Mark",
    "Matrix",
    "Measurements",
    "Rate",
    "RunComparison",
    "Runs",
    "average",
    "bxb",
    "encode",
    "epicmp",
    "gross",
    "marks",
    "mxm",
    "parse",
    "read_annotations",
    "read_header",
    "rxr",
    "samples",
    "sumstats",
]
