"""The record of one training: plain arrays that save to one file."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from memnets.records.files import Record
from memnets.records.trace import NetworkTrace
from memnets.tasks import TASKS, Batch, Task
from memnets.tasks.base import one_hot

if TYPE_CHECKING:
    import keras


class Diverged(FloatingPointError):
    """The loss is no longer a finite number."""


class FinalExam(NamedTuple):
    """What an exam at the end of the training found.

    Args:
        correct: Float, the share of its sequences that were correct.
        deviation: Float, the squared error of what answers, summed over time;
            the mean over the sequences.
    """

    correct: float
    deviation: float


@dataclasses.dataclass(frozen=True, eq=False)
class Run(Record):
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
        final_exam: `FinalExam`, or `None` if there was none.
    """

    formats = ("memnets run 2", "memnets run 1")

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
    final_exam: FinalExam | None = None

    def __repr__(self):
        records, sequences = self.outputs.shape[:2]
        return (
            f"Run({self.settings.get('task', {}).get('name', 'task')}, "
            f"{len(self.losses)} episodes, {records} records of "
            f"{sequences} sequences)"
        )

    @property
    def deviations(self) -> np.ndarray:
        """The squared error of what answers, summed over time.

        A float array of shape `(records,)`, the mean over the sequences: the
        lecture's measure, of one output neuron where others stay silent.
        Steps that are not scored do not count.
        """
        name = self.settings.get("task", {}).get("name")
        answering = TASKS.get(name, Task).answering
        return deviations(self.outputs, self.probe, answering)

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
        # Through the front door, and when it is asked for: a run's file is
        # read without Keras.
        import memnets

        return memnets.Experiment.of(self).restore(self)

    def trace(self) -> NetworkTrace:
        """Return what is in the trained network while it answers the probe.

        Raises:
            ValueError: If the run does not say what its network was.
        """
        import memnets

        model = self.model()
        inputs = one_hot(self.probe.inputs, len(self.task.inputs))
        outputs = model.predict_on_batch(inputs)
        traces = memnets.trace(model, inputs)
        return NetworkTrace(self.probe, outputs, traces, self.settings)

    def pack(self):
        """Return the settings and the arrays of the file."""
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
        if self.final_exam is not None:
            arrays["final_exam"] = np.array(self.final_exam)
        return self.settings, arrays

    @classmethod
    def unpack(cls, settings, arrays):
        """Return the run of what `pack` returned."""
        probe = Batch(*(arrays.pop(f"probe_{k}") for k in Batch._fields))
        final = arrays.pop("final_exam", None)
        kept: dict[str, list[np.ndarray]] = {"weight": []}
        for key in [key for key in arrays if ":" in key]:
            name = key.partition(":")[0]
            kept.setdefault(name, []).append(arrays.pop(key))
        several = {name: tuple(own) for name, own in kept.items()}
        return cls(
            **arrays,
            probe=probe,
            settings=settings,
            weights=several.pop("weight"),
            state={k.partition("_")[2]: v for k, v in several.items()},
            final_exam=None if final is None else FinalExam(*final.tolist()),
        )

    def agrees(self) -> bool:
        """Whether the records are of the probe, and the exams have scores."""
        return (
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


def loss_landmarks(record: Record) -> dict[str, float]:
    """Return the loss of a task's simple players, none for a softmax.

    Landmarks are squared errors, and a softmax has another loss.

    Args:
        record: A record with a task and settings, such as a `Run`.
    """
    if record.settings.get("readout") == "softmax":
        return {}
    return record.task.landmarks


def deviations(
    outputs: np.ndarray, batch: Batch, answering: slice
) -> np.ndarray:
    """Return the squared error of what answers, summed over time.

    Args:
        outputs: float32 array of shape `(records, sequence, time, output
            channel)`.
        batch: `Batch`, the sequences that were answered.
        answering: Slice, the output channels that answer.

    Returns:
        A float array of shape `(records,)`, the mean over the sequences.
    """
    error = (outputs - batch.targets)[..., answering]
    error = np.sum(np.square(error), axis=-1) * batch.weights
    return np.mean(np.sum(error, axis=-1), axis=-1)
