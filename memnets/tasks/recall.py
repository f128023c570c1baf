"""Told a number, recall it when asked."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from typing import ClassVar

import numpy as np

from memnets.tasks.base import (
    Batch,
    Task,
    check_answers,
    check_below,
    check_draw,
    check_integer,
)

TOLERANCE = 0.1


@dataclasses.dataclass(frozen=True)
class Recall(Task):
    """The network is TOLD a number and must RECALL it when asked.

    >>> import numpy as np
    >>> from memnets.tasks import Recall, draw
    >>> task = Recall()
    >>> print(draw(task, task.sample(1, np.random.default_rng(8))))
    time step  0              5             10             15
    tell       .  .  .  .  .  .  .  1  .  .  .  .  .  .  .  .  .  .  .  .
    value      .  .  .  .  .  .  . .3  .  .  .  .  .  .  .  .  .  .  .  .
    ask        .  .  .  .  .  .  .  .  .  .  .  .  .  1  .  .  .  .  .  .
    answer     .  .  .  .  .  .  .  .  .  .  .  .  . .3  .  .  .  .  .  .
    silent     .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .

    Tells fall on different steps of the first half, asks on different steps
    after the middle one, all equally likely. Each tell brings a new value,
    uniform in [0, 1). The answer to an ask is the value told last. Every step
    is scored, and without an ask all outputs should be 0. The defaults are
    the lecture's: F. Marquardt, Machine Learning for Physicists, "LSTM".

    Args:
        timesteps: Integer of at least 4, the length in time steps.
            Default: 20, where tells fall on steps 0 to 9, asks on 11 to 19.
        tells: Integer from 1 to `timesteps // 2`. Default: 1.
        asks: Integer from 1 to `timesteps - timesteps // 2 - 1`. Default: 1.
        width: Integer, the number of output neurons. The first answers, the
            others stay silent. Default: 2.
    """

    tells: int = 1
    asks: int = 1
    width: int = 2

    name: ClassVar[str] = "recall"
    inputs: ClassVar[tuple[str, ...]] = ("tell", "value", "ask")

    def __post_init__(self):
        check_integer("timesteps", self.timesteps, 4)
        check_integer("tells", self.tells, 1)
        check_integer("asks", self.asks, 1)
        check_integer("width", self.width, 1)
        for argument, steps in (("tells", self._tells), ("asks", self._asks)):
            wanted = getattr(self, argument)
            if wanted > len(steps):
                raise ValueError(
                    f"{argument} must be at most {len(steps)} for timesteps = "
                    f"{self.timesteps}, one for each possible step, "
                    f"got {wanted}"
                )

    @property
    def _tells(self) -> range:
        return range(self.timesteps // 2)

    @property
    def _asks(self) -> range:
        return range(self.timesteps // 2 + 1, self.timesteps)

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of the output channels."""
        return ("answer", *_numbered("silent", self.width - 1))

    @property
    def landmarks(self) -> dict[str, float]:
        """The mean squared error of some simple players.

        `silent` always answers 0. `timing only` answers 1/2 at every ask.
        `tanh(1) ceiling` is perfect except that it never exceeds tanh(1),
        like an LSTM that writes to its output cell only once.
        """
        share = self.asks / (self.timesteps * self.width)
        return {
            "silent": share / 3,
            "timing only": share / 12,
            "tanh(1) ceiling": share * (1 - math.tanh(1)) ** 3 / 3,
            "perfect": 0.0,
        }

    def sample(self, batch_size: int, rng: np.random.Generator) -> Batch:
        """Draw fresh sequences.

        Args:
            batch_size: Positive integer, the number of sequences.
            rng: `numpy.random.Generator`.

        Returns:
            A `Batch` with arrays of shape `(batch_size, timesteps, channel)`.
        """
        check_draw(batch_size, rng)
        inputs = np.zeros((batch_size, self.timesteps, 3), np.float32)
        row = np.arange(batch_size)[:, None]
        tell = _places(batch_size, self._tells, self.tells, rng)
        value = rng.random(tell.shape, np.float32)
        ask = _places(batch_size, self._asks, self.asks, rng)
        inputs[row, tell, 0] = 1
        inputs[row, tell, 1] = value
        inputs[row, ask, 2] = 1
        # All asks come after all tells, so one value answers them all. This
        # is faster than `solve`, which searches at every step.
        targets = np.zeros((batch_size, self.timesteps, self.width), np.float32)
        targets[row, ask, 0] = value[row, tell.argmax(axis=1)[:, None]]
        weights = np.ones((batch_size, self.timesteps), np.float32)
        return Batch(inputs, targets, weights)

    def sequence(self, told: dict[int, float], asked: Iterable[int]) -> Batch:
        """Make one sequence by hand, at any time steps.

        Args:
            told: Dictionary from the time step of each tell to its value.
            asked: Time steps of the asks.

        Returns:
            A `Batch` of one sequence.

        Example:

        >>> Recall().sequence({2: 0.3}, asked=[7, 9]).targets[0, :, 0].nonzero()
        (array([7, 9]),)
        """
        if not isinstance(told, Mapping):
            raise TypeError(
                f"told must be a dictionary from time steps to values, such as "
                f"{{4: 0.9}}, got {told!r}"
            )
        if not isinstance(asked, Iterable):
            raise TypeError(
                f"asked must be time steps such as [15], got {asked!r}"
            )
        inputs = np.zeros((1, self.timesteps, 3), np.float32)
        for step, value in told.items():
            check_below("told", step, self.timesteps)
            if not 0 <= value <= 1:
                raise ValueError(
                    f"told must hold values from 0 to 1, got {value}"
                )
            inputs[0, step, :2] = 1, value
        for step in asked:
            check_below("asked", step, self.timesteps)
            if told and step < min(told):
                raise ValueError(
                    f"asked must not be before the first tell at "
                    f"{min(told)}, got {step}"
                )
            inputs[0, step, 2] = 1
        weights = np.ones((1, self.timesteps), np.float32)
        return Batch(inputs, self.solve(inputs), weights)

    def by_hand(self, tells: dict[int, float], asks: list[int]) -> Batch:
        """Return one sequence with given tells and asks; see `sequence`."""
        return self.sequence(tells, asks)

    def example(self) -> Batch:
        """Return one fixed sequence: the lecture's, with 0.9 at the tell."""
        if self.tells > 1 or self.asks > 1:
            return super().example()
        tell, ask = self.timesteps // 5, 3 * self.timesteps // 4
        return self.sequence({tell: 0.9}, [ask])

    def solve(self, inputs: np.ndarray) -> np.ndarray:
        """Answer by rule: at each ask, the value told last.

        Args:
            inputs: array of shape `(batch, time, 3)`.

        Returns:
            float32 array of shape `(batch, time, width)`.
        """
        inputs = np.asarray(inputs, np.float32)
        steps = np.arange(inputs.shape[1])
        last_tell = np.maximum.accumulate(
            np.where(inputs[:, :, 0] > 0, steps, -1), axis=1
        )
        told = np.take_along_axis(inputs[:, :, 1], last_tell.clip(0), axis=1)
        answers = np.zeros((*inputs.shape[:2], self.width), np.float32)
        answers[:, :, 0] = np.where(last_tell >= 0, told, 0) * inputs[:, :, 2]
        return answers

    def correct(self, outputs: np.ndarray, batch: Batch) -> np.ndarray:
        """Mark the answering neuron: within 0.1 of the target at every step.

        Args:
            outputs: array of shape `(batch, time, width)`.
            batch: The `Batch` that was answered.

        Returns:
            bool array of shape `(batch,)`.
        """
        outputs = check_answers(outputs, batch)
        error = np.abs(outputs[:, :, 0] - batch.targets[:, :, 0])
        return np.all(error < TOLERANCE, axis=1)

    def events(self, inputs: np.ndarray) -> dict[str, np.ndarray]:
        """Return the time steps of the tells and asks of one sequence."""
        return {
            "tell": np.flatnonzero(inputs[:, 0]),
            "recall": np.flatnonzero(inputs[:, 2]),
        }


def _numbered(name: str, count: int) -> tuple[str, ...]:
    if count <= 1:
        return (name,) * count
    return tuple(f"{name} {k}" for k in range(1, count + 1))


def _places(batch_size, steps, count, rng):
    """Draw `count` different steps for each sequence, uniformly."""
    first = steps[0]
    if count == 1:
        return rng.integers(first, steps[-1] + 1, (batch_size, 1))
    order = rng.random((batch_size, len(steps)), np.float32)
    return first + np.argpartition(order, count - 1, axis=1)[:, :count]
