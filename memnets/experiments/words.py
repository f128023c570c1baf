"""Networks that read words: one learns a story, others the latest subject."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from memnets.experiments.catalogue import find
from memnets.experiments.experiment import Experiment
from memnets.experiments.rhythms import lower_median
from memnets.experiments.stages import stages
from memnets.records.run import Run
from memnets.records.trace import NetworkTrace
from memnets.tasks import Batch, LatestSubject, NextWord, join
from memnets.tasks.base import one_hot
from memnets.tasks.words import read_text, words_of
from memnets.training.recording import Recording

STORY = "next-word-memorized/32-softmax"
# Answers are recorded so often while a network learns the story.
EVERY = 10
# The first sentence is regenerated after so many episodes.
TOLD_AFTER = (0, 50, 100, 150, 200, 500)
TOLD_WORDS = 15
# How a network learns which subject is the latest.
SUBJECT = Experiment(
    LatestSubject(),
    units=(4,),
    readout="dense",
    learning_rate=1e-2,
    episodes=2000,
)
# Tested sequences are so many times as long as those of the training.
LONGER = (1, 2, 5, 10)


def answerer(model) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function from symbols to a network's answers.

    Args:
        model: A Keras model whose inputs are one-hot.
    """
    channels = model.input_shape[-1]
    return lambda symbols: model.predict_on_batch(one_hot(symbols, channels))


def study_story(name: str = STORY, seeds: int = 10) -> NetworkTrace:
    """Train networks to memorize the story, and record one of them.

    Args:
        name: String, the experiment of the catalogue.
        seeds: Positive integer; the seeds are 0 to `seeds - 1`. Default: 10.

    Returns:
        A `NetworkTrace` of seed 0 while it reads the first windows of the
        story. Its settings have the episodes `examined`, the accuracies
        `story` and `sequel` of every seed after each of them, and `told`, from
        the episodes to the words that seed 0 generates then.
    """
    experiment = find(name)[name]
    task = _task_of(experiment, NextWord)
    texts = [task.exam(np.random.default_rng(0)), task.windows("sequel")]
    recording = Recording(join(texts), every=EVERY)
    first = len(texts[0].inputs)
    found: dict[str, Any] = {"story": [], "sequel": []}
    runs = [
        dataclasses.replace(experiment, seed=seed).run(
            recording, progress=False
        )
        for seed in range(seeds)
    ]
    for run in runs:
        for key, batch, part in zip(
            found, texts, (slice(first), slice(first, None))
        ):
            marks = [task.accuracy(o[part], batch) for o in run.outputs]
            found[key].append(marks)
    probe = Batch(*(array[:TOLD_WORDS] for array in texts[0]))
    found |= {"examined": runs[0].episodes.tolist()}
    found |= {"told": tell_stages(dataclasses.replace(experiment, seed=0))}
    return _traced(runs[0], probe, found)


def tell_stages(experiment: Experiment) -> dict[str, list[str]]:
    """Let a network tell the beginning of its text at stages of its training.

    Args:
        experiment: `Experiment` with a `NextWord` task.

    Returns:
        A dictionary from the episodes, as text, to the words.
    """
    task, model = _task_of(experiment, NextWord), experiment.build()
    start = words_of(read_text(task.text))[: task.timesteps]
    told, marks = {}, [k for k in TOLD_AFTER if k <= experiment.episodes]
    for run in stages(experiment, marks, progress=False):
        model.set_weights(run.weights)
        told[str(len(run.losses))] = task.generate(
            answerer(model), " ".join(start), TOLD_WORDS - len(start)
        )
    return told


def study_subjects(
    cell: str,
    probe: Batch,
    experiment: Experiment = SUBJECT,
    seeds: int = 10,
    count: int = 10_000,
) -> NetworkTrace:
    """Train networks to name the latest subject, and record the typical one.

    The typical network is the one whose share of correct answers at the
    longest lags is the lower median, the first of equal ones.

    Args:
        cell: String, the name of a cell.
        probe: `Batch`, the sequences that it answers.
        experiment: `Experiment`, how it is trained. Default: `SUBJECT`.
        seeds: Positive integer; the seeds are 0 to `seeds - 1`. Default: 10.
        count: Positive integer, how many sequences a test has. Default:
            10,000.

    Returns:
        A `NetworkTrace`; its setting `correct` has the shares of correct
        answers of every seed, for each of `LONGER`.
    """
    experiment = dataclasses.replace(experiment, cell=cell)
    task = _task_of(experiment, LatestSubject)
    recording = Recording(every=experiment.episodes)
    runs, shares, model = [], [], None
    for seed in range(seeds):
        own = dataclasses.replace(experiment, seed=seed)
        runs.append(own.run(recording, progress=False))
        model = model or own.build()
        model.set_weights(runs[-1].weights)
        shares.append([share_correct(model, task, k, count) for k in LONGER])
    typical = lower_median([own[-1] for own in shares])
    correct = {str(k): own for k, own in zip(LONGER, np.transpose(shares))}
    results = {"correct": {k: own.tolist() for k, own in correct.items()}}
    return _traced(runs[typical], probe, results)


def share_correct(
    model, task: LatestSubject, longer: int, count: int = 10_000
) -> float:
    """Return the share of fresh sequences that a network answers correctly.

    Args:
        model: The Keras model.
        task: The `LatestSubject` that it was trained on.
        longer: Positive integer, so many times as long the sequences are.
        count: Positive integer, how many. Default: 10,000.
    """
    long = dataclasses.replace(task, timesteps=longer * task.timesteps)
    batch = long.sample(count, np.random.default_rng(longer))
    correct: list[np.ndarray] = []
    for start in range(0, count, 1000):
        part = Batch(*(array[start : start + 1000] for array in batch))
        inputs = one_hot(part.inputs, len(task.inputs))
        correct.append(task.correct(model.predict_on_batch(inputs), part))
    return float(np.mean(np.concatenate(correct)))


def _task_of(experiment: Experiment, kind: type) -> Any:
    """Return the task of an experiment; refuse another kind of task."""
    if not isinstance(experiment.task, kind):
        raise TypeError(
            f"experiment must be one with {kind.__name__}, got "
            f"{experiment.task.name}"
        )
    return experiment.task


def _traced(run: Run, probe: Batch, found: dict) -> NetworkTrace:
    """Return what is in the cells of a trained network while it answers."""
    from memnets.tracing.trace import trace

    model = run.model()
    inputs = one_hot(probe.inputs, model.input_shape[-1])
    outputs = model.predict_on_batch(inputs)
    settings = {**run.settings, **found}
    return NetworkTrace(probe, outputs, trace(model, inputs), settings)
