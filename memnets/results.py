"""Result tables: one row a run, written as it comes, summarised over seeds."""

from __future__ import annotations

import csv
import dataclasses
import functools
import os
import pathlib
import sys
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from tqdm import tqdm

from memnets import pool
from memnets.experiments import (
    Experiment,
    describe,
    failed,
    judge,
    names,
    run_kept,
)
from memnets.interrupts import deferred_interrupt
from memnets.quiet import import_tensorflow
from memnets.runs import Diverged, replacing
from memnets.tasks.base import check_integer
from memnets.training import versions

COLUMNS = (
    "experiment",
    "task",
    "timesteps",
    "cell",
    "units",
    "readout",
    "learning_rate",
    "schedule",
    "batch_size",
    "episodes",
    "seed",
    "mastered",
    "correct",
    "deviation",
    "mastered_after",
    "keras",
    "tensorflow",
)
EXAMINE_EVERY = 25
# The generator of the sequences that decide at the end; no run learns on it.
FINAL_EXAM = 2**40


def repeat_into(
    path: str | os.PathLike,
    experiments: Mapping[str, Experiment],
    seeds: int,
    progress: bool = True,
    workers: int | None = 1,
) -> list[dict[str, str]]:
    """Repeat experiments over seeds and write a row for each run as it ends.

    Runs whose rows the file already holds are not run again, so that the same
    call goes on where an interrupted one stopped. A row of an experiment that
    has changed since is run anew.

    Args:
        path: The `.csv` file of the table.
        experiments: Dictionary from names to experiments, as from
            `memnets.experiments.find`.
        seeds: Positive integer; the seeds are 0 to `seeds - 1`.
        progress: Boolean, whether to show a text progress bar. Default:
            `True`.
        workers: Positive integer, how many runs are under way at a time, each
            in a process of its own, or in this one if it is 1. `None` takes
            as many as pay off, at most one a core. The rows are the same for
            any number. Default: 1.

    Returns:
        The rows of these experiments and seeds, as in the file.

    Raises:
        ValueError: If a number is wrong or the file is not such a table.
    """
    check_integer("seeds", seeds, 1)
    if workers is not None:
        check_integer("workers", workers, 1)
    rows = _kept(path, experiments, progress)
    wanted = {
        (name, str(seed)) for name in experiments for seed in range(seeds)
    }
    held = {_key(row) for row in rows} & wanted
    jobs = [
        pool.Job(
            functools.partial(_row, name, experiment),
            [s for s in range(seeds) if (name, str(s)) not in held],
            pool.seconds(experiment),
            experiment.uses_kernel(),
        )
        for name, experiment in experiments.items()
    ]
    with (
        deferred_interrupt() as interrupted,
        tqdm(
            total=len(wanted),
            initial=len(held),
            unit=" runs",
            disable=not progress,
        ) as bar,
    ):
        for row in _rows(jobs, workers, interrupted):
            rows.append(row)
            write_table(rows, path)
            bar.update()
        if interrupted():
            raise KeyboardInterrupt
    return [row for row in read_table(path) if _key(row) in wanted]


def _kept(path, experiments, progress) -> list[dict[str, str]]:
    """Return the rows of a table, without those that are of something else."""
    rows = read_table(path) if pathlib.Path(path).exists() else []
    kept = [row for row in rows if not _outdated(row, experiments)]
    if progress and len(kept) < len(rows):
        print(
            f"{len(rows) - len(kept)} rows of {os.fspath(path)} were made with "
            f"other settings and are run anew",
            file=sys.stderr,
        )
    return kept


def _rows(jobs, workers, stop) -> Iterator[dict[str, object]]:
    """Train, here or side by side, and give the row of each run.

    Threads run what kernels train, then processes the rest.
    """
    for make in (pool.threads, pool.processes):
        own = [job for job in jobs if job.threads == (make is pool.threads)]
        runs = sum(len(job.seeds) for job in own)
        count = workers
        if count is None:
            count = pool.worthwhile(sum(len(j.seeds) * j.seconds for j in own))
        count = min(count, runs)
        if count > 1:
            with make(count) as lanes:
                yield from pool.as_completed(lanes, own, stop)
            continue
        if runs and make is pool.processes:
            import_tensorflow()
        for job in own:
            for seed in job.seeds:
                if stop():
                    return
                yield job.call(seed)


def _row(name: str, experiment: Experiment, seed: int) -> dict[str, object]:
    """Train for a seed, on a network that is kept, and give the run's row."""
    recording = {
        "record_every": experiment.episodes,
        "examine_every": EXAMINE_EVERY,
        "examine_until_mastered": True,
        "progress": False,
    }
    exam = experiment.task.exam(np.random.default_rng(FINAL_EXAM))
    try:
        judged = judge(run_kept(experiment, exam, recording, seed))
    except Diverged:
        # A seed that ended so has failed, and belongs into the table.
        judged = failed(dataclasses.replace(experiment, seed=seed))
    used = versions()
    return {
        "experiment": name,
        **judged,
        "keras": used.get("keras"),
        "tensorflow": used.get("tensorflow"),
    }


def read_table(path: str | os.PathLike) -> list[dict[str, str]]:
    """Read a table.

    Raises:
        ValueError: If the file is damaged or holds something else.
    """
    try:
        with open(path, newline="", encoding="utf-8") as file:
            heading, *lines = csv.reader(file, strict=True)
    except (csv.Error, UnicodeDecodeError, ValueError):
        heading, lines = [], []
    whole = all(len(line) == len(COLUMNS) for line in lines)
    if tuple(heading) != COLUMNS or not whole:
        raise ValueError(
            f"{os.fspath(path)} is not a table of results that memnets wrote, "
            f"or it is damaged"
        )
    rows = [dict(zip(COLUMNS, line)) for line in lines]
    return rows


def write_table(rows: list[dict], path: str | os.PathLike) -> None:
    """Write a table, completely or not at all, in the catalogue's order.

    What is not in the catalogue comes after it, by name.
    """
    order = {name: number for number, name in enumerate(names())}

    def place(row):
        name = row["experiment"]
        return order.get(name, len(order)), name, int(row["seed"])

    rows = sorted(rows, key=place)
    with (
        replacing(path) as temporary,
        open(temporary, "w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def summary(rows: list[dict[str, str]]) -> str:
    """Return a table as text: a line for each experiment, over its seeds.

    Episodes to mastery are counted to the first exam passed, over the seeds
    that passed one; an exam is held every 25 episodes. Brackets hold the 10 %
    and 90 % quantiles.
    """
    lines = [
        f"{'experiment':26}{'mastered':>10}{'ever':>8}"
        f"{'episodes to mastery':>22}{'deviation':>30}"
    ]
    for name in dict.fromkeys(row["experiment"] for row in rows):
        own = [row for row in rows if row["experiment"] == name]
        when = [int(r["mastered_after"]) for r in own if r["mastered_after"]]
        mastered = sum(str(row["mastered"]) == "True" for row in own)
        deviations = [float(row["deviation"]) for row in own]
        lines.append(
            f"{name:26}{mastered:>7}/{len(own)}{len(when):>5}/{len(own)}"
            f"{_spread(when, '.0f'):>22}{_spread(deviations, '.2g'):>30}"
        )
    return "\n".join(lines)


def _spread(values: list[float], form: str) -> str:
    if not values:
        return "-"
    low, middle, high = quantiles(values)
    return f"{middle:{form}} [{low:{form}} to {high:{form}}]"


def quantiles(values: Sequence[float]) -> np.ndarray:
    """Return the 10 %, 50 % and 90 % quantiles; values may be infinite."""
    with np.errstate(invalid="ignore"):
        found = np.quantile(values, [0.1, 0.5, 0.9])
    return np.where(np.isnan(found), np.inf, found)


def _outdated(row: dict[str, str], experiments: dict[str, Experiment]) -> bool:
    """Whether a row is of an experiment that now says something else."""
    experiment = experiments.get(row["experiment"])
    if experiment is None:
        return False
    now = describe(experiment.settings())
    return any(row[column] != str(value) for column, value in now.items())


def _key(row: dict[str, str]) -> tuple[str, str]:
    return row["experiment"], row["seed"]
