"""The training loop, the only one of the package."""

from __future__ import annotations

import dataclasses
import math
import platform
from collections.abc import Callable, Iterator

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
from memnets.interrupts import deferred_interrupt
from memnets.lessons import EXAM, Lessons, block_length, generator
from memnets.runs import Run
from memnets.tasks import Batch, Task


class Diverged(FloatingPointError):
    """The loss is no longer a finite number."""


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
    built = _engine(model, task, batch_size, every, probe, watch, xla)
    notes = _Notes(built.record(probe.inputs), every, episodes)
    lessons = Lessons(task, batch_size, seed)
    examine = _Examiner(task, seed, built.observe, examine_every)
    _teach(built, lessons, notes, probe.inputs, examine, progress)
    return notes.run(
        probe,
        batch_size=batch_size,
        engine="xla" if xla else "graph",
        record_every=every,
        seed=seed,
        task=task.settings(),
        versions=versions(),
    )


def _teach(built, lessons, notes, probe, examine, progress) -> None:
    """Run all episodes, or those until an interrupt, and note them down."""
    calls = _calls(
        notes.total, lessons.length, built.longest_call, examine.every
    )
    examine(notes, 0)
    with (
        deferred_interrupt() as interrupted,
        # A bar appears only where the work takes more than four seconds.
        tqdm(
            total=notes.total, unit=" episodes", disable=not progress, delay=4
        ) as bar,
    ):
        for first, last in calls:
            block, start = lessons.block(first)
            slots = notes.slots(first, last)
            notes.write(*built.run(block, probe, first - start, slots))
            bar.update(last - first)
            examine(notes, last)
            if interrupted():
                break


class _Notes:
    """What is written down on the way to a `Run`."""

    def __init__(self, first_record, every: int, episodes: int):
        self.every, self.total = every, episodes
        self.episodes = [0]
        self.records = [[array] for array in first_record]
        self.losses: list[np.ndarray] = []
        self.exams: list[int] = []
        self.scores: list[float] = []

    def slots(self, first: int, last: int) -> np.ndarray:
        """Return the slot of the record after each episode, or -1."""
        done = np.arange(first + 1, last + 1)
        due = (done % self.every == 0) | (done == self.total)
        self.episodes.extend(done[due].tolist())
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
            episodes=np.array(self.episodes),
            outputs=outputs,
            probe=probe,
            hidden=hidden[0] if hidden else None,
            exams=np.array(self.exams, int),
            scores=np.array(self.scores, float),
            settings={**settings, "episodes": len(losses)},
        )


def _calls(
    episodes: int, block: int, longest: int, examine_every: int | None
) -> Iterator[tuple[int, int]]:
    """Cut the episodes into compiled calls, at blocks and at exams."""
    first = 0
    while first < episodes:
        ends = [episodes, first + longest, (first // block + 1) * block]
        if examine_every:
            ends.append((first // examine_every + 1) * examine_every)
        yield first, min(ends)
        first = min(ends)


@dataclasses.dataclass(frozen=True)
class _Examiner:
    """Examines the network as it is now, where an exam is due."""

    task: Task
    seed: int
    observe: Callable
    every: int | None

    def __call__(self, notes: _Notes, episode: int) -> None:
        if not self.every or episode % self.every:
            return
        exam = self.task.exam(generator(self.seed, EXAM))
        outputs = self.observe(exam.inputs)[0].numpy()
        notes.exams.append(episode)
        notes.scores.append(float(np.mean(self.task.correct(outputs, exam))))


def _engine(
    model: keras.Model,
    task: Task,
    batch_size: int,
    record_every: int,
    probe: Batch,
    watch: str | None,
    xla: bool,
) -> Engine:
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
        *_compilation(model),
    )
    kept_key, engine = model.__dict__.get("_memnets_engine", (None, None))
    if kept_key != key:
        shapes = Batch(
            (*shape, len(task.inputs)), (*shape, len(task.outputs)), shape
        )
        engine = Engine(model, shapes, probe.inputs, watch, record_every, xla)
        # Kept beside the model, not in a table, so that both are freed
        # together; past Keras, which would track it as a part of the model.
        model.__dict__["_memnets_engine"] = key, engine
    return engine


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
