"""The report's sentences and tables, each made from results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from train.front import FS_MODEL
from train.study import words
from train.study.answer import answer
from train.study.arms import SLOW
from train.study.looks import Looks
from train.study.plot import WORDS
from train.study.points import Point, front
from train.study.probes import ProbeScore
from train.study.record import Run
from train.study.seen import CELLS
from train.study.slope_runs import MONITOR
from train.study.slopes import Slope
from train.study.verdicts import LEAST_SEEDS, Verdict


def outcome(verdict: Verdict, portuguese: bool) -> str:
    """The verdict's word; where there are too few runs, which ones."""
    if verdict.outcome == "too few":
        if verdict.preset == "quick":
            return words.FEW_PT if portuguese else words.FEW
        return words.SEEDS_PT if portuguese else words.SEEDS
    if verdict.outcome == "part":
        done, begun, planned = (round(verdict.numbers[f"arms {name}"][0]) for name in words.ARMS)
        text = words.PART_PT if portuguese else words.PART
        return text.format(done=done, begun=begun, planned=planned)
    word = (words.OUTCOMES_PT if portuguese else words.OUTCOMES)[verdict.outcome]
    few = verdict.preset == "folds" and verdict.outcome in ("supported", "refuted")
    return f"{word} ({words.ONE_SEED_PT if portuguese else words.ONE_SEED})" if few else word


def head(verdicts: Sequence[Verdict]) -> Iterator[str]:
    """The question and its answer; what this page is."""
    yield "# CNN or RNN, how deep, and why"
    yield ""
    yield from answer(verdicts)
    yield ""
    yield (
        "Why do four LSTM layers do the work of ten to fifteen convolution layers on ECG, and is it vanishing "
        "gradients or overfitting that keeps RNNs shallow? Asked in public (Data Science Stack Exchange 53474); the "
        "answer was a row of claims, each of which is put to a test here, on patients whom no network has seen. "
        "[Em português](#em-português)."
    )


def run_section(runs: Sequence[Run], looks: Looks) -> Iterator[str]:
    """What was run, what the full preset leaves out, and where the numbers come from."""
    yield from ("", "## What was run", "")
    yield from _what_was_run(runs, looks)
    yield from ("", words.CUT, "")
    yield (
        "This page and its figures are made by `python -m train study --report` out of the committed results "
        "(`train/study/results`); no number in it was written by hand. The arms' tests were written down before the "
        "arms were run; those of the looks into networks (claim 1, and the second lines of 3 and 6) after a first "
        "look. Times in µs are medians measured on a shared machine while others worked on it."
    )


def _what_was_run(runs: Sequence[Run], looks: Looks) -> Iterator[str]:
    for preset in ("full", "quick"):
        own = [r for r in runs if r.preset == preset]
        if own:
            yield _arms_line(own, preset)
    if any(r.preset == "quick" for r in runs):
        yield (
            "  In the quick preset every network sees some hundred beats and one fold: it shows that every arm runs, "
            "and **decides nothing**. Where the verdicts below name it, numbers and figures are of such networks."
        )
    if not runs:
        yield "- **Arms**: none have been run."
    whole = [s for s in looks.probes if s.unit < 0]
    if whole:
        yield (
            f"- **Looks into the monitor's own networks**: the GRU and the beat CNN of three folds (`train/folds`, "
            f"one training each), on {max(s.n_patients for s in whole)} patients of mitdb DS1 and svdb that they "
            f"have not seen, {max(s.n_beats for s in whole)} beats; beside them the same shapes, never trained."
        )
    stacks = [s for s in looks.slopes if s.family in CELLS]
    if stacks:
        count, seeds = Counter(s.stage for s in stacks), {s.seed for s in stacks if s.stage == "initial"}
        yield (
            f"- **Gradients**: {count['initial']} stacks before training (seeds {_list(seeds)}) and "
            f"{count['trained']} after it, of {stacks[0].width} units, led back through ECG of patients held out."
        )


def _arms_line(own: Sequence[Run], preset: str) -> str:
    of_folds = [r for r in own if r.split == "fold"]
    seeds, folds, held = (
        {r.seed for r in of_folds},
        {r.fold for r in of_folds},
        {name for r in of_folds for name in r.counts},
    )
    last = len(own) - len(of_folds)
    ds2 = f"scored once, svdb too: {last} runs of what the folds chose" if last else "not touched"
    return (
        f"- **Arms, preset `{preset}`**: {len(of_folds)} runs of {len({r.arm for r in of_folds})} arms, "
        f"seeds {_list(seeds)}, folds {_list(folds)} of {of_folds[0].n_folds}; {len(held)} records held out; "
        f"{sum(r.wall_s for r in own) / 3600.0:.1f} hours of a core{_elsewhere(own)}. Scored on DS1 by grouped folds; "
        f"DS2 {ds2}."
    )


def _elsewhere(own: Sequence[Run]) -> str:
    """Of the runs whose networks were trained on a GPU: how many, and on what."""
    where = Counter(r.versions["trained_on"] for r in own if "trained_on" in r.versions)
    told = [
        f"; the networks of {n} runs were trained on a GPU ({name}), many at once"
        for name, n in where.items()
    ]
    return "".join(told)


def _list(values: set[int]) -> str:
    return ", ".join(map(str, sorted(values)))


def front_table(found: Sequence[Point]) -> Iterator[str]:
    """What no other point beats, by multiplications a second, with trees and the nearest neighbour."""
    if not found:
        return
    costs = [p.cost.macs_s for p in found]
    best = [found[k] for k in front(costs, [p.macro_f1 for p in found])]
    rest = [p for p in found if p.family in ("trees", "nn1") and p not in best]
    yield from (
        "",
        "What no other arm beats in macro F1 at its MAC a second, and what all are compared with:",
        "",
    )
    yield "| arm | macro F1 (N S V) | MAC/s | MAC a beat | parameters | state bytes | µs/s | seeds |"
    yield "|---|---|---|---|---|---|---|---|"
    for p in [*best, *rest]:
        c = p.cost
        took = f"{c.us_s:.0f} ({c.engine})" if c.us_s else "–"
        yield (
            f"| {p.name} | {words.span(p.macro_f1, p.low, p.high)} | {c.macs_s:,.0f} | {c.macs_beat:,.0f} | "
            f"{c.params:,} | {c.state_bytes:,} | {took} | {p.seeds} |"
        )


def verdict_table(verdicts: Sequence[Verdict], claims: Mapping[int, str], portuguese: bool) -> Iterator[str]:
    """A row a verdict, in the order of the claims; refuted ones are as bold as supported ones."""
    whom = words.WHOM_PT if portuguese else words.WHOM
    if portuguese:
        yield "| | afirmação | veredito | número decisivo [intervalo de 95 %] | de quem | sementes |"
    else:
        yield "| | claim | verdict | deciding number [95 % interval] | of what | seeds |"
    yield "|---|---|---|---|---|---|"
    for claim, text in claims.items():
        for v in [v for v in verdicts if v.claim == claim] or [Verdict(claim, "missing", "")]:
            nothing = v.outcome in ("missing", "part") or v.preset == "quick"
            number = "–" if nothing else words.span(v.value, v.low, v.high, portuguese)
            seeds = "–" if v.outcome in ("missing", "part") else str(v.seeds)
            of = "–" if v.outcome == "missing" else whom[v.preset]
            yield f"| {claim} | {text} | {outcome(v, portuguese)} | {number} | {of} | {seeds} |"


def portuguese(verdicts: Sequence[Verdict]) -> Iterator[str]:
    """The summary in Portuguese: the question came to us in it."""
    yield from answer(verdicts, portuguese=True)
    yield ""
    yield (
        "A pergunta: por que 4 camadas LSTM fazem em ECG o trabalho de 10 a 15 camadas convolucionais, e são os "
        "gradientes que desaparecem ou o sobreajuste que mantêm as RNNs rasas? Cada afirmação da resposta foi posta "
        "à prova em ECG real (mitdb DS1, pacientes que a rede nunca viu); os intervalos são de bootstrap por paciente."
    )
    yield ""
    yield from verdict_table(verdicts, words.CLAIMS_PT, portuguese=True)


def claim(own: Sequence[Verdict], number: int) -> Iterator[str]:
    """Each verdict of a claim: its word, test, interval, seeds, and what else was counted."""
    if not own:
        yield f"**{words.OUTCOMES['missing'].strip('*')}**"
        return
    for k, v in enumerate(own):
        if k:
            yield ""
        if v.outcome == "missing":
            yield f"Arms of the study: {outcome(v, False)}."
            continue
        yield f"{words.WHOM[v.preset].capitalize()}: {outcome(v, False)}."
        if v.outcome == "part":
            yield from ("", f"Test, once every arm is there: {v.test.rstrip('.')}.")
            continue
        few = f"; {LEAST_SEEDS} are needed to decide" if v.outcome == "too few" else ""
        yield ""
        yield f"Test: {v.test.rstrip('.')}. Result {words.span(v.value, v.low, v.high)}, {words.seeds(v.seeds)}{few}."
        shown = {name: values for name, values in v.numbers.items() if " less " not in name or number != 1}
        if shown and number != 1:
            yield ""
            yield from _numbers(shown)


def _numbers(found: Mapping[str, Sequence[float]]) -> Iterator[str]:
    yield "| counted | value |"
    yield "|---|---|"
    for name, values in found.items():
        yield f"| {name} | {words.span(*values) if len(values) == 3 else ', '.join(f'{v:.3f}' for v in values)} |"


def probe_table(looks: Looks) -> Iterator[str]:
    """What depth gains in each question: last convolution less first, and trained less never trained."""
    gains = [s for s in looks.probes if s.depth < 0 and s.unit < 0]
    if not gains:
        return
    yield ""
    yield (
        "Probes are linear and fitted on other patients' beats through the same networks. P-waves are nobody's "
        "labels in these databases: one is there where the lead rises at least 0.04 mV and 3 % of the QRS above the "
        "line between 240 and 64 ms before the R-peak, asked of N and S alone. QRS widths are measured too."
    )
    yield ""
    yield _rising([s for s in gains if s.layer == "conv 4 less conv 1"])
    for network, last, first, word in (
        ("beat CNN", "conv 4", "conv 1", "first convolution to last"),
        ("GRU", "state", "conv 2", "convolution before the state to the state"),
    ):
        yield from ("", f"{network}, {word}:", "")
        yield "| question | measure | first | last | gained by depth | gained by training (last layer) |"
        yield "|---|---|---|---|---|---|"
        own = [s for s in looks.probes if s.network == f"{network}, folds" and s.unit < 0]
        for question in dict.fromkeys(s.question for s in own):
            of = {s.layer: s for s in own if s.question == question}
            a, b = of[first], of[last]
            yield (
                f"| {question} | {a.measure} | {_score(a)} | {_score(b)} | {_score(of[f'{last} less {first}'])} | "
                f"{_score(of[f'{last} less {network}, untrained'])} |"
            )


def _rising(gains: Sequence[ProbeScore]) -> str:
    """Which questions the last convolution answers better than the first, and which not."""
    up = [s.question for s in gains if s.low > 0.0]
    down = [s.question for s in gains if s.high < 0.0]
    flat = [s.question for s in gains if s.low <= 0.0 <= s.high]
    return (
        f"From the first convolution to the last the CNN's answers rise, by their intervals, for: {_names(up)}; they "
        f"fall for: {_names(down)}; and it cannot be told for: {_names(flat)}. The verdict is on the class alone, "
        "which is what the network was trained for."
    )


def _names(found: Sequence[str]) -> str:
    return ", ".join(found) or "none"


def _score(s: ProbeScore) -> str:
    return f"{s.score:.2f} [{s.low:.2f}, {s.high:.2f}]"


def memory_table(looks: Looks) -> Iterator[str]:
    """Macro F1 and the three F1 by what was heard."""
    if not looks.memory:
        return
    n = looks.memory[0].n_patients
    yield from (
        "",
        f"The folds' GRUs on {n} patients, macro F1 by what the state has heard before it answers:",
        "",
    )
    yield "| heard | macro F1 | lost against the whole record | F1 of N | S | V |"
    yield "|---|---|---|---|---|---|"
    for s in looks.memory:
        name = f"{s.heard_s:g} s" if s.heard_s else "whole record"
        lost = words.span(s.loss, s.loss_low, s.loss_high) if s.heard_s else "–"
        n, sv, v = s.f1
        yield f"| {name} | {words.span(s.macro_f1, s.low, s.high)} | {lost} | {n:.3f} | {sv:.3f} | {v:.3f} |"


def slope_table(looks: Looks) -> Iterator[str]:
    """First layer against last, and reach, at the largest depth; and what training made of it."""
    if not any(s.family in CELLS for s in looks.slopes):
        return
    yield from ("", "Gradients (mean of the seeds; a decade is a factor of ten):", "")
    yield "| cell | stage | layers | first layer less last, decades | 1 % reach, s | macro F1 |"
    yield "|---|---|---|---|---|---|"
    for cell in CELLS:
        for residual in (False, True):
            for stage in ("initial", "trained"):
                own = [s for s in looks.slopes if (s.family, s.residual, s.stage) == (cell, residual, stage)]
                for depth in sorted({s.layers for s in own if s.layers in (1, 4, 8)}):
                    yield _slope_row(cell, residual, stage, depth, [s for s in own if s.layers == depth])


def monitor_line(looks: Looks) -> Iterator[str]:
    """How far back the loss is felt in the monitor's own GRU, as it begins and trained."""
    own = {
        stage: [s for s in looks.slopes if (s.family, s.stage) == (MONITOR, stage)]
        for stage in ("initial", "trained")
    }
    if not all(own.values()):
        return
    reach = {stage: ", ".join(f"{s.reach / FS_MODEL:.2f}" for s in found) for stage, found in own.items()}
    left = [max(s.lag_log10) - s.lag_log10[-1] for s in own["trained"]]
    longest_s = own["trained"][0].lags[-1] / FS_MODEL
    yield ""
    yield (
        f"Over time, in the monitor's own GRU (one layer, {own['trained'][0].width} units, three folds): as it "
        f"begins, the slope has fallen to a hundredth after {reach['initial']} s; trained, after {reach['trained']} "
        f"s, and at {longest_s:.0f} s, the longest lag, it is {min(left):.1f} to {max(left):.1f} decades below its "
        "largest. Gradients vanish over time where training begins, not where it ends."
    )


def _slope_row(cell: str, residual: bool, stage: str, depth: int, own: Sequence[Slope]) -> str:
    first = float(np.mean([s.first_to_last for s in own]))
    far = [s.reach for s in own if s.lags]
    reach = f"{np.exp(np.mean(np.log(far))) / SLOW.fs:.2f}" if far else "–"
    scored = [s.macro_f1 for s in own if s.macro_f1 >= 0.0]
    f1 = f"{np.mean(scored):.3f}" if scored else "–"
    name = f"{WORDS[cell]}{', residual + LayerNorm' if residual else ''}"
    return f"| {name} | {stage} | {depth} | {first:+.2f} | {reach} | {f1} |"


def tail(runs: Sequence[Run]) -> Iterator[str]:
    """How to run it again."""
    yield from ("", "## Run it again", "", "```sh")
    yield "python -m train study --preset quick            # every arm and every figure, in minutes"
    yield "python -m train study --preset full --together  # on a GPU: all networks, in minutes; then the next line"
    yield "python -m train study --preset full --resume    # what decides; a day of two cores, goes on where it stopped"
    yield "python -m train study --look --preset full      # probes, maps, memory, gradients"
    yield "python -m train study --report                  # this page, from the committed results"
    yield "```"
    if runs:
        commits = Counter(r.commit for r in runs if r.commit)
        yield ""
        yield f"Runs of commits {', '.join(f'`{c}` ({n})' for c, n in sorted(commits.items()))}."
