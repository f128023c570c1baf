"""Questions to a network that infers a hidden particle, and its answers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from memnets.records.run import Run
from memnets.tasks import Batch, Task
from memnets.tasks.base import check_below
from memnets.tasks.particle import HiddenParticle

# The heights of the steps that should give the same answer, once scaled.
LEVELS = (-1.0, 0.5, 1.0, 2.0)


def paths(timesteps: int) -> dict[str, np.ndarray]:
    """Return the forced paths of the heavy particle, by their question.

    No free motion looks like these. F. Marquardt, Machine Learning for
    Physicists, asks a trained network with them.

    >>> {name: path.shape for name, path in paths(60).items()}
    {'silence': (1, 60), 'constant': (1, 60), 'step': (4, 60), \
'superposition': (3, 60), 'unit steps': (60, 60)}

    Args:
        timesteps: Positive integer, the length in time steps.

    Returns:
        A dictionary of arrays of shape `(path, time)`. `silence` is 0 and
        `constant` 1. `step` has steps of the heights `LEVELS` after a tenth
        of the time. `superposition` has a step of 0.5, one of -0.7, and their
        sum. `unit steps` has a step of 1 at each time step.
    """
    time = np.arange(timesteps)
    after = (time >= time[:, None]).astype(float)
    first, second, third = (int(k * timesteps) for k in (0.1, 0.3, 0.6))
    single = [0.5 * after[second], -0.7 * after[third]]
    return {
        "silence": np.zeros((1, timesteps)),
        "constant": after[:1],
        "step": np.array(LEVELS)[:, None] * after[first],
        "superposition": np.array([*single, sum(single)]),
        "unit steps": after,
    }


def probe_batch(task: Task) -> Batch:
    """Return all paths as sequences of a task.

    The targets are those of physics: the heavy particle is forced to follow
    the path, and the light one, at rest in the beginning, responds.

    Args:
        task: The `HiddenParticle` task.

    Returns:
        A `Batch`.

    Raises:
        TypeError: If it is another task, or has a reminder.
    """
    if not isinstance(task, HiddenParticle) or task.reminder:
        raise TypeError(
            f"task must be HiddenParticle without reminder, got {task!r}"
        )
    forced = np.concatenate(list(paths(task.timesteps).values()))
    response = task.oscillators.driven(forced)
    return Batch(
        forced.astype(np.float32)[..., None],
        response.astype(np.float32)[..., None],
        np.ones(forced.shape, np.float32),
    )


@dataclasses.dataclass(frozen=True, eq=False)
class Responses:
    """What answers all paths: a network, a rule or physics.

    Args:
        answers: Dictionary from the names of `paths` to arrays of shape
            `(path, time)`.
    """

    answers: dict[str, np.ndarray]

    @classmethod
    def of(
        cls, answer: Callable[[np.ndarray], np.ndarray], task: HiddenParticle
    ) -> Responses:
        """Ask any player.

        >>> from memnets.tasks import HiddenParticle
        >>> task = HiddenParticle()
        >>> Responses.of(task.solve, task).matrix.shape
        (60, 60)

        Args:
            answer: Function that turns inputs of shape `(batch, time, 1)`
                into answers of the same shape, such as `task.solve` or a
                Keras model's `predict_on_batch`.
            task: The `HiddenParticle` task.
        """
        return cls._split(np.asarray(answer(probe_batch(task).inputs)))

    @classmethod
    def of_run(cls, run: Run, record: int = -1) -> Responses:
        """Return what a network answered that was recorded on `probe_batch`.

        Args:
            run: The `Run`.
            record: Integer, which record. Default: -1, the last.

        Raises:
            ValueError: If the run was recorded on other sequences.
        """
        wanted = probe_batch(run.task).inputs
        if not np.array_equal(run.probe.inputs, wanted):
            raise ValueError(
                "run must be recorded on probe_batch(task), its probe has "
                "other sequences"
            )
        check_below("record", record % len(run.outputs), len(run.outputs))
        return cls._split(run.outputs[record])

    @classmethod
    def of_physics(cls, task: HiddenParticle) -> Responses:
        """Return how the light particle responds to the forced heavy one."""
        return cls._split(probe_batch(task).targets)

    @classmethod
    def _split(cls, outputs: np.ndarray) -> Responses:
        known = paths(outputs.shape[1])
        ends = np.cumsum([len(own) for own in known.values()])
        parts = np.split(outputs[..., 0], ends[:-1])
        return cls(dict(zip(known, parts)))

    @property
    def offset(self) -> np.ndarray:
        """The answer to silence: an array of shape `(time,)`."""
        return self.answers["silence"][0]

    @property
    def scaled(self) -> np.ndarray:
        """The answers to steps, less the offset, over the height of the step.

        If the player is linear, all are equal. Array of shape `(level, time)`.
        """
        return (self.answers["step"] - self.offset) / np.array(LEVELS)[:, None]

    @property
    def superposed(self) -> tuple[np.ndarray, np.ndarray]:
        """The answer to two steps at once, and the sum of both answers.

        All are less the offset. If the player is linear, both are equal.
        """
        first, second, both = self.answers["superposition"] - self.offset
        return both, first + second

    @property
    def matrix(self) -> np.ndarray:
        """The response matrix, of shape `(time of step, time)`.

        A row is the answer to a unit step at that time, less the offset.
        """
        return self.answers["unit steps"] - self.offset
