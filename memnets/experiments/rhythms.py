"""Networks that count letters or keep time: trained, chosen and recorded."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from memnets.experiments.experiment import Experiment
from memnets.records.run import Run
from memnets.records.trace import NetworkTrace
from memnets.tasks import (
    AnBn,
    Batch,
    GenerateSpikes,
    MeasureSpikeDelays,
    PeriodicFunction,
    Task,
)
from memnets.tasks.base import one_hot
from memnets.training.recording import Recording

# An LSTM that learns a^n b^n, n from 1 to 10, in a second.
COUNTING = Experiment(
    AnBn(),
    units=(4,),
    readout="dense",
    learning_rate=0.05,
    schedule="cosine",
    episodes=10_000,
    batch_size=16,
)
# The largest n that is tried.
LONGEST = 300
# The three timing tasks. All draws of the last are one stream.
TIMING: tuple[Task, ...] = (
    GenerateSpikes(),
    MeasureSpikeDelays(),
    PeriodicFunction(),
)
# Test streams are so many times as long as those of the training.
LONGER, STREAMS = 20, 50


def timing_experiment(task: Task, cell: str = "lstm") -> Experiment:
    """Return how a small network learns a timing task.

    Args:
        task: One of `TIMING`, or another of their classes.
        cell: String, the name of a cell. Default: `"lstm"`.
    """
    return dataclasses.replace(
        COUNTING,
        task=task,
        cell=cell,
        learning_rate=0.02,
        episodes=3000,
        # A batch of equal streams has the gradient of one.
        batch_size=1 if isinstance(task, PeriodicFunction) else 16,
    )


def first_failure(run: Run, longest: int = LONGEST) -> int:
    """Return the smallest n whose string a trained network fails.

    Args:
        run: The `Run` of an experiment with `AnBn` or `AnBnCn`.
        longest: Positive integer, the largest n to try. Default: 300.

    Returns:
        An integer, `longest + 1` if no string fails.

    Raises:
        TypeError: If the run is one of another task.
    """
    task = run.task
    if not isinstance(task, AnBn):
        raise TypeError(f"run must be one of anbn or anbncn, got {task.name}")
    model = run.model()
    channels = model.input_shape[-1]

    def answer(symbols):
        return model.predict_on_batch(one_hot(symbols, channels))

    return task.first_failure(answer, longest) or longest + 1


def share_right(run: Run) -> float:
    """Return the share of long streams that a network answers correctly.

    Args:
        run: The `Run` of a timing task.
    """
    timesteps = LONGER * run.task.timesteps
    long = dataclasses.replace(run.task, timesteps=timesteps)
    count = 1 if isinstance(long, PeriodicFunction) else STREAMS
    batch = long.sample(count, np.random.default_rng(1))
    outputs = run.model().predict_on_batch(batch.inputs)
    return float(np.mean(long.correct(outputs, batch)))


def run_seeds(experiment: Experiment, seeds: int) -> list[Run]:
    """Train one network for each seed from 0 on; record only the end."""
    recording = Recording(every=experiment.episodes)
    return [
        dataclasses.replace(experiment, seed=seed).run(
            recording, progress=False
        )
        for seed in range(seeds)
    ]


def lower_median(values: Sequence[float]) -> int:
    """Return the position of the lower median, the first of equal ones."""
    order = np.argsort(values, kind="stable")
    return int(order[(len(order) - 1) // 2])


def study_counting(probe: Batch, seeds: int = 10) -> NetworkTrace:
    """Train networks to count letters, and record the typical one.

    The typical network is the one whose first failing n is the lower median.

    Args:
        probe: `Batch`, the strings of `AnBn` that it answers.
        seeds: Positive integer; the seeds are 0 to `seeds - 1`. Default: 10.

    Returns:
        A `NetworkTrace`; its setting `first_failures` has the first failing n
        of every seed.
    """
    runs = run_seeds(COUNTING, seeds)
    found = [first_failure(run) for run in runs]
    return _traced(runs[lower_median(found)], probe, {"first_failures": found})


def study_timing(
    cell: str,
    tasks: Sequence[Task] = TIMING,
    seeds: int = 8,
    episodes: int | None = None,
) -> NetworkTrace:
    """Train networks on timing tasks, and record a typical one of the first.

    The typical network is the one whose share of correct long streams is the
    upper median over the seeds, the first of equal ones.

    Args:
        cell: String, the name of a cell.
        tasks: Sequence of timing tasks. Default: `TIMING`.
        seeds: Positive integer; the seeds are 0 to `seeds - 1`. Default: 8.
        episodes: Positive integer, the episodes of the training. Default:
            `None`, those of `timing_experiment`.

    Returns:
        A `NetworkTrace`; its setting `shares` has, for each task by name, the
        share of correct long streams of every seed.
    """
    shares: dict[str, list[float]] = {}
    for task in tasks:
        experiment = timing_experiment(task, cell)
        if episodes is not None:
            experiment = dataclasses.replace(experiment, episodes=episodes)
        runs = run_seeds(experiment, seeds)
        shares[task.name] = [share_right(run) for run in runs]
        if task is tasks[0]:
            kept = runs[lower_median([-k for k in shares[task.name]])]
    probe = tasks[0].sample(1, np.random.default_rng(3))
    return _traced(kept, probe, {"shares": shares})


def _traced(run: Run, probe: Batch, found: dict) -> NetworkTrace:
    """Return what is in the cells of a trained network while it answers."""
    from memnets.tracing.trace import trace

    model = run.model()
    inputs = one_hot(probe.inputs, model.input_shape[-1])
    outputs = model.predict_on_batch(inputs)
    settings = {**run.settings, **found}
    return NetworkTrace(probe, outputs, trace(model, inputs), settings)
