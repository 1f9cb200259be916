"""``python -m train study --report``: STUDY.md and its figures, out of results alone. No number is written by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from train.study import (
    compared,
    figure_claims,
    figure_maps,
    figure_overfit,
    figure_pareto,
    figure_probes,
    figure_slopes,
    final_table,
    plot,
    seen,
    tables,
    words,
)
from train.study.arms import BUDGETS_MACS_S
from train.study.looks import Looks
from train.study.points import Point, points
from train.study.record import Run
from train.study.slope_runs import MONITOR
from train.study.verdicts import Verdict, arms_of, judge

HARDLY = "Of the quick preset, whose networks have hardly seen a beat: this picture decides nothing."


@dataclass(frozen=True, slots=True, eq=False)
class Results:
    """All that a report is made of.

    Attributes
    ----------
    runs : dict of int to tuple of Run
        For each claim the runs that speak for it: those of the full preset where it has all that the test needs,
        else those of the quick one.
    verdicts : tuple of Verdict
        By claim; where networks were looked into as well, that verdict follows the arms'.
    looks : Looks
    """

    runs: dict[int, tuple[Run, ...]]
    verdicts: tuple[Verdict, ...]
    looks: Looks

    @property
    def all_runs(self) -> list[Run]:
        """Every run that speaks for a claim, once."""
        return list({(r.key, r.preset, r.split): r for own in self.runs.values() for r in own}.values())

    def preset_of(self, claim: int) -> str:
        """Whose runs speak for a claim; empty where nobody's do."""
        return next((r.preset for r in self.runs.get(claim, ())), "")

    def of_claim(self, *claims: int) -> list[Point]:
        """Points of the arms of some claims, each network once, trees and nearest neighbour too; none where
        these two are all there is.

        Of several claims those that the full preset speaks for, where it does for any.
        """
        found: dict[tuple[str, str, str], Point] = {}
        full = [claim for claim in claims if self.preset_of(claim) == "full"]
        for claim in full or claims:
            own = self.runs.get(claim, ())
            for p in points(arms_of(claim, own)) if own else []:
                found.setdefault((p.family, str(p.net), str(p.task)), p)
        networks = any(p.family not in compared.SIMPLE for p in found.values())
        return list(found.values()) if networks else []


def results_of(runs: Sequence[Run], looks: Looks) -> Results:
    """What runs of both presets and looks come to."""
    by_preset = {preset: [r for r in runs if r.preset == preset] for preset in ("full", "quick")}
    said = {preset: {v.claim: v for v in judge(own)} for preset, own in by_preset.items() if own}
    speaks: dict[int, tuple[Run, ...]] = {}
    verdicts = list(seen.judge(looks))
    for preset in ("quick", "full"):
        for claim, verdict in said.get(preset, {}).items():
            if verdict.outcome != "missing" or claim not in speaks:
                speaks[claim] = tuple(by_preset[preset])
                verdicts = [v for v in verdicts if (v.claim, v.preset) != (claim, "quick")] + [verdict]
    order = ("full", "quick", "folds", "gradients")
    return Results(speaks, tuple(sorted(verdicts, key=lambda v: (v.claim, order.index(v.preset)))), looks)


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure of the report: file name, the line under it, and what draws it; `when` it can be drawn; the
    `claims` whose arms it shows."""

    name: str
    caption: str
    draw: Callable[[Path], None]
    when: bool
    claims: tuple[int, ...] = ()


def write(results: Results, folder: Path, figures: str = "figures") -> list[Path]:
    """Write ``STUDY.md`` into `folder`, and all figures that can be drawn into its folder `figures`; gives the files.

    Raises
    ------
    BadInput
        When a file cannot be written, or matplotlib is missing.
    """
    drawn = {p.name: p for p in pictures(results) if p.when}
    files = []
    for picture in drawn.values():
        files.append(folder / figures / f"{picture.name}.svg")
        picture.draw(files[-1])
    plot.write(folder / "STUDY.md", "\n".join(lines(results, drawn, figures)) + "\n")
    return [*files, folder / "STUDY.md"]


def pictures(results: Results) -> Iterator[Picture]:
    """All figures."""
    for picture in (p for p in _of_arms(results) if p.when):
        full = any(results.preset_of(c) == "full" for c in picture.claims)
        told = _seeds(results.of_claim(*picture.claims)) if full else HARDLY
        yield replace(picture, caption=f"{picture.caption} {told}")
    yield from _of_networks(results.looks)
    yield from _of_gradients(results.looks)


def _seeds(shown: Sequence[Point]) -> str:
    few, most = (f([p.seeds for p in shown]) for f in (min, max))
    return (
        f"Full preset, {words.seeds(few)} an arm."
        if few == most
        else f"Full preset, {few} to {most} seeds an arm."
    )


def _of_arms(results: Results) -> Iterator[Picture]:
    cost, windows, memory = results.of_claim(5, 4), results.of_claim(2), results.of_claim(3)
    budgets, deep, people = results.of_claim(4), results.of_claim(6), results.of_claim(7)
    yield Picture(
        "pareto",
        "Macro F1 on held-out patients against what it costs; the line is what no other point beats, bars are 95 % "
        "intervals over records and seeds.",
        lambda path: figure_pareto.draw(cost, path),
        bool(cost),
        (5, 4),
    )
    yield Picture(
        "depth",
        "Macro F1 in percent by window and depth; framed: the smallest depth within 0.01 of the best.",
        lambda path: figure_claims.draw_depth([p for p in windows if p.family == "cnn"], path),
        any(p.family == "cnn" for p in windows),
        (2,),
    )
    yield Picture(
        "reset",
        "Macro F1 of the study's GRUs with the state set back every so many seconds.",
        lambda path: figure_claims.draw_reset([p for p in memory if p.family == "gru"], path),
        any(p.family == "gru" for p in memory),
        (3,),
    )
    yield Picture(
        "budgets",
        "Equal budgets of multiplications, with trees and the nearest neighbour beside them.",
        lambda path: figure_claims.draw_budgets(budgets, BUDGETS_MACS_S, path),
        bool(budgets),
        (4,),
    )
    yield Picture(
        "stacks",
        "Macro F1 by depth of recurrent stacks.",
        lambda path: figure_claims.draw_stacks(deep, path),
        any(p.family in seen.CELLS for p in deep),
        (6,),
    )
    yield Picture(
        "overfit-curves",
        "Training beats (dashed) and unseen patients (solid) by epoch, the largest network of each family.",
        lambda path: figure_overfit.draw_curves(people, path),
        bool(people),
        (7,),
    )
    yield Picture(
        "overfit-gaps",
        "The gap by patients and by parameters, and how often the nearest training beat makes the same error.",
        lambda path: figure_overfit.draw_gaps(people, path),
        bool(people),
        (7,),
    )


def _of_networks(looks: Looks) -> Iterator[Picture]:
    yield Picture(
        "maps-cnn",
        "The beat CNN on a beat of each class, of patients it has never seen: image on top, then each convolution, a "
        "row a unit, dark for silence. The beats are those of median probability of their class.",
        lambda path: figure_maps.draw_cnn([k for k in looks.maps if k.network == "cnn"], path),
        bool(looks.maps),
    )
    yield Picture(
        "maps-gru",
        "The GRU on the same beats, step by step: lead, its two convolutions, the state (orange above, violet below "
        "zero), and what the heads say; the class counts where the dotted line is.",
        lambda path: figure_maps.draw_gru([k for k in looks.maps if k.network == "gru"], path),
        bool(looks.maps),
    )
    yield Picture(
        "probes",
        "What a linear probe reads off each layer on unseen patients (bars: 95 % intervals over patients; dashed: "
        "chance). Layer 0 is the input. Dotted: the same shapes, never trained.",
        lambda path: figure_probes.draw_layers(looks.probes, path),
        bool(looks.probes),
    )
    yield Picture(
        "units",
        "What single units of the GRU's state tell, without any fitting.",
        lambda path: figure_probes.draw_units(looks.probes, path),
        any(s.unit >= 0 for s in looks.probes),
    )
    yield Picture(
        "memory",
        "The folds' GRUs asked with a state that has heard the last seconds alone; dotted: the whole record heard.",
        lambda path: figure_probes.draw_memory(looks.memory, path),
        bool(looks.memory),
    )


def _of_gradients(looks: Looks) -> Iterator[Picture]:
    stacks = any(s.family in seen.CELLS for s in looks.slopes)
    yield Picture(
        "gradients-layers",
        "Root mean square slope of the loss on each layer's weights, by depth of the stack.",
        lambda path: figure_slopes.draw_layers(looks.slopes, path),
        stacks,
    )
    yield Picture(
        "gradients-lags",
        "Root mean square of d loss / d x[t−k] by the lag k, led back through real ECG at 62.5 Hz; what is below the "
        "smallest number of single precision is drawn at the bottom.",
        lambda path: figure_slopes.draw_lags(looks.slopes, path),
        stacks,
    )
    yield Picture(
        "gradients-reach",
        "How far back the slope stays above a hundredth of its largest value.",
        lambda path: figure_slopes.draw_reach(looks.slopes, path),
        stacks,
    )
    yield Picture(
        "gradients-monitor",
        "The monitor's own GRU: how far back the loss of a beat's class is felt. What training did to it.",
        lambda path: figure_slopes.draw_monitor(looks.slopes, path),
        any(s.family == MONITOR for s in looks.slopes),
    )


OF_CLAIM = {
    1: ("maps-cnn", "probes"),
    2: ("depth",),
    3: ("reset", "memory", "maps-gru", "units"),
    4: ("budgets",),
    5: (),
    6: ("stacks", "gradients-layers", "gradients-lags", "gradients-reach", "gradients-monitor"),
    7: ("overfit-curves", "overfit-gaps"),
}
"""Which figures stand under which claim; the one of costs is on top of all."""


def lines(results: Results, drawn: dict[str, Picture], figures: str) -> Iterator[str]:
    """The report, line by line, with the figures that were `drawn` in folder `figures`."""
    verdicts, runs = results.verdicts, results.all_runs
    yield from tables.head(verdicts)
    yield from _figure(drawn, "pareto", figures)
    yield from tables.front_table(results.of_claim(5, 4))
    yield from ("", "## Verdicts", "")
    yield from tables.verdict_table(verdicts, words.CLAIMS, portuguese=False)
    yield from ("", "## Em português", "")
    yield from tables.portuguese(verdicts)
    yield from tables.run_section(runs, results.looks)
    for claim in sorted(words.CLAIMS):
        own = [v for v in verdicts if v.claim == claim]
        yield from ("", f"## Claim {claim}: {words.CLAIMS[claim]}", "")
        yield from tables.claim(own, claim)
        if claim == 1:
            yield from tables.probe_table(results.looks)
        if claim == 3:
            yield from tables.memory_table(results.looks)
        if claim == 6:
            yield from tables.slope_table(results.looks)
            yield from tables.monitor_line(results.looks)
        if results.preset_of(claim):
            yield from compared.table(results.of_claim(claim))
        for name in OF_CLAIM[claim]:
            yield from _figure(drawn, name, figures)
        few = any(v.outcome in ("missing", "part", "too few") for v in own) or not own
        yield from ("", f"*What would change it:* {words.NEEDED if few else ''}{words.CHANGE[claim]}")
    yield from final_table.lines(runs)
    yield from compared.shipped(
        {c: arms_of(c, results.runs[c]) for c in (3, 4) if results.preset_of(c) == "full"}
    )
    yield from tables.tail(runs)


def _figure(drawn: dict[str, Picture], name: str, figures: str) -> Sequence[str]:
    if name not in drawn:
        return ()
    return ("", f"![{name}]({figures}/{name}.svg)", "", f"*{drawn[name].caption}*")
