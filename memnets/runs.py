"""The record of one training: plain arrays that save to one file."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import pathlib
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from memnets.tasks import TASKS, Batch, Task, make_task

if TYPE_CHECKING:
    import keras


class Diverged(FloatingPointError):
    """The loss is no longer a finite number."""


@dataclasses.dataclass(frozen=True, eq=False)
class Run:
    """What a network answered on fixed sequences while it learned.

    Args:
        losses: float32 array of shape `(episodes,)`, the loss of each batch
            before its update.
        episodes: int array of shape `(records,)`, the episodes after which
            the answers were recorded; the first is 0, before training.
        outputs: float32 array of shape `(records, sequence, time, output
            channel)`, the recorded answers.
        probe: `Batch`, the fixed sequences that were answered.
        hidden: float32 array of shape `(records, sequence, time, unit)`, what
            the watched layer put out, or `None` if none was watched.
        exams: int array of shape `(exams,)`, the episodes after which the
            network sat its task's exam.
        scores: float array of shape `(exams,)`, the share of the exam's
            sequences it answered correctly.
        settings: Dictionary of plain values: task, seed, versions and
            whatever else made the run.
        weights: Tuple of arrays, the network's at the end, in Keras's order.
        state: Dictionary from names to tuples of arrays, what its optimizer
            remembers at the end.
    """

    losses: np.ndarray
    episodes: np.ndarray
    outputs: np.ndarray
    probe: Batch
    hidden: np.ndarray | None = None
    exams: np.ndarray = dataclasses.field(
        default_factory=lambda: np.zeros(0, int)
    )
    scores: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros(0))
    settings: dict = dataclasses.field(default_factory=dict)
    weights: tuple[np.ndarray, ...] = ()
    state: dict[str, tuple[np.ndarray, ...]] = dataclasses.field(
        default_factory=dict
    )

    def __repr__(self):
        records, sequences = self.outputs.shape[:2]
        return (
            f"Run({self.settings.get('task', {}).get('name', 'task')}, "
            f"{len(self.losses)} episodes, {records} records of "
            f"{sequences} sequences)"
        )

    @property
    def task(self) -> Task:
        """The task, made again from the settings."""
        return make_task(self.settings["task"])

    @property
    def deviations(self) -> np.ndarray:
        """The squared error of what answers, summed over time.

        A float array of shape `(records,)`, the mean over the sequences: the
        lecture's measure, of one output neuron where others stay silent.
        Steps that are not scored do not count.
        """
        name = self.settings.get("task", {}).get("name")
        answering = TASKS.get(name, Task).answering
        error = (self.outputs - self.probe.targets)[..., answering]
        error = np.sum(np.square(error), axis=-1) * self.probe.weights
        return np.mean(np.sum(error, axis=-1), axis=-1)

    @property
    def mastery(self) -> int | None:
        """The episode of the first exam that was passed, if one was."""
        passed = np.flatnonzero(self.scores >= self.task.pass_mark)
        return int(self.exams[passed[0]]) if passed.size else None

    def model(self) -> keras.Model:
        """Return the trained network as a compiled Keras model.

        Its optimizer remembers what it did, so that training can go on.

        Raises:
            ValueError: If the run does not say what its network was.
        """
        # The one arrow up, taken when it is asked for: a run's file is read
        # without Keras.
        from memnets.experiments import Experiment

        return Experiment.of(self).restore(self)

    def save(self, path: str | os.PathLike) -> None:
        """Write the run to one `.npz` file, completely or not at all."""
        names = ["losses", "episodes", "outputs", "exams", "scores"]
        if self.hidden is not None:
            names.append("hidden")
        arrays = {name: getattr(self, name) for name in names}
        for name, array in self.probe._asdict().items():
            arrays[f"probe_{name}"] = array
        kept = {"weight": self.weights}
        kept |= {f"state_{name}": a for name, a in self.state.items()}
        for name, several in kept.items():
            arrays |= {f"{name}:{k}": array for k, array in enumerate(several)}
        write_arrays(path, "memnets run 2", self.settings, arrays)

    @classmethod
    def load(cls, path: str | os.PathLike) -> Run:
        """Read a run from a file that `save` wrote.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If the file is damaged or is not a run.
        """
        forms = "memnets run 2", "memnets run 1"
        with reading_arrays(path, *forms) as (settings, arrays):
            probe = Batch(*(arrays.pop(f"probe_{k}") for k in Batch._fields))
            kept: dict[str, list[np.ndarray]] = {"weight": []}
            for key in [key for key in arrays if ":" in key]:
                name = key.partition(":")[0]
                kept.setdefault(name, []).append(arrays.pop(key))
            several = {name: tuple(own) for name, own in kept.items()}
            run = cls(
                **arrays,
                probe=probe,
                settings=settings,
                weights=several.pop("weight"),
                state={k.partition("_")[2]: v for k, v in several.items()},
            )
            run._check()
        return run

    def _check(self) -> None:
        """Refuse arrays whose shapes do not belong together."""
        agree = (
            self.outputs.ndim == 4
            and self.outputs.shape[0] == len(self.episodes)
            and self.outputs.shape[1:] == self.probe.targets.shape
            and self.probe.inputs.shape[:2] == self.probe.weights.shape
            and self.probe.targets.shape[:2] == self.probe.weights.shape
            and self.losses.ndim == 1
            and self.exams.shape == self.scores.shape
            and (
                self.hidden is None
                or self.hidden.shape[:3] == self.outputs.shape[:3]
            )
        )
        if not agree:
            raise ValueError("its arrays do not fit together")


@dataclasses.dataclass(frozen=True, eq=False)
class Ensemble:
    """The losses of one experiment repeated over many seeds.

    Args:
        seeds: int array of shape `(seeds,)`.
        episodes: int array of shape `(points,)`, the last episode of each
            point.
        losses: float32 array of shape `(seeds, points)`, the mean loss of the
            episodes since the point before.
        settings: Dictionary of plain values that made the runs.
    """

    seeds: np.ndarray
    episodes: np.ndarray
    losses: np.ndarray
    settings: dict = dataclasses.field(default_factory=dict)

    @classmethod
    def of(cls, runs: list[Run], every: int = 10) -> Ensemble:
        """Gather the losses of runs that differ in their seed only."""
        points = len(runs[0].losses) // every
        losses = np.stack([run.losses[: points * every] for run in runs])
        return cls(
            seeds=np.array([run.settings["seed"] for run in runs]),
            episodes=every * np.arange(1, points + 1),
            losses=losses.reshape(len(runs), points, every).mean(axis=-1),
            settings={k: v for k, v in runs[0].settings.items() if k != "seed"},
        )

    @property
    def task(self) -> Task:
        """The task, made again from the settings."""
        return make_task(self.settings["task"])

    def save(self, path: str | os.PathLike) -> None:
        """Write the losses to one `.npz` file, completely or not at all."""
        names = ("seeds", "episodes", "losses")
        arrays = {name: getattr(self, name) for name in names}
        write_arrays(path, "memnets ensemble 1", self.settings, arrays)

    @classmethod
    def load(cls, path: str | os.PathLike) -> Ensemble:
        """Read the losses from a file that `save` wrote.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If the file is damaged or holds something else.
        """
        with reading_arrays(path, "memnets ensemble 1") as (settings, arrays):
            ensemble = cls(**arrays, settings=settings)
            if ensemble.losses.shape != (
                len(ensemble.seeds),
                len(ensemble.episodes),
            ):
                raise ValueError("its arrays do not fit together")
        return ensemble


def write_arrays(path, form, settings, arrays) -> None:
    """Write settings and arrays to one `.npz`, the same bytes every time."""
    text = json.dumps(settings, default=_plain, sort_keys=True)
    with replacing(path) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, format=form, settings=text, **arrays)


@contextlib.contextmanager
def reading_arrays(path, *forms):
    """Give the settings and arrays of a file; refuse it by name if damaged."""
    try:
        with (
            open(path, "rb") as whole,
            np.load(whole, allow_pickle=False) as file,
        ):
            arrays = dict(file)
        if str(arrays.pop("format")) not in forms:
            raise ValueError("it has another format")
        yield json.loads(str(arrays.pop("settings"))), arrays
    except (FileNotFoundError, PermissionError, IsADirectoryError):
        raise
    except (
        ArithmeticError,
        AttributeError,
        EOFError,
        LookupError,
        OSError,
        TypeError,
        ValueError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        kind = forms[0].split()[1]
        raise ValueError(
            f"{os.fspath(path)} is not a file of memnets with the {kind} it "
            f"should hold, or it is damaged"
        ) from error


@contextlib.contextmanager
def replacing(path: str | os.PathLike) -> Iterator[str]:
    """Give a temporary name to write to, and move it to `path` at the end.

    A crash on the way leaves the old file, or none.
    """
    path = pathlib.Path(path)
    handle, temporary = tempfile.mkstemp(
        dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix
    )
    os.close(handle)
    try:
        yield temporary
        # mkstemp makes a private file; give it a new file's usual rights.
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def _plain(value):
    """Turn NumPy's numbers into Python's, for JSON."""
    return value.item() if isinstance(value, np.generic) else list(value)
