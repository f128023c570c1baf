"""Experiments repeated over seeds into a table, a row for each run."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor

import numpy as np
import pandas as pd
from tqdm import tqdm

from memnets.experiments import pool
from memnets.experiments.catalogue import names
from memnets.experiments.experiment import Experiment
from memnets.experiments.repeat import run_on_kept_network
from memnets.experiments.rows import describe, row_of, row_of_diverged
from memnets.records.run import Diverged
from memnets.records.tables import Key, Table, key_of
from memnets.tasks.base import check_integer
from memnets.training.interrupts import deferred_interrupt
from memnets.training.loop import versions
from memnets.training.recording import Recording

EXAMINE_EVERY = 25
# The generator of the sequences that decide at the end; no run learns on it.
FINAL_EXAM = 2**40


def repeat_into(
    path: str | os.PathLike,
    experiments: Mapping[str, Experiment],
    seeds: int | Sequence[int],
    *,
    progress: bool = True,
    workers: int | None = 1,
    executor: Executor | None = None,
    redo: bool = False,
) -> pd.DataFrame:
    """Repeat experiments over seeds and write a row for each run as it ends.

    A row is known by all settings of its run and the seed. Runs whose rows the
    file already holds are not run again, so that the same call goes on where
    an interrupted one stopped; rows of other runs are left alone. Several
    processes may write to one file.

    Args:
        path: The `.csv` file of the table.
        experiments: Dictionary from names to experiments, as from
            `memnets.find`.
        seeds: Positive integer, for the seeds from 0 to `seeds - 1`, or a
            sequence of seeds.
        progress: Boolean, whether to show a text progress bar. Default:
            `True`.
        workers: Positive integer, how many runs are under way at a time, each
            in a process of its own, or in this one if it is 1. `None` takes
            as many as pay off, at most one a core. The rows are the same for
            any number. Default: 1.
        executor: A `concurrent.futures.Executor` that does the work instead,
            such as a Dask client's; `workers` says how many it has. Default:
            `None`.
        redo: Boolean, whether to remove the rows of these runs first, and run
            them anew. Default: `False`.

    Returns:
        The rows of these experiments and seeds, as from `memnets.results`.

    Raises:
        ValueError: If a number is wrong or the file is not such a table.
    """
    seeds = _check_seeds(seeds)
    if workers is not None:
        check_integer("workers", workers, 1)
    table = Table(path)
    wanted = {
        k: {_key(v, seed): seed for seed in seeds}
        for k, v in experiments.items()
    }
    keys = list(dict.fromkeys(key for own in wanted.values() for key in own))
    if redo:
        table.remove(keys)
    held = table.rows().keys() & set(keys)
    left = _left_to_do(experiments, wanted, held)
    options = {"unit": " runs", "disable": not progress}
    with (
        deferred_interrupt() as interrupted,
        tqdm(total=len(keys), initial=len(held), **options) as bar,
    ):
        for row in _rows(left, workers, executor, interrupted):
            table.append(row)
            bar.update()
        if interrupted():
            raise KeyboardInterrupt
    table.arrange(names())
    named = [(name, key) for name, own in wanted.items() for key in own]
    frame = table.frame(key for _, key in named)
    # The file may know a run by another name.
    return frame.assign(experiment=[name for name, _ in named])


def _check_seeds(seeds: int | Sequence[int]) -> list[int]:
    """Return the seeds as a list, refusing any but different integers."""
    if isinstance(seeds, Sequence):
        for seed in seeds:
            check_integer("seeds", seed, 0)
        if not seeds or len(set(seeds)) < len(seeds):
            raise ValueError(f"seeds must be some different ones, got {seeds}")
        return list(seeds)
    check_integer("seeds", seeds, 1)
    return list(range(seeds))


def _key(experiment: Experiment, seed: int) -> Key:
    """Return the key of the row of a run."""
    return key_of({**describe(experiment.settings()), "seed": seed})


def _left_to_do(experiments, wanted, held) -> list[tuple]:
    """Return name, experiment and seed of what no row is held of."""
    done, left = set(held), []
    for name, experiment in experiments.items():
        for key, seed in wanted[name].items():
            if key not in done:
                left.append((name, experiment, seed))
                done.add(key)
    return left


def _rows(left, workers, executor, stop) -> Iterator[dict[str, object]]:
    """Train, here or side by side, and give the row of each run.

    Threads run what kernels train, then processes the rest.
    """
    if executor is not None:
        calls = [functools.partial(_row, *job) for job in left]
        found = pool.completed(
            lambda: contextlib.nullcontext(executor),
            calls,
            2 * (workers or 1),
            stop,
        )
        yield from (row for _, row in found)
        return
    for make in (pool.threads, pool.processes):
        in_threads = make is pool.threads
        own = [j for j in left if j[1].uses_kernel() == in_threads]
        calls = [functools.partial(_row, *job) for job in own]
        count = workers
        if count is None:
            count = pool.worthwhile(sum(pool.seconds(job[1]) for job in own))
        count = min(count, len(own))
        if count > 1:
            pooled = functools.partial(make, count)
            found = pool.completed(pooled, calls, 2 * count, stop)
            yield from (row for _, row in found)
            continue
        for call in calls:
            if stop():
                return
            yield call()


def _row(name: str, experiment: Experiment, seed: int) -> dict[str, object]:
    """Train for a seed, on a network that is kept, and give the run's row."""
    exam = experiment.task.exam(np.random.default_rng(FINAL_EXAM))
    recording = Recording(
        every=experiment.episodes,
        exam_every=EXAMINE_EVERY,
        until_mastered=True,
        final_exam=exam,
    )
    try:
        run = run_on_kept_network(experiment, recording, seed, progress=False)
        row = row_of(run)
    except Diverged:
        # A seed that ended so has failed, and belongs into the table.
        row = row_of_diverged(dataclasses.replace(experiment, seed=seed))
    used = versions()
    return {
        "experiment": name,
        **row,
        "keras": used.get("keras"),
        "tensorflow": used.get("tensorflow"),
    }
