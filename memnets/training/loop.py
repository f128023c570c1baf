"""The training loop, the only one of the package."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.metadata
import math
import platform
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from memnets.records.run import Diverged, FinalExam, Run, deviations
from memnets.tasks import Batch, Task
from memnets.training.batches import EXAM, Batches, generator
from memnets.training.checks import (
    check_engine,
    check_episodes,
    check_memory,
    check_model,
    check_numbers,
    check_recording,
)
from memnets.training.engine import Engine
from memnets.training.interrupts import deferred_interrupt
from memnets.training.recording import Recording

if TYPE_CHECKING:
    import keras

# The most bytes of records in one call of an engine.
RECORD_BYTES = 2**26
PACKAGES = ("tensorflow", "keras", "numpy", "numba")


def train(
    model: keras.Model,
    task: Task,
    episodes: int = 300,
    batch_size: int = 20,
    seed: int = 0,
    recording: Recording | None = None,
    *,
    engine: str = "auto",
    progress: bool = True,
) -> Run:
    """Train a network and record its answers on fixed sequences.

    An episode is one update on one fresh batch. The model and its optimizer
    are updated as by `fit`, so a second call continues the training. Ctrl-C
    ends the training after the current block of episodes and returns the run
    so far.

    The result depends on the task, the network, its optimizer and loss, the
    batch size and the seed. It does not depend on what is recorded, watched or
    examined.

    Args:
        model: A compiled Keras model from `(batch, time, input channel)` to
            `(batch, time, output channel)`.
        task: The task to learn.
        episodes: Positive integer, the number of updates. Default: 300.
        batch_size: Positive integer, the number of sequences per batch.
            Default: 20.
        seed: Integer of at least 0, the seed of all draws. Default: 0.
        recording: `Recording`, what to record. Default: `None`, the answers on
            one sequence drawn from the task.
        engine: `"auto"`: kernels in Numba for stacks of Keras's LSTM and GRU
            layers, with the same bits on every processor, and `"xla"` for any
            other model. `"xla"`: one function compiled by XLA. `"graph"`: the
            same without XLA, which saves seconds of compilation but runs many
            times slower. The engines round differently. Default: `"auto"`.
        progress: Boolean, whether to show a progress bar if training takes
            more than four seconds. Default: `True`.

    Returns:
        A `Run`, which includes the final weights.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If an argument is out of range, or the model does not fit
            the task.
        Diverged: If the loss becomes infinite or NaN; names the episode.
    """
    from memnets.training.engines import engine_for

    check_numbers(episodes, batch_size, seed)
    check_engine(engine)
    recording = check_recording(recording)
    check_model(model, task, batch_size, recording.watch)
    check_episodes(recording, episodes)
    check_memory(task, batch_size, model.count_params())
    recording = recording.of(task, seed)
    built = engine_for(model, task, batch_size, recording, engine)
    return train_with(
        built, task, episodes, batch_size, seed, recording, progress=progress
    )


def train_with(
    engine: Engine,
    task: Task,
    episodes: int,
    batch_size: int,
    seed: int,
    recording: Recording,
    *,
    progress: bool = True,
    before: Run | None = None,
) -> Run:
    """Train with an engine.

    Args:
        engine: The `Engine`, built for the recording's probe and watched
            layer.
        task: As in `train`.
        episodes: As in `train`.
        batch_size: As in `train`.
        seed: As in `train`.
        recording: `Recording` for this task, as from `Recording.of`.
        progress: As in `train`.
        before: A `Run` that ended early, to be continued. Default: `None`.
    """
    probe = recording.probe
    every = recording.every or _default_every(episodes, probe)
    batches = Batches(task, batch_size, seed)
    examine = _Examiner(task, seed, engine, recording)
    with _active(engine):
        if before is None:
            log = _Log(every, episodes, engine.observe(probe.inputs))
            examine(log, 0)
        else:
            log = _Log.of(before, every, episodes)
        _run_episodes(engine, batches, log, examine, progress)
        final = examine.final_exam()
        weights, state = engine.get()
    settings = {
        "batch_size": batch_size,
        "engine": engine.name,
        "record_every": every,
        "examine_every": recording.exam_every,
        "examine_until_mastered": recording.until_mastered,
        "seed": seed,
        "task": task.settings(),
        "versions": versions(),
    }
    run = log.run(probe, weights, state, settings)
    return dataclasses.replace(run, final_exam=final)


def _run_episodes(engine, batches, log, examine, progress) -> None:
    """Run the remaining episodes, until an interrupt."""
    with (
        deferred_interrupt() as interrupted,
        tqdm(
            total=log.total,
            initial=log.done,
            unit=" episodes",
            disable=not progress,
            delay=4,
        ) as bar,
    ):
        while log.done < log.total and not interrupted():
            first = log.done
            stops = batches.length, examine.every
            ends = [(first // n + 1) * n for n in stops if n]
            last = min(log.total, first + log.longest_call(), *ends)
            block, start = batches.block(first)
            due = log.due(first, last)
            log.write(*engine.run(block, first - start, due))
            bar.update(last - first)
            examine(log, last)


@contextlib.contextmanager
def _active(engine) -> Iterator[None]:
    """Write weights and optimizer state back, even after an error."""
    engine.begin()
    try:
        yield
    finally:
        engine.end()


class _Log:
    """The records of a training so far, which become a `Run`."""

    def __init__(self, every: int, episodes: int, first_record: list):
        self.every, self.total, self.done = every, episodes, 0
        self.episodes = [np.zeros(1, int)]
        self.records = [[array[None]] for array in first_record]
        self.losses: list[np.ndarray] = [np.zeros(0, np.float32)]
        self.exams: list[int] = []
        self.scores: list[float] = []

    @classmethod
    def of(cls, run: Run, every: int, episodes: int) -> _Log:
        """Return the log of a run that is to be continued."""
        # An early end made a record that a longer run does not have.
        kept = (run.episodes % every == 0) | (run.episodes == episodes)
        records = [run.outputs, *([] if run.hidden is None else [run.hidden])]
        log = cls(every, episodes, [array[0] for array in records])
        log.records = [[array[kept]] for array in records]
        log.episodes, log.losses = [run.episodes[kept]], [run.losses]
        log.done = len(run.losses)
        log.exams, log.scores = run.exams.tolist(), run.scores.tolist()
        return log

    def longest_call(self) -> int:
        """Return the most episodes whose records fit in `RECORD_BYTES`."""
        size = sum(records[0][0].nbytes for records in self.records)
        return max(1, RECORD_BYTES // size) * self.every

    def due(self, first: int, last: int) -> np.ndarray:
        """Log the episodes after which a record is due; return which."""
        done = np.arange(first + 1, last + 1)
        due = (done % self.every == 0) | (done == self.total)
        self.episodes.append(done[due])
        return due

    def write(self, losses: np.ndarray, records: list[np.ndarray]) -> None:
        """Add the losses and the records of some episodes."""
        self.losses.append(losses)
        for arrays, new in zip(self.records, records):
            arrays.append(new)
        broken = np.flatnonzero(~np.isfinite(losses))
        if broken.size:
            raise Diverged(
                f"the loss became {losses[broken[0]]} in episode "
                f"{self.done + broken[0] + 1}; a lower learning rate or "
                f"gradient clipping (clipnorm) may help"
            )
        self.done += len(losses)

    def run(self, probe: Batch, weights, state, settings: dict) -> Run:
        """Return the log as a `Run`."""
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
    """Examines the network whenever an exam is due."""

    def __init__(self, task, seed, engine: Engine, recording: Recording):
        self.task, self.engine, self.every = task, engine, recording.exam_every
        self.until_mastered = recording.until_mastered
        self.final = recording.final_exam
        self.exam = self.every and task.exam(generator(seed, EXAM))

    def __call__(self, log: _Log, episode: int) -> None:
        if not self.every or episode % self.every:
            return
        outputs = self.engine.observe(self.exam.inputs)[0]
        score = float(np.mean(self.task.correct(outputs, self.exam)))
        log.exams.append(episode)
        log.scores.append(score)
        if self.until_mastered and score >= self.task.pass_mark:
            self.every = None

    def final_exam(self) -> FinalExam | None:
        """Return the result of the final exam, if there is one."""
        if self.final is None:
            return None
        outputs = self.engine.record(self.final.inputs)
        answering = self.task.answering
        (deviation,) = deviations(outputs[None], self.final, answering)
        correct = np.mean(self.task.correct(outputs, self.final))
        return FinalExam(float(correct), float(deviation))


def _default_every(episodes: int, probe: Batch) -> int:
    """Return the smallest interval with records below 256 MB."""
    return max(1, math.ceil(episodes * probe.targets.nbytes / 2**28))


def versions() -> dict[str, str]:
    """Return the versions on which results may depend, without importing."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[package] = importlib.metadata.version(package)
    return found
