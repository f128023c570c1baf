"""Repeat the classic experiments into a table, a row for each trial."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import math
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor

import pandas as pd
from tqdm import tqdm

from memnets.experiments import pool
from memnets.records.classics import SCHEMA
from memnets.records.tables import Key, Table
from memnets.reproduction.modern import Modern
from memnets.reproduction.rows import ROWS
from memnets.reproduction.rules import FreshSequences, Trial
from memnets.tasks.base import check_integer
from memnets.training.interrupts import deferred_interrupt
from memnets.training.loop import versions

# The columns that are the same wherever and whenever a trial is run.
REPRODUCIBLE = tuple(
    name for name in SCHEMA.columns if name not in ("seconds", "versions")
)
# The most trials that are trained side by side, one in each lane.
SIDE_BY_SIDE = 24


@dataclasses.dataclass(frozen=True)
class Job:
    """Some trials of a row, trained in one go.

    Args:
        row: String, the name of the row.
        method: String, the name of the method.
        seeds: Tuple of integers, one for each trial.
        also: Tuple of strings, the names of methods whose training is the same
            and differs only in when it ends. Default: none.
    """

    row: str
    method: str
    seeds: tuple[int, ...]
    also: tuple[str, ...] = ()

    @property
    def methods(self) -> tuple[str, ...]:
        """The names of all its methods."""
        return self.method, *self.also


def choose(
    rows: Sequence[str] = (), methods: Sequence[str] = ()
) -> list[tuple[str, str]]:
    """Return the pairs of rows and methods of some names.

    Args:
        rows: Names of rows, or their beginnings, such as `"3a"`. Default:
            all.
        methods: Names of methods, or `"1997"` or `"today"` for all that begin
            so. Default: all.

    Raises:
        ValueError: If a name is unknown.
    """
    chosen = []
    for name in rows or ROWS:
        own = [row for row in ROWS if _names(name, row)]
        if not own:
            raise ValueError(
                f"rows must be some of {', '.join(ROWS)}, got {name!r}"
            )
        chosen += own
    known = dict.fromkeys(m for row in ROWS.values() for m in row.attempts)
    for name in methods:
        if not any(m == name or m.startswith(f"{name},") for m in known):
            raise ValueError(
                f"methods must be some of {'; '.join(known)}, got {name!r}"
            )
    return [
        (row, method)
        for row in dict.fromkeys(chosen)
        for method in ROWS[row].attempts
        if not methods
        or any(method == m or method.startswith(f"{m},") for m in methods)
    ]


def _names(name: str, row: str) -> bool:
    """Whether a name is that of a row, or its beginning; 10 begins no 100."""
    rest = row.removeprefix(name)
    return rest != row and not rest[:1].isdigit()


def reproduce(
    path: str | os.PathLike,
    rows: Sequence[str] = (),
    *,
    methods: Sequence[str] = (),
    trials: int | None = None,
    workers: int | None = None,
    executor: Executor | None = None,
    redo: bool = False,
    progress: bool = True,
) -> pd.DataFrame:
    """Run trials of the classic experiments into a table.

    A row is written as soon as its trial ends. Trials that the table holds
    are not run again, so the same call goes on where an interrupted one
    stopped.

    Args:
        path: The `.csv` file of the table.
        rows: As in `choose`.
        methods: As there.
        trials: Positive integer, the trials of each row and method. Default:
            `None`, as many as in the paper.
        workers: Positive integer, how many threads train. Default: `None`, one
            a core.
        executor: A `concurrent.futures.Executor` that does the work instead.
            Default: `None`.
        redo: Boolean, whether to run anew what the table holds. Default:
            `False`.
        progress: Boolean, whether to show a text progress bar. Default:
            `True`.

    Returns:
        The rows of these trials, as a pandas `DataFrame`.

    Raises:
        ValueError: If a name or a number is wrong, or the file is not such a
            table.
    """
    chosen = choose(rows, methods)
    if trials is not None:
        check_integer("trials", trials, 1)
    if workers is not None:
        check_integer("workers", workers, 1)
    table = Table(path, SCHEMA)
    keys = {
        key_of(row, method, seed): (row, method, seed)
        for row, method in chosen
        for seed in range(trials or ROWS[row].attempts[method].trials)
    }
    if redo:
        table.remove(keys)
    held = table.rows().keys() & keys.keys()
    jobs = divide([keys[key] for key in keys if key not in held])
    _run(table, jobs, workers or pool.cores(), executor, progress, len(held))
    table.arrange(list(ROWS))
    return table.frame(keys)


def divide(trials: Sequence[tuple[str, str, int]]) -> list[Job]:
    """Divide trials into jobs of about equal size, each of one method.

    What differs only in when the training ends is in one job.
    """
    shared: dict[tuple[str, str, int], list[str]] = {}
    for row, method, seed in trials:
        key = row, _first_of_its_training(row, method), seed
        shared.setdefault(key, []).append(method)
    groups: dict[tuple[str, tuple[str, ...]], list[int]] = {}
    for (row, _, seed), methods in shared.items():
        groups.setdefault((row, tuple(methods)), []).append(seed)
    jobs = []
    for (row, methods), seeds in groups.items():
        method = ROWS[row].attempts[methods[0]].method
        # Today's LSTM trains one network at a time, so its jobs may be small.
        most = 1 if isinstance(method, Modern) else SIDE_BY_SIDE
        count = math.ceil(len(seeds) / most)
        size = math.ceil(len(seeds) / count)
        for first in range(0, len(seeds), size):
            part = tuple(seeds[first : first + size])
            jobs.append(Job(row, methods[0], part, methods[1:]))
    return jobs


def _first_of_its_training(row: str, method: str) -> str:
    """Return the first method of a row whose training is the same."""
    attempts = ROWS[row].attempts
    own = attempts[method]
    if isinstance(own.method, Modern) and isinstance(own.rule, FreshSequences):
        for name, other in attempts.items():
            drawn_anew = isinstance(other.rule, FreshSequences)
            if drawn_anew and other.method == own.method:
                return name
    return method


def _run(table, jobs, workers, executor, progress, held) -> None:
    """Do the jobs, and write each row as soon as it is there."""
    total = held + sum(len(job.seeds) * len(job.methods) for job in jobs)
    lock = threading.Lock()
    with (
        deferred_interrupt() as interrupted,
        tqdm(
            total=total, initial=held, unit=" trials", disable=not progress
        ) as bar,
    ):

        def write(row):
            with lock:
                table.append(row)
                bar.update()

        if executor is None:
            make = functools.partial(pool.threads, workers)
            call = functools.partial(_write_each, write, interrupted)
            ahead = workers
        else:
            make = functools.partial(contextlib.nullcontext, executor)
            call, ahead = run_job, 4 * workers
        calls = [functools.partial(call, job) for job in jobs]
        for _, found in pool.completed(make, calls, ahead, interrupted):
            for row in found:
                write(row)
        if interrupted():
            raise KeyboardInterrupt


def _write_each(write, stop, job: Job) -> list[dict[str, object]]:
    """Do a job and write its rows one by one; return what is left: none."""
    for row in rows_of(job, stop):
        write(row)
    return []


def run_job(job: Job) -> list[dict[str, object]]:
    """Do a job; return its rows."""
    return list(rows_of(job))


def rows_of(
    job: Job, stop: Callable[[], bool] = lambda: False
) -> Iterator[dict[str, object]]:
    """Run the trials of a job; give the row of each as it ends."""
    task = ROWS[job.row].task
    own = [ROWS[job.row].attempts[name] for name in job.methods]
    method, ends = own[0].method, [(each.rule, each.cap) for each in own]
    if not job.also:
        for trial in method.trials(task, *ends[0], list(job.seeds), stop):
            yield _row_of(job.row, job.method, trial)
        return
    for seed in job.seeds:
        for n, trial in method.share(task, ends, seed, stop):
            yield _row_of(job.row, job.methods[n], trial)


def _row_of(row: str, method: str, trial: Trial) -> dict[str, object]:
    """Return a trial as a row of the table."""
    verdict, error = trial.verdict, trial.measure
    if verdict is not None:
        error = verdict.error
    weights = ROWS[row].attempts[method].method.count_weights(ROWS[row].task)
    return {
        "row": row,
        "method": method,
        "seed": trial.seed,
        "solved": verdict is not None,
        "sequences": trial.sequences,
        "first": verdict and verdict.first,
        "wrong": None if verdict is None else verdict.wrong,
        "tested": None if verdict is None else verdict.tested,
        "error": None if error is None else f"{error:.6g}",
        "weights": weights,
        "seconds": round(trial.seconds, 2),
        "settings": settings_of(row, method),
        "versions": _versions(),
    }


def key_of(row: str, method: str, seed: int) -> Key:
    """Return the key of a trial in the table."""
    settings = settings_of(row, method)
    return SCHEMA.key_of(
        {"row": row, "method": method, "seed": seed, "settings": settings}
    )


@functools.cache
def settings_of(row: str, method: str) -> str:
    """Return all settings of a trial but the seed, as text."""
    own, name = ROWS[row].attempts[method], {}
    if own.rule is not None:
        name = {"name": type(own.rule).__name__}
        name |= dataclasses.asdict(own.rule)
    settings = {
        "task": ROWS[row].task.settings(),
        "rule": name,
        "cap": own.cap,
        **own.method.settings(),
    }
    return json.dumps(settings, separators=(",", ":"))


def _versions() -> str:
    """Return the versions that a kernel's results could depend on."""
    used = versions()
    return f"numpy {used['numpy']}, numba {used['numba']}"
