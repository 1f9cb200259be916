"""The looks into networks, kept as JSON lines: probes, maps, memory, gradients."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from firmware_bridge.types import BadInput
from train.study import maps, memory, probes, slope_runs, slopes
from train.study.maps import Look
from train.study.memory import MemoryScore
from train.study.probes import ProbeScore
from train.study.slopes import Slope

QUICK_PATIENTS = 8

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Looks:
    """What was found by looking into networks; empty where nobody has looked."""

    probes: tuple[ProbeScore, ...] = ()
    maps: tuple[Look, ...] = ()
    memory: tuple[MemoryScore, ...] = ()
    slopes: tuple[Slope, ...] = ()


def run(preset: str, folder: Path, tell: Tell = lambda line: None, limit: int | None = None) -> Looks:
    """Look into the networks of the folds, and into stacks made for it; what `folder` has is not looked at again.

    Parameters
    ----------
    preset : str
        'quick' (few patients, hardly trained stacks) or 'full'.
    folder : Path
        Where probes.jsonl, maps.jsonl, memory.jsonl and slopes.jsonl are, or will be.
    limit : int, optional
        Look at about so many patients instead of all (60); 'quick' looks at :data:`QUICK_PATIENTS`.

    Raises
    ------
    BadInput
        When records or the folds' networks are missing, or the folder cannot be written.
    """
    limit = QUICK_PATIENTS if preset == "quick" else limit
    makers: dict[str, Callable[[], Iterator[dict[str, Any]]]] = {
        "maps": lambda: (look.to_dict() for look in maps.run()),
        "probes": lambda: packed(probes.run(limit, tell)),
        "memory": lambda: (asdict(score) for score in memory.run(limit, tell)),
    }
    for name, make in makers.items():
        path = folder / f"{name}.jsonl"
        if not path.exists():
            tell(f"{name}: {path}")
            _write(path, make())
    _go_on(folder / "slopes.jsonl", preset, tell)
    return read(folder)


def read(folder: Path) -> Looks:
    """What a folder holds.

    Raises
    ------
    BadInput
        When a file is there and no such results.
    """
    return Looks(
        tuple(_each(folder / "probes.jsonl", unpacked)),
        tuple(_each(folder / "maps.jsonl", lambda c: [Look.from_dict(c)])),
        tuple(_each(folder / "memory.jsonl", lambda c: [memory.from_line(c)])),
        tuple(_each(folder / "slopes.jsonl", lambda c: [slopes.from_line(c)])),
    )


def packed(scores: Iterable[ProbeScore]) -> Iterator[dict[str, Any]]:
    """Probes as lines, the units of a layer in one line a question."""
    units: dict[tuple[str, str, str], list[ProbeScore]] = {}
    for score in scores:
        if score.unit < 0:
            yield probes.line(score)
        else:
            units.setdefault((score.network, score.layer, score.question), []).append(score)
    for own in units.values():
        first = {k: v for k, v in probes.line(replace(own[0], unit=0)).items() if k != "score"}
        yield {**first, "units": [s.score for s in own]}


def unpacked(content: dict[str, Any]) -> Iterator[ProbeScore]:
    """What :func:`packed` made a line of."""
    if "units" not in content:
        yield probes.from_line(content)
        return
    for unit, score in enumerate(content["units"]):
        rest = {k: v for k, v in content.items() if k != "units"}
        yield probes.from_line({**rest, "unit": unit, "score": score})


def _each(path: Path, make: Callable[[dict[str, Any]], Iterable[Any]]) -> Iterator[Any]:
    if not path.exists():
        return
    for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            yield from make(json.loads(text))
        except (ValueError, TypeError, KeyError) as error:
            raise BadInput(
                f"{path}:{number}: no result of the study ({error}); delete the file and look again: "
                "python -m train study --look"
            ) from None


def _write(path: Path, lines: Iterable[dict[str, Any]]) -> None:
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("w", encoding="utf-8") as file:
            file.writelines(_line(content) for content in lines)
        part.replace(path)
    except OSError as error:
        raise BadInput(f"cannot write {path}: {error.strerror or error}; choose another --out") from None
    finally:
        part.unlink(missing_ok=True)


def _go_on(path: Path, preset: str, tell: Tell) -> None:
    """Gradients take long: each is kept as it comes; a line torn by whoever was killed is made again."""
    kept = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    done = []
    for text in kept:
        try:
            done.append(slopes.from_line(json.loads(text)))
        except (ValueError, TypeError):
            continue
    if len(done) < len(kept):
        _write(path, (slopes.line(s) for s in done))
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        for slope in slope_runs.run(preset, done, tell):
            file.write(_line(slopes.line(slope)))
            file.flush()


def _line(content: dict[str, Any]) -> str:
    return json.dumps(content, separators=(",", ":")) + "\n"
