"""The annotation files of ``bxb``: what the test annotator said, and where the reference says otherwise.

:func:`remarks` is -o: the test's own mark where both agree, else a NOTE such as ``Nv`` (reference, test).
:func:`expanded` is -O: every mark of both lists, beats or not, is held against the other list by its time, its
symbol, its numbers and its text. Quirks of the original: a mark without a partner is held against 'O' whatever
VF or shutdown say, the test's last mark of the learning period takes part, and of several marks at one sample
the last one alone is kept (that is ``sortann``, which the library calls on what was written out of order).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from edge.recording.annotations import NOTE, Mark, in_order
from train.ec57.beats import Comparison, absent_from_reference, absent_from_test, to_start
from train.ec57.matrix import ABSENT
from train.ec57.scope import LEARNING_S, WINDOW_S, Scope, scope_of
from train.ec57.walk import Walk

_MAX_TEXT = 254


def remarks(result: Comparison) -> list[Mark]:
    """One mark a pair, in order of time; of several at one sample the last is kept, as ``sortann`` does."""
    written = []
    for pair in result.pairs:
        if pair.reference == pair.test and pair.mark is not None:
            written.append(pair.mark)
        else:
            written.append(Mark(pair.at, NOTE, aux=pair.reference + pair.test.lower()))
    return in_order(written)


def expanded(
    reference: Iterable[Mark],
    test: Iterable[Mark],
    fs: float,
    n_samples: int | None = None,
    *,
    start_s: float = LEARNING_S,
    end_s: float | None = None,
    window_s: float = WINDOW_S,
) -> list[Mark]:
    """Every mark of both lists, in order of time; NOTE marks say where the two differ.

    Parameters and errors are those of :func:`train.ec57.bxb`.
    """
    scope = scope_of("bxb", fs, n_samples, start_s, end_s, window_s)
    ref, tst = Walk(reference, scope, all_marks=True), Walk(test, scope, is_test=True, all_marks=True)
    to_start(ref, tst, scope.start)
    for side in (ref, tst):
        if side.mark is None:
            side.advance()
    return in_order(_written(ref, tst, scope))


def _written(ref: Walk, test: Walk, scope: Scope) -> Iterator[Mark]:
    while scope.goes_on(ref.time, test.time):
        first, second = (test, ref) if test.time < ref.time else (ref, test)
        apart = second.time - first.time
        to_next = abs(second.time - first.next_time)
        if apart <= scope.window and (apart < to_next or first.next_label == ABSENT):
            yield _both(_mark(ref), _mark(test))
            ref.advance()
            test.advance()
        elif first is test:
            mark = _mark(test)
            yield _note(mark, f"{absent_from_reference(ref, mark.sample)}/{_told(mark)}")
            test.advance()
        else:
            mark = _mark(ref)
            yield _note(mark, f"{_told(mark)}/{absent_from_test(test, mark.sample)}")
            ref.advance()


def _mark(side: Walk) -> Mark:
    return side.mark if side.mark is not None else Mark(side.time, " ")


def _both(reference: Mark, test: Mark) -> Mark:
    numbers = (reference.subtype, reference.chan, reference.num)
    same_numbers = numbers == (test.subtype, test.chan, test.num)
    if same_numbers and reference.symbol == test.symbol and reference.aux == test.aux:
        return test
    shown = "" if same_numbers else "[{},{},{}]".format(*numbers)
    return _note(test, f"{reference.symbol}{shown}{_text(reference)}/{_told(test)}")


def _told(mark: Mark) -> str:
    return mark.symbol + _text(mark)


def _text(mark: Mark) -> str:
    text = mark.aux.split("\0")[0]
    return f" ({text})" if mark.aux else ""


def _note(mark: Mark, text: str) -> Mark:
    return replace(mark, symbol=NOTE, aux=text[:_MAX_TEXT])
