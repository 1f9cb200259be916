"""The answer on top: each sentence belongs to a verdict, has its numbers, and is there in both languages."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

pytest.importorskip("torch", reason="torch is not installed (pip install 'heartwire[train]')")

from train.study import answer, sentences
from train.study.seen import CELLS
from train.study.verdicts import UNREACHED, Verdict

NUMBERS = {
    2: {"dilated": [0.1, 0.0, 0.2]},
    5: {f"log2 {k}": [-1.0, -2.0, 1.0] for k in ("layers", "params", "macs_s")}
    | {"best gru - best cnn": [-0.05, -0.1, 0.0]}
    | {f"layers of the best {family}": [2.0] for family in ("gru", "cnn")},
    6: {f"{cell}: lost from 1 to 8 layers": [0.2, 0.1, 0.3] for cell in CELLS}
    | {f"{cell}: decades a layer, plain": [-0.2, -0.3, -0.1] for cell in CELLS},
}


def verdict(claim: int, preset: str, outcome: str) -> Verdict:
    value = {"no gru": UNREACHED, "no cnn": -UNREACHED}.get(outcome, 0.125)
    word = outcome if outcome in answer.DECIDED else "refuted"
    return Verdict(claim, word, "", value, 0.05, 0.2, 3, preset, NUMBERS.get(claim, {}))


@pytest.mark.parametrize("key", list(sentences.SENTENCES))
def test_sentence_when_its_verdict_is_there_then_it_is_told_whole_in_both_languages(
    key: tuple[int, str, str],
) -> None:
    own = verdict(*key)
    assert answer.kind(own) == key
    for portuguese, head in ((False, "claim"), (True, "afirmação")):
        told = list(answer.answer([own], portuguese))
        line = next(text for text in told if text.startswith("- **") and f"({head} {key[0]})" in text)
        assert not re.search(r"[{}]|nan", line)
        assert re.search(r"\d,\d" if portuguese else r"\d\.\d", line)


def test_sentences_when_translated_then_none_is_missing_and_each_has_the_same_numbers() -> None:
    assert set(sentences.SENTENCES) == set(sentences.SENTENCES_PT)
    for key, text in sentences.SENTENCES.items():
        places = [sorted(re.findall(r"\{(\w+)\}", t)) for t in (text, sentences.SENTENCES_PT[key])]
        assert places[0] == places[1], key


def test_answer_when_nothing_is_decided_then_every_claim_is_named_as_open() -> None:
    told = "\n".join(answer.answer([]))
    assert answer.QUESTION in told
    assert "not decided yet whether" in told
    assert "claims 1, 2, 3, 4, 5, 6, 7 not enough" in told
    assert "Supported" not in told
    assert "Refuted" not in told


def test_answer_when_an_interval_allows_both_then_it_is_said_with_its_number() -> None:
    told = "\n".join(answer.answer([replace(verdict(7, "full", "refuted"), outcome="undecided")]))
    assert "- **Undecided** (claim 7): 0.125 [0.050, 0.200] (arms of the study, full preset)" in told
    assert "claims 1, 2, 3, 4, 5, 6 not enough" in told


@pytest.mark.parametrize(("arms", "looks", "begins"), [
    ("supported", "supported", "supported"), ("supported", "refuted", "mixed"), ("undecided", "supported", "mixed"),
    ("", "supported", "supported"), ("refuted", "", "refuted"), ("too few", "", "undecided"),
])  # fmt: skip
def test_lead_when_arms_and_looks_do_not_agree_then_it_is_said(arms: str, looks: str, begins: str) -> None:
    found = [
        replace(verdict(3, preset, "supported"), outcome=outcome)
        for preset, outcome in (("full", arms), ("folds", looks))
        if outcome
    ]
    assert answer.lead(found).startswith(sentences.LEAD[begins])
    assert answer.lead(found, portuguese=True).startswith(sentences.LEAD_PT[begins])


def test_lead_when_gradients_and_overfitting_are_decided_then_it_says_which_keeps_stacks_shallow() -> None:
    for (six, seven), text in sentences.SHALLOW.items():
        found = [verdict(6, "full", six), verdict(7, "full", seven)]
        assert text in answer.lead(found)
        assert sentences.SHALLOW_PT[six, seven] in answer.lead(found, portuguese=True)
        assert text not in answer.lead(found[:1])


def test_answer_when_the_arms_are_open_and_the_looks_are_not_then_both_are_told() -> None:
    found = [replace(verdict(3, "full", "supported"), outcome="undecided"), verdict(3, "folds", "supported")]
    told = "\n".join(answer.answer(found))
    assert "**Supported** (claim 3)" in told
    assert "**Undecided** (claim 3): 0.125 [0.050, 0.200] (arms of the study, full preset)" in told
