"""The record of one training: plain arrays that save to one file."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import pathlib
import tempfile
import zipfile
from collections.abc import Iterator

import numpy as np

from memnets.tasks import Batch, Task, make_task

FORMAT = "memnets run 1"


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
        """The squared error of the answering neuron, summed over time.

        A float array of shape `(records,)`, the mean over the sequences: the
        lecture's measure.
        """
        error = self.outputs[..., 0] - self.probe.targets[..., 0]
        return np.mean(np.sum(np.square(error), axis=-1), axis=-1)

    @property
    def mastery(self) -> int | None:
        """The episode of the first exam that was passed, if one was."""
        passed = np.flatnonzero(self.scores >= self.task.pass_mark)
        return int(self.exams[passed[0]]) if passed.size else None

    def save(self, path: str | os.PathLike) -> None:
        """Write the run to one `.npz` file, completely or not at all."""
        arrays = {
            "format": np.array(FORMAT),
            "settings": np.array(json.dumps(self.settings, default=_plain)),
            "losses": self.losses,
            "episodes": self.episodes,
            "outputs": self.outputs,
            "exams": self.exams,
            "scores": self.scores,
            **{f"probe_{k}": v for k, v in self.probe._asdict().items()},
        }
        if self.hidden is not None:
            arrays["hidden"] = self.hidden
        with replacing(path) as temporary, open(temporary, "wb") as file:
            np.savez_compressed(file, **arrays)

    @classmethod
    def load(cls, path: str | os.PathLike) -> Run:
        """Read a run from a file that `save` wrote.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If the file is damaged or is not a run.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = dict(file)
            if str(arrays.pop("format")) != FORMAT:
                raise ValueError("it has another format")
            settings = json.loads(str(arrays.pop("settings")))
            probe = Batch(*(arrays.pop(f"probe_{k}") for k in Batch._fields))
            run = cls(**arrays, probe=probe, settings=settings)
            run._check()
        except FileNotFoundError:
            raise
        except (
            OSError,
            EOFError,
            AttributeError,
            KeyError,
            TypeError,
            ValueError,
            zipfile.BadZipFile,
            zipfile.zlib.error,
        ) as error:
            reason = str(error).splitlines()[0] if str(error) else "it is empty"
            raise ValueError(
                f"{os.fspath(path)} is not a run that memnets saved, or it is "
                f"damaged: {reason}"
            ) from error
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
