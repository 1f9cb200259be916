"""All trainings of some claims on a GPU: arms that are shown the same beside each other, several processes."""

from __future__ import annotations

import json
import multiprocessing
import time
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing.queues import Queue
from pathlib import Path
from queue import Empty

import torch

from firmware_bridge.types import BadInput
from train import checkpoint, recurrence
from train.study.config import Job
from train.study.runner import network_path
from train.study.together_data import Course, drawn, held_out_of
from train.study.together_fit import train_arms

BESIDE = 8
"""Arms that a process trains beside each other."""

DRAWERS = 4
"""Processes that draw batches for one that trains."""

Chunk = list[list[Job]]
"""Arms (each with its seeds and folds, the same for all) that are shown the same batches."""


def chunks(todo: Sequence[Job]) -> list[Chunk]:
    """What is trained together, in the order of `todo`; trees and the nearest neighbour are left out."""
    of_arm: dict[str, list[Job]] = defaultdict(list)
    for job in todo:
        if job.net.family not in ("trees", "nn1"):
            of_arm[json.dumps(job.config, sort_keys=True)].append(job)
    alike: dict[str, Chunk] = defaultdict(list)
    for jobs in of_arm.values():
        jobs.sort(key=lambda job: (job.seed, job.fold))
        which = [(job.seed, job.fold, job.n_folds) for job in jobs]
        alike[json.dumps([jobs[0].config["task"], jobs[0].config["budget"], which])].append(jobs)
    return [same[i : i + BESIDE] for same in alike.values() for i in range(0, len(same), BESIDE)]


def run(todo: Sequence[Job], out: Path, n_processes: int, most_s: float) -> int:
    """Train all networks of these jobs that are not there yet and keep each under ``networks``.

    Parameters
    ----------
    most_s : float
        Begin nothing after so many seconds; 0: no limit.

    Returns
    -------
    int
        How many networks are still missing.

    Raises
    ------
    BadInput
        Without a GPU, or without the compiler of its kernels.
    """
    if not torch.cuda.is_available():
        raise BadInput("--together needs a GPU that PyTorch can use (CUDA); leave it out to train on the CPU")
    missing = [job for job in todo if not network_path(out, job.key).exists()]
    parts = chunks(missing)
    if parts:
        recurrence.compiler()  # here, where what is missing is said in a line
    fresh = multiprocessing.get_context("spawn")
    waiting: Queue[Chunk | None] = fresh.Queue()
    for part in parts:
        waiting.put(part)
    for _ in range(n_processes):
        waiting.put(None)
    until = time.time() + most_s if most_s else 0.0
    workers = [fresh.Process(target=work, args=(waiting, out, until)) for _ in range(n_processes)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    waiting.cancel_join_thread()  # what the limit left in it is not waited for
    networks = [network_path(out, job.key) for part in parts for jobs in part for job in jobs]
    left = sum(not path.exists() for path in networks)
    print(json.dumps({"out": str(out), "networks": len(networks) - left, "left": left}), flush=True)
    return left


def work(waiting: Queue[Chunk | None], out: Path, until: float) -> None:
    """Train one chunk after another; the next one's batches are drawn meanwhile."""
    torch.set_num_threads(1)
    with ProcessPoolExecutor(DRAWERS, multiprocessing.get_context("fork")) as pool:

        def ask() -> tuple[Chunk, list[Future[Course]]] | None:
            try:
                part = waiting.get(timeout=1.0)
            except Empty:
                return None
            if part is None or (until and time.time() > until):
                return None
            return part, [pool.submit(drawn, job) for job in part[0]]

        now = ask()
        while now is not None:
            part, futures = now
            courses = [future.result() for future in futures]
            now = ask()
            _train(part, courses, out)


def _train(part: Chunk, courses: list[Course], out: Path) -> None:
    begun = time.perf_counter()
    device = torch.device("cuda")
    for trained in train_arms(part, courses, [held_out_of(job) for job in part[0]], device):
        for one in trained:
            content = {
                "net": one.net,
                "curves": one.curves,
                "config": one.job.config,
                "arm": one.job.arm,
                "answers": torch.from_numpy(one.answers.astype("int8")),
                "trained_on": f"{torch.cuda.get_device_name(device)}, torch {torch.__version__}",
            }
            checkpoint.write(content, network_path(out, one.job.key))
    torch.cuda.empty_cache()
    names = [jobs[0].arm for jobs in part]
    taken = round(time.perf_counter() - begun, 1)
    print(json.dumps({"networks": len(part) * len(part[0]), "arms": names, "s": taken}), flush=True)
