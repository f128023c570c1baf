"""The training loop, the only one of the package."""

from __future__ import annotations

import contextlib
import importlib.metadata
import math
import platform
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from memnets.batches import EXAM, Batches, generator
from memnets.checks import (
    check_engine,
    check_model,
    check_numbers,
    check_probe,
)
from memnets.interrupts import deferred_interrupt
from memnets.runs import Diverged, Run
from memnets.tasks import Batch, Task

if TYPE_CHECKING:
    import keras

# Bytes of the records of one call of an engine.
RECORD_BYTES = 2**26
PACKAGES = ("tensorflow", "keras", "numpy", "numba")


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

    What the network learns depends on the task, the network, its optimizer
    and loss, the batch size and the seed, and on nothing that is recorded,
    watched or examined.

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
        engine: `"auto"`: stacks of Keras's LSTM and GRU layers are trained by
            kernels in Numba, which give the same bits on every processor, and
            any other model by one function that XLA compiles. `"xla"`: the
            latter in any case. `"graph"`: without XLA, which spares seconds
            of compiling and then runs many times slower. They round
            differently. Default: `"auto"`.
        progress: Boolean, whether training that takes more than four seconds
            shows a text progress bar. Default: `True`.

    Returns:
        A `Run`, with the network's weights at its end.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If an argument is out of range, or the model does not fit
            the task.
        Diverged: If the loss is no longer finite; names the episode.
    """
    from memnets.engines import engine_for

    check_numbers(episodes, batch_size, seed, record_every, examine_every)
    check_engine(engine)
    check_model(model, task, batch_size, watch)
    probe = check_probe(probe, task, seed)
    built = engine_for(model, task, batch_size, probe.inputs, watch, engine)
    return teach(
        built,
        task,
        episodes,
        batch_size,
        probe,
        seed,
        record_every=record_every,
        examine_every=examine_every,
        examine_until_mastered=examine_until_mastered,
        progress=progress,
    )


def teach(
    engine,
    task: Task,
    episodes: int,
    batch_size: int,
    probe: Batch,
    seed: int,
    *,
    record_every: int | None = None,
    examine_every: int | None = None,
    examine_until_mastered: bool = False,
    progress: bool = True,
    before: Run | None = None,
) -> Run:
    """Train with an engine.

    Args:
        engine: What trains: it has a `name`; `begin()` and `end()` around the
            training; `run(block, first, due)` for some of the episodes of a
            block, which returns their losses and the records that are due;
            `observe(inputs)` for the answers as they are now, and the watched
            layer's; and `get()` for the weights and the optimizer's state.
        task: As of `train`.
        episodes: As there.
        batch_size: As there.
        probe: As there.
        seed: As there.
        record_every: As there.
        examine_every: As there.
        examine_until_mastered: As there.
        progress: As there.
        before: A `Run` that ended early and goes on here. Default: `None`.
    """
    every = record_every or _affordable(episodes, probe)
    batches = Batches(task, batch_size, seed)
    examine = _Examiner(
        task, seed, engine.observe, examine_every, examine_until_mastered
    )
    with _taught(engine):
        if before is None:
            notes = _Notes(every, episodes, engine.observe(probe.inputs))
            examine(notes, 0)
        else:
            notes = _Notes.of(before, every, episodes)
        _go_on(engine, batches, notes, examine, progress)
        weights, state = engine.get()
    settings = {
        "batch_size": batch_size,
        "engine": engine.name,
        "record_every": every,
        "examine_every": examine_every,
        "examine_until_mastered": examine_until_mastered,
        "seed": seed,
        "task": task.settings(),
        "versions": versions(),
    }
    return notes.run(probe, weights, state, settings)


def _go_on(engine, batches, notes, examine, progress) -> None:
    """Run the episodes that are left, or those until an interrupt."""
    with (
        deferred_interrupt() as interrupted,
        # A bar appears only where the work takes more than four seconds.
        tqdm(
            total=notes.total,
            initial=notes.done,
            unit=" episodes",
            disable=not progress,
            delay=4,
        ) as bar,
    ):
        while notes.done < notes.total and not interrupted():
            first = notes.done
            stops = batches.length, examine.every
            ends = [(first // n + 1) * n for n in stops if n]
            last = min(notes.total, first + notes.longest_call(), *ends)
            block, start = batches.block(first)
            due = notes.due(first, last)
            notes.write(*engine.run(block, first - start, due))
            bar.update(last - first)
            examine(notes, last)


@contextlib.contextmanager
def _taught(engine) -> Iterator[None]:
    """Write weights and optimizer state back, even after an error."""
    engine.begin()
    try:
        yield
    finally:
        engine.end()


class _Notes:
    """What is written down on the way to a `Run`."""

    def __init__(self, every: int, episodes: int, first_record: list):
        self.every, self.total, self.done = every, episodes, 0
        self.episodes = [np.zeros(1, int)]
        self.records = [[array[None]] for array in first_record]
        self.losses: list[np.ndarray] = [np.zeros(0, np.float32)]
        self.exams: list[int] = []
        self.scores: list[float] = []

    @classmethod
    def of(cls, run: Run, every: int, episodes: int) -> _Notes:
        """Return the notes of a run, to be gone on with."""
        # The record at its end belongs to a run that stops there.
        kept = (run.episodes % every == 0) | (run.episodes == episodes)
        records = [run.outputs, *([] if run.hidden is None else [run.hidden])]
        notes = cls(every, episodes, [array[0] for array in records])
        notes.records = [[array[kept]] for array in records]
        notes.episodes, notes.losses = [run.episodes[kept]], [run.losses]
        notes.done = len(run.losses)
        notes.exams, notes.scores = run.exams.tolist(), run.scores.tolist()
        return notes

    def longest_call(self) -> int:
        """Return the most episodes whose records stay below a size."""
        size = sum(records[0][0].nbytes for records in self.records)
        return max(1, RECORD_BYTES // size) * self.every

    def due(self, first: int, last: int) -> np.ndarray:
        """Return after which of some episodes a record is made."""
        done = np.arange(first + 1, last + 1)
        due = (done % self.every == 0) | (done == self.total)
        self.episodes.append(done[due])
        return due

    def write(self, losses: np.ndarray, records: list[np.ndarray]) -> None:
        """Keep the losses and the records of some episodes."""
        self.losses.append(losses)
        for kept, new in zip(self.records, records):
            kept.append(new)
        broken = np.flatnonzero(~np.isfinite(losses))
        if broken.size:
            raise Diverged(
                f"the loss became {losses[broken[0]]} in episode "
                f"{self.done + broken[0] + 1}; a lower learning rate or "
                f"gradient clipping (clipnorm) may help"
            )
        self.done += len(losses)

    def run(self, probe: Batch, weights, state, settings: dict) -> Run:
        """Return all of it as a `Run`."""
        outputs, *hidden = map(np.concatenate, self.records)
        if self.done < self.total:
            early = {"interrupted": True, "planned_episodes": self.total}
            settings = {**settings, **early}
        return Run(
            losses=np.concatenate(self.losses),
            episodes=np.concatenate(self.episodes),
            outputs=outputs,
            probe=probe,
            hidden=hidden[0] if hidden else None,
            exams=np.array(self.exams, int),
            scores=np.array(self.scores, float),
            settings={**settings, "episodes": self.done},
            weights=tuple(weights),
            state={name: tuple(arrays) for name, arrays in state.items()},
        )


class _Examiner:
    """Examines the network as it is now, where an exam is due."""

    def __init__(self, task, seed, observe, every, until_mastered):
        self.task, self.observe, self.every = task, observe, every
        self.until_mastered = until_mastered
        self.exam = every and task.exam(generator(seed, EXAM))

    def __call__(self, notes: _Notes, episode: int) -> None:
        if not self.every or episode % self.every:
            return
        outputs = self.observe(self.exam.inputs)[0]
        score = float(np.mean(self.task.correct(outputs, self.exam)))
        notes.exams.append(episode)
        notes.scores.append(score)
        if self.until_mastered and score >= self.task.pass_mark:
            self.every = None


def _affordable(episodes: int, probe: Batch) -> int:
    """Return the records' distance that keeps them below 256 MB."""
    return max(1, math.ceil(episodes * probe.targets.nbytes / 2**28))


def versions() -> dict[str, str]:
    """Return the versions that a result may depend on, importing nothing."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[package] = importlib.metadata.version(package)
    return found
