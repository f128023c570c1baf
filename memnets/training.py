"""The training loop, the only one of the package."""

from __future__ import annotations

import contextlib
import functools
import math
import platform
from collections.abc import Iterator

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from memnets.checks import (
    check_engine,
    check_model,
    check_numbers,
    check_probe,
)
from memnets.engine import Engine
from memnets.express import Express
from memnets.express_rules import fits
from memnets.interrupts import deferred_interrupt
from memnets.lessons import EXAM, Lessons, block_length, generator
from memnets.runs import Diverged, Run
from memnets.tasks import Batch, Task


def train(
    model: keras.Model,
    task: Task,
    episodes: int = 300,
    batch_size: int = 20,
    probe: Batch | None = None,
    seed: int = 0,
    *,
    record_every: int | None = None,
    watch: str | None = None,
    examine_every: int | None = None,
    examine_until_mastered: bool = False,
    engine: str = "auto",
    progress: bool = True,
) -> Run:
    """Train a network and record what it answers on fixed sequences.

    An episode is one update on one fresh batch. The model and its optimizer
    are left as `fit` would leave them, so that training can go on with a
    second call. Interrupting (Ctrl-C) ends the training after the block of
    episodes under way, and the run so far is returned.

    Args:
        model: A compiled Keras model from `(batch, time, input channel)` to
            `(batch, time, output channel)`.
        task: The task to learn.
        episodes: Positive integer, the number of updates. Default: 300.
        batch_size: Positive integer, the sequences of a batch. Default: 20.
        probe: `Batch`, the fixed sequences whose answers are recorded.
            Default: `None`, one sequence drawn from the task.
        seed: Integer of at least 0, the seed of all that is drawn. Default: 0.
        record_every: Positive integer, the episodes from record to record;
            the first is made before training, the last after it. Default:
            `None`, every episode, or less often where the records would take
            more than 256 MB.
        watch: String, the name of a layer whose outputs are recorded beside
            the answers. Default: `None`.
        examine_every: Positive integer, the episodes from exam to exam. The
            exam's sequences are drawn once. Default: `None`, no exams.
        examine_until_mastered: Boolean, whether exams end with the first one
            that is passed. Default: `False`.
        engine: `"graph"` or `"xla"`, how the episodes are compiled, or
            `"auto"`, the faster of the two: XLA takes seconds to compile and
            then runs many times as fast. They round differently. Default:
            `"auto"`.
        progress: Boolean, whether training that takes more than four seconds
            shows a text progress bar. Default: `True`.

    Returns:
        A `Run`.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If an argument is out of range, or the model does not fit
            the task.
        Diverged: If the loss is no longer finite; names the episode.
    """
    check_numbers(episodes, batch_size, seed, record_every, examine_every)
    xla = check_engine(engine, episodes, task)
    check_model(model, task, batch_size, watch)
    probe = check_probe(probe, task, seed)
    every = record_every or _affordable(episodes, probe)
    shapes = (batch_size, task.timesteps), probe.inputs.shape
    express = engine == "auto" and xla and fits(model, *shapes, every, watch)
    built = _engine(model, task, batch_size, every, probe, watch, xla, express)
    notes = _Notes(built.record(probe.inputs), every, episodes)
    arrange = functools.partial(built.arrange, probe.inputs)
    lessons = Lessons(task, batch_size, seed, arrange)
    examine = _Examiner(
        task, seed, built.answer, examine_every, examine_until_mastered
    )
    _teach(built, lessons, notes, probe.inputs, examine, progress)
    return notes.run(
        probe,
        batch_size=batch_size,
        engine=built.name,
        record_every=every,
        seed=seed,
        task=task.settings(),
        versions=versions(),
    )


def _teach(built, lessons, notes, probe, examine, progress) -> None:
    """Run all episodes, or those until an interrupt, and note them down."""
    last = 0
    with (
        _taught(built),
        deferred_interrupt() as interrupted,
        # A bar appears only where the work takes more than four seconds.
        tqdm(
            total=notes.total, unit=" episodes", disable=not progress, delay=4
        ) as bar,
    ):
        examine(notes, last)
        while last < notes.total and not interrupted():
            stops = lessons.length, examine.every, built.stops
            ends = [(last // n + 1) * n for n in stops if n]
            first = last
            last = min(notes.total, first + built.longest_call, *ends)
            block, start = lessons.block(first)
            slots = notes.slots(first, last)
            notes.write(*built.run(block, probe, first - start, slots))
            bar.update(last - first)
            examine(notes, last)


@contextlib.contextmanager
def _taught(built) -> Iterator[None]:
    """Leave in the model what was learned, whatever happens."""
    built.begin()
    try:
        yield
    finally:
        built.end()


class _Notes:
    """What is written down on the way to a `Run`."""

    def __init__(self, first_record, every: int, episodes: int):
        self.every, self.total = every, episodes
        self.episodes = [np.zeros(1, int)]
        self.records = [[array] for array in first_record]
        self.losses: list[np.ndarray] = []
        self.exams: list[int] = []
        self.scores: list[float] = []

    def slots(self, first: int, last: int) -> np.ndarray:
        """Return the slot of the record after each episode, or -1."""
        done = np.arange(first + 1, last + 1)
        due = (done % self.every == 0) | (done == self.total)
        self.episodes.append(done[due])
        return np.where(due, np.cumsum(due) - 1, -1)

    def write(self, losses: np.ndarray, records: list[np.ndarray]) -> None:
        """Keep the losses and the records of some episodes."""
        before = sum(map(len, self.losses))
        self.losses.append(losses)
        for kept, new in zip(self.records, records):
            kept.append(new)
        broken = np.flatnonzero(~np.isfinite(losses))
        if broken.size:
            raise Diverged(
                f"the loss became {losses[broken[0]]} in episode "
                f"{before + broken[0] + 1}; a lower learning rate or gradient "
                f"clipping (clipnorm) may help"
            )

    def run(self, probe: Batch, **settings) -> Run:
        """Return all of it as a `Run`."""
        losses = np.concatenate(self.losses)
        outputs, *hidden = map(np.concatenate, self.records)
        if len(losses) < self.total:
            settings["interrupted"] = True
        return Run(
            losses=losses,
            episodes=np.concatenate(self.episodes),
            outputs=outputs,
            probe=probe,
            hidden=hidden[0] if hidden else None,
            exams=np.array(self.exams, int),
            scores=np.array(self.scores, float),
            settings={**settings, "episodes": len(losses)},
        )


class _Examiner:
    """Examines the network as it is now, where an exam is due."""

    def __init__(self, task, seed, answer, every, until_mastered):
        self.task, self.answer, self.every = task, answer, every
        self.until_mastered = until_mastered
        self.exam = every and task.exam(generator(seed, EXAM))

    def __call__(self, notes: _Notes, episode: int) -> None:
        if not self.every or episode % self.every:
            return
        outputs = self.answer(self.exam.inputs)
        score = float(np.mean(self.task.correct(outputs, self.exam)))
        notes.exams.append(episode)
        notes.scores.append(score)
        if self.until_mastered and score >= self.task.pass_mark:
            self.every = None


def _engine(
    model: keras.Model,
    task: Task,
    batch_size: int,
    record_every: int,
    probe: Batch,
    watch: str | None,
    xla: bool,
    express: bool,
) -> Engine | Express:
    """Return the model's engine, the one of the last call if it still fits."""
    shape = (block_length(task, batch_size), batch_size, task.timesteps)
    key = (
        shape,
        task.inputs,
        task.outputs,
        record_every,
        probe.inputs.shape,
        watch,
        xla,
        express,
        *_compilation(model),
    )
    kept_key, engine = model.__dict__.get("_memnets_engine", (None, None))
    if kept_key != key:
        shapes = Batch(
            (*shape, len(task.inputs)), (*shape, len(task.outputs)), shape
        )
        arguments = model, shapes, probe.inputs, watch, record_every
        engine = _built(express, xla, *arguments)
        # Kept beside the model, not in a table, so that both are freed
        # together; past Keras, which would track it as a part of the model.
        model.__dict__["_memnets_engine"] = key, engine
    return engine


def _built(express: bool, xla: bool, *arguments) -> Engine | Express:
    if express:
        # A fusion that XLA forms and cannot compile; seen with more units.
        with contextlib.suppress(tf.errors.UnimplementedError):
            return Express(*arguments)
    return Engine(*arguments, xla)


def _compilation(model: keras.Model) -> tuple:
    """Return what a compiled function of the model depends on."""
    options = model.optimizer.get_config()
    if isinstance(options.get("learning_rate"), (int, float)):
        del options["learning_rate"]  # it is a variable of the function
    variables = [id(variable) for variable in model.trainable_variables]
    return model.optimizer, model.loss, options, variables


def _affordable(episodes: int, probe: Batch) -> int:
    """Return the records' distance that keeps them below 256 MB."""
    return max(1, math.ceil(episodes * probe.targets.nbytes / 2**28))


def versions() -> dict[str, str]:
    """Return the versions that a result may depend on."""
    return {
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "numpy": np.__version__,
    }
