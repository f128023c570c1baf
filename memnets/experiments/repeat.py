"""One experiment for many seeds, side by side if asked."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor

from memnets.experiments import pool
from memnets.experiments.experiment import Experiment
from memnets.records.run import Run
from memnets.tasks.base import check_integer
from memnets.training.recording import Recording

# The network of each thread's last run, which was compiled for it.
_kept = threading.local()


def repeat(
    experiment: Experiment,
    seeds: Iterable[int],
    recording: Recording | None = None,
    *,
    workers: int | None = 1,
    executor: Executor | None = None,
    engine: str = "auto",
    progress: bool = True,
) -> Iterator[Run]:
    """Train a fresh network for each seed, side by side if asked.

    Each run is the one that `Experiment.run` gives for that seed, bit for bit,
    whatever the number of workers.

    Args:
        experiment: The `Experiment`; its own seed counts for nothing.
        seeds: Integers of at least 0.
        recording: As in `Experiment.run`.
        workers: Positive integer, how many runs are under way at a time: in
            threads where a kernel trains the network, else each in a process
            of its own, or in this one if it is 1. `None` takes as many as pay
            off, at most one a core. Default: 1.
        executor: A `concurrent.futures.Executor` that does the work in the
            place of such workers. Default: `None`.
        engine: As in `memnets.train`.
        progress: As there.

    Yields:
        A `Run` for each seed, in the order of the seeds, as soon as it is
        done. An interrupt (Ctrl-C) gives up the runs under way and is passed
        on.

    Raises:
        RuntimeError: If a worker cannot start or ends early.
    """
    seeds = _check(experiment, seeds, workers)
    if workers is None:
        workers = pool.worthwhile(len(seeds) * pool.seconds(experiment))
    workers = min(workers, len(seeds))
    calls = [
        functools.partial(
            run_on_kept_network,
            experiment,
            recording,
            seed,
            engine=engine,
            progress=progress,
        )
        for seed in seeds
    ]
    if executor is None and workers <= 1:
        return (call() for call in calls)
    make = pool.threads if experiment.uses_kernel(engine) else pool.processes
    return pool.in_order(
        lambda: contextlib.nullcontext(executor) if executor else make(workers),
        calls,
        2 * max(workers, 1),
    )


def _check(experiment, seeds, workers) -> list[int]:
    """Return the seeds, or refuse what is wrong before any work."""
    if not isinstance(experiment, Experiment):
        raise TypeError(
            f"experiment must be an Experiment, got {type(experiment).__name__}"
        )
    if not isinstance(seeds, Iterable):
        raise TypeError(
            f"seeds must be several, such as range(8), got {seeds!r}"
        )
    if workers is not None:
        check_integer("workers", workers, 1)
    return [dataclasses.replace(experiment, seed=s).seed for s in seeds]


def run_on_kept_network(
    experiment: Experiment,
    recording: Recording | None,
    seed: int,
    *,
    engine: str = "auto",
    progress: bool = True,
) -> Run:
    """Train once, on the network of the last call if it still serves.

    Args:
        experiment: The `Experiment`; its own seed counts for nothing.
        recording: As in `Experiment.run`.
        seed: Integer of at least 0.
        engine: As in `memnets.train`.
        progress: As there.

    Returns:
        A `Run`. An interrupt (Ctrl-C) gives it up and is passed on.
    """
    model = None
    if not experiment.uses_kernel(engine):
        from memnets.networks.reset import ResettableNetwork

        made_for, _ = getattr(_kept, "network", (None, None))
        if made_for != experiment:
            network = ResettableNetwork(experiment.build())
            _kept.network = experiment, network
        model = _kept.network[1].reset(seed)
    fresh = dataclasses.replace(experiment, seed=seed)
    run = fresh.run(recording, engine=engine, progress=progress, model=model)
    if run.settings.get("interrupted"):
        raise KeyboardInterrupt
    return run
