"""``python -m train study``: plan, run, go on, judge."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict
from importlib.resources import files
from multiprocessing import connection
from pathlib import Path
from typing import Any

from firmware_bridge.types import BadInput
from train.study import arms, pack, record
from train.study.config import Job

RESULTS, LOOKS, FIGURES = "results.jsonl", "looks", "study/figures"
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def main(argv: list[str] | None = None) -> int:
    """``python -m train study``: put the claims about CNNs and RNNs to the test.

    Every run is one line of JSON in DIR/results.jsonl; what is there is not run again.
    """
    args = parser().parse_args(argv)
    if args.jobs < 1:
        raise BadInput(f"--jobs: got {args.jobs}, expected 1 or more")
    out = args.out or Path("runs") / f"study-{args.preset}"
    claims = tuple(args.claim) if args.claim else arms.ORDER
    done, n_torn = record.read(out / RESULTS)
    if n_torn:
        print(f"{n_torn} lines of {out / RESULTS} are torn and left out", flush=True)
    done = [run for run in done if run.preset == args.preset]
    if args.verdict:
        return tell(done or committed(args.preset), claims)
    if args.pack:
        return keep(done, args.pack)
    if args.report:
        return publish(args.out)
    if args.look:
        return look(args.preset, out, args.patients)
    if args.final:
        from train.study import final

        todo = final.jobs(out, done, args.preset)
    else:
        todo = [job for job in arms.jobs(args.preset, claims) if not _is_done(job, done)]
    if args.plan:
        return plan(todo, done, claims)
    if done and not args.resume:
        raise BadInput(
            f"{out / RESULTS} has {len(done)} results; add --resume to go on, or choose another --out"
        )
    if args.together:
        from train.study import together_run

        return int(together_run.run(todo, out, args.jobs, args.hours * 3600.0) > 0)
    status = run(todo, out, args.jobs, args.hours * 3600.0)
    if status == 0 and args.preset == "quick" and not (args.claim or args.hours):
        return look(args.preset, out) or publish(out)  # quick shows everything there is to be seen
    return status


def parser() -> argparse.ArgumentParser:
    """The words that the command takes."""
    made = argparse.ArgumentParser(prog="python -m train study", description=main.__doc__)
    made.add_argument(
        "--preset", choices=("quick", "full"), default="quick",
        help="quick: every arm, hardly trained, in minutes; full: what the report uses, a day",
    )  # fmt: skip
    made.add_argument("--claim", type=int, action="append", choices=sorted(arms.ORDER), help="this one alone")
    made.add_argument("--out", type=Path, help="results and networks (default: runs/study-PRESET)")
    made.add_argument("--resume", action="store_true", help="go on where results are")
    made.add_argument(
        "--jobs", type=int, default=1, metavar="N", help="trainings beside each other (default: 1)"
    )
    made.add_argument("--hours", type=float, default=0.0, help="begin no training after so long")
    made.add_argument(
        "--together", action="store_true",
        help="on a GPU: train the networks of many arms at once and keep them; then run again without it to score them",
    )  # fmt: skip
    made.add_argument("--plan", action="store_true", help="say what would be run, and for how long")
    made.add_argument("--verdict", action="store_true", help="say what the results in DIR come to")
    made.add_argument(
        "--final", action="store_true",
        help="what the folds chose, trained on DS1 and scored on DS2 and svdb: once",
    )  # fmt: skip
    made.add_argument(
        "--pack", type=Path, metavar="FILE", help="write the results in DIR small, as they are kept"
    )
    made.add_argument(
        "--look", action="store_true", help="look into networks: probes, maps, memory, gradients"
    )
    made.add_argument("--patients", type=int, metavar="N", help="look at about N patients (default: all, 60)")
    made.add_argument(
        "--report",
        action="store_true",
        help="write STUDY.md and its figures: of the committed results, or of DIR's",
    )
    return made


def look(preset: str, out: Path, patients: int | None = None) -> int:
    """Look into networks; what was found is kept in the folder ``looks`` of `out`.

    Raises
    ------
    BadInput
        When `patients` is below 6: each fold must have some on both sides.
    """
    if patients is not None and patients < 6:
        raise BadInput(f"--patients: got {patients}, expected 6 or more")
    from train.study import looks

    for name in ONE_THREAD:
        os.environ.setdefault(name, "1")
    looks.run(preset, out / LOOKS, lambda line: print(line, flush=True), patients)
    return 0


def publish(out: Path | None) -> int:
    """Write the report: of the committed results beside the package's code, of those in `out` there."""
    from train.study import looks, report

    folder = Path(str(files("train"))) if out is None else out
    held = folder / "study" / "results" if out is None else out
    runs = record.read(out / RESULTS)[0] if out else [*committed("full"), *committed("quick")]
    found = looks.read(held / LOOKS)
    if not runs and not any((found.probes, found.maps, found.memory, found.slopes)):
        raise BadInput(f"{held}: no results; run the study first: python -m train study")
    for path in report.write(report.results_of(runs, found), folder, FIGURES if out is None else "figures"):
        print(path)
    return 0


def committed(preset: str) -> list[record.Run]:
    """The results that came with the program."""
    return pack.read(Path(str(files("train") / "study" / "results" / f"{preset}.jsonl")))


def keep(runs: Sequence[record.Run], path: Path) -> int:
    """Write the runs to `path`, packed. Raises BadInput where there are none, or it cannot be written."""
    if not runs:
        raise BadInput("no results to pack; run the study first: python -m train study")
    text = pack.pack(runs)
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BadInput(f"cannot write {path}: {error.strerror or error}; choose another file") from None
    print(json.dumps({"file": str(path), "runs": len(runs), "bytes": len(text)}))
    return 0


def tell(runs: Sequence[record.Run], claims: tuple[int, ...]) -> int:
    """Print the verdicts, a line of JSON each. Raises BadInput where there is nothing to judge."""
    from train.study import verdicts

    if not runs:
        raise BadInput("no results to judge; run the study first: python -m train study")
    for verdict in verdicts.judge(runs):
        if verdict.claim in claims:
            print(json.dumps(asdict(verdict)))
    return 0


def _is_done(job: Job, done: Sequence[record.Run]) -> bool:
    keys = {run.key for run in done}
    return {job.key, *(f"{job.key}-r{k:g}" for k in job.resets)} <= keys


def plan(todo: Sequence[Job], done: Sequence[record.Run], claims: tuple[int, ...]) -> int:
    """Print the runs by claim and the hours of a core they are expected to take, by what the finished ones took."""
    pace = pace_of(done)
    n: dict[int, int] = Counter()
    hours: dict[int, float] = defaultdict(float)
    for job in todo:
        claim = next(c for c in arms.ORDER if c in job.claims and c in claims)  # for which it is made first
        n[claim] += 1
        hours[claim] += arms.seconds(job) * pace / 3600.0
    for job in todo:
        print(f"{'+'.join(map(str, job.claims)):<8}{job.arm:<36} seed {job.seed} fold {job.fold}"
              f" {arms.seconds(job) * pace:8.0f} s")  # fmt: skip
    for claim in n:
        print(f"claim {claim}: {n[claim]} runs, {hours[claim]:.1f} h of a core")
    by = f"at the pace of {len(done)} finished runs" if done else "by arithmetic; nothing was run yet"
    print(f"{len(todo)} runs to do, {len(done)} done; {sum(hours.values()):.1f} h of a core ({by})")
    return 0


def pace_of(done: Sequence[record.Run]) -> float:
    """How much longer the finished runs took than they were expected to; 1 where there is none."""
    expected = taken = 0.0
    known = {job.key: job for preset in {run.preset for run in done} for job in arms.jobs(preset)}
    for one in done:
        if one.key in known and one.split == "fold":
            expected += arms.seconds(known[one.key])
            taken += one.wall_s
    return taken / expected if expected else 1.0


def run(todo: Sequence[Job], out: Path, n_processes: int, most_s: float) -> int:
    """Do the jobs, writing each result as it comes.

    Raises
    ------
    BadInput
        When a worker was killed, most likely for want of memory.
    """
    from tqdm import tqdm

    for (
        name
    ) in ONE_THREAD:  # before any library is loaded in the workers; also what makes a run repeat itself
        os.environ[name] = "1"
    begun, waiting = time.monotonic(), list(todo)
    running: set[Future[list[record.Run]]] = set()
    fresh = multiprocessing.get_context("spawn")
    expected = sum(arms.seconds(job) for job in todo)
    bar: Any = tqdm(total=round(expected), unit="s", desc="study", smoothing=0.05, disable=not todo)
    with ProcessPoolExecutor(n_processes, fresh, leave_with_parent) as pool, bar:
        at: dict[Future[list[record.Run]], Job] = {}
        while waiting or running:
            late = most_s and time.monotonic() - begun > most_s
            while waiting and len(running) < n_processes and not late:
                job = waiting.pop(0)
                future = pool.submit(do, job, out)
                running.add(future)
                at[future] = job
                bar.set_postfix_str(f"{len(todo) - len(waiting)}/{len(todo)} {job.arm}")
            if not running:
                break
            ready, running = wait(running, return_when=FIRST_COMPLETED)
            for future in ready:
                job = at.pop(future)
                try:
                    record.append(out / RESULTS, future.result())
                except BrokenProcessPool:
                    raise BadInput(
                        f"study: the process that trained {job.arm} was killed, for want of memory perhaps; "
                        "go on with --resume and fewer --jobs"
                    ) from None
                bar.update(round(arms.seconds(job)))
    print(json.dumps({"out": str(out / RESULTS), "runs": len(todo) - len(waiting), "left": len(waiting)}))
    return 0


def leave_with_parent() -> None:
    """Have this process end with the one that began it, in the middle of a training too."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def do(job: Job, out: Path) -> list[record.Run]:
    """One job in a process of its own."""
    from train.fit import one_thread
    from train.study import final
    from train.study.runner import execute

    with one_thread():
        return execute(job, out, *final.sides(job)) if job.n_folds == 1 else execute(job, out)
