"""The first screen of the report: the question, and its answer in the sentences that the verdicts allow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from train.study import sentences, words
from train.study.verdicts import UNREACHED, Verdict

QUESTION = "Why does ECG need fewer RNN layers than CNN layers?"
QUESTION_PT = "Por que o ECG precisa de menos camadas de RNN do que de CNN?"

ORDER = (3, 6, 2, 5, 4, 7, 1)
"""Claims in the order in which they answer the question: reach, depth, windows, price, joining, overfitting, levels."""

DECIDED = ("supported", "refuted")


def answer(verdicts: Sequence[Verdict], portuguese: bool = False) -> Iterator[str]:
    """The question; a bullet a decided verdict, with its number; and which claims are open, and why."""
    yield f"**{QUESTION_PT if portuguese else QUESTION}** {lead(verdicts, portuguese)}"
    yield ""
    decided = [v for claim in ORDER for v in verdicts if v.claim == claim and v.outcome in DECIDED]
    texts, heads = (
        (sentences.SENTENCES_PT, sentences.HEADS_PT) if portuguese else (sentences.SENTENCES, sentences.HEADS)
    )
    for v in decided:
        text = texts[kind(v)].format(**values(v, portuguese))
        yield f"- {heads[v.outcome]} ({heads['claim']} {v.claim}): {text}"
    yield from _open(verdicts, portuguese)


def lead(verdicts: Sequence[Verdict], portuguese: bool = False) -> str:
    """The answer in a sentence, as far as claim 3, on memory, allows it: 'mixed' where arms and looks do not agree."""
    judged = (*DECIDED, "undecided")
    said = {v.outcome for v in verdicts if v.claim == 3 and v.outcome in judged}
    outcome = said.pop() if len(said) == 1 else "mixed" if said else "undecided"
    texts, colon = (
        (sentences.LEAD_PT, "Ponto por ponto") if portuguese else (sentences.LEAD, "Point by point")
    )
    return f"{texts[outcome]}. {_shallow(verdicts, portuguese)}{colon}:"


def _shallow(verdicts: Sequence[Verdict], portuguese: bool) -> str:
    """What keeps recurrent stacks shallow, once the arms have decided on gradients (6) and on overfitting (7)."""
    said = {v.claim: v.outcome for v in verdicts if v.preset == "full" and v.outcome in DECIDED}
    texts = sentences.SHALLOW_PT if portuguese else sentences.SHALLOW
    return f"{texts[said[6], said[7]]}. " if {6, 7} <= said.keys() else ""


def kind(verdict: Verdict) -> tuple[int, str, str]:
    """(claim, preset, outcome) of a sentence; a claim 5 that no GRU, or no CNN, comes near in has its own."""
    outcome = verdict.outcome
    if verdict.claim == 5 and abs(verdict.value) == UNREACHED:
        outcome = "no gru" if verdict.value > 0 else "no cnn"
    return verdict.claim, verdict.preset, outcome


def values(verdict: Verdict, portuguese: bool = False) -> dict[str, str]:
    """What the sentences are filled with: the deciding number, and of claim 5 and 6 what stands beside it."""
    out = {"span": words.span(verdict.value, verdict.low, verdict.high, portuguese)}
    for name, found in verdict.numbers.items():
        word = "".join(c if c.isalnum() else "_" for c in name)
        if name.startswith("log2 "):
            out[word] = words.number(2.0 ** found[0], 2, portuguese)
        elif name.startswith("layers of "):
            out[word] = f"{found[0]:.0f}"
        elif len(found) == 3:
            out[word] = words.span(found[0], found[1], found[2], portuguese)
        else:
            out[word] = words.number(found[0], 3, portuguese)
    return out


def _open(verdicts: Sequence[Verdict], portuguese: bool) -> Iterator[str]:
    """A line on the claims without a decided verdict: those that the interval leaves open, those with too few runs."""
    decided = {v.claim for v in verdicts if v.outcome in DECIDED}
    wide = [v for v in verdicts if v.outcome == "undecided"]
    few = sorted(set(words.CLAIMS) - decided - {v.claim for v in wide})
    whom = words.WHOM_PT if portuguese else words.WHOM
    heads = sentences.HEADS_PT if portuguese else sentences.HEADS
    for v in wide:
        number = words.span(v.value, v.low, v.high, portuguese)
        text = heads["wide"].format(span=number, whom=whom[v.preset])
        yield f"- {heads['undecided']} ({heads['claim']} {v.claim}): {text}"
    if few:
        yield f"- {heads['undecided']}: {heads['few'].format(claims=', '.join(map(str, few)))}"
