"""The memory tasks of bsuite, with the right action as the target."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np

from memnets.tasks.base import Batch, check_draw, check_flag, check_integer
from memnets.tasks.final import ChoiceTask

# The settings of bsuite: lengths for one bit, and bits for two steps.
LENGTHS = (*range(1, 11), 12, 14, 17, 20, 25, *range(30, 101, 10))
SIZES = (*range(1, 11), 12, 14, 17, 20, 25, 30, 40)


class _MemoryChain(ChoiceTask):
    """A context is told at the first step; one bit of it is asked at the last.

    Subclasses have the fields `bits` and `reminder`, or one of them is fixed.
    """

    bits: int
    reminder: bool

    answering: ClassVar[slice] = slice(None)

    def __post_init__(self):
        check_integer("timesteps", self.timesteps, 1)
        check_integer("bits", self.bits, 1)
        check_flag("reminder", self.reminder)

    @property
    def shortest(self) -> int:
        """The length of the shortest sequence: all are equally long."""
        return self.timesteps

    @property
    def inputs(self) -> tuple[str, ...]:  # type: ignore[override]
        """The names of the input channels."""
        if self.bits == 1:
            return ("time left", "query", "bit")
        bits = (f"bit {k}" for k in range(self.bits))
        return ("time left", "query", *bits)

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of the output channels, the two actions."""
        return ("minus", "plus")

    @property
    def landmarks(self) -> dict[str, float]:
        """The mean squared error of some simple players.

        `constant` answers 1/2 for both actions.
        """
        share = 1 / (2 * self.timesteps)
        return {"silent": share, "constant": share / 2, "perfect": 0.0}

    def sample(self, batch_size: int, rng: np.random.Generator) -> Batch:
        """Draw fresh sequences.

        Args:
            batch_size: Positive integer, the number of sequences.
            rng: `numpy.random.Generator`.

        Returns:
            A `Batch` with arrays of shape `(batch_size, timesteps, channel)`.
        """
        check_draw(batch_size, rng)
        shape = batch_size, self.timesteps, 2 + self.bits
        plus = rng.integers(0, 2, (batch_size, self.bits), np.int8)
        query = rng.integers(0, self.bits, batch_size)
        inputs = np.zeros(shape, np.float32)
        inputs[:, :, 0] = 1 - np.arange(self.timesteps) / self.timesteps
        inputs[:, -1, 1] = query
        inputs[:, 0, 2:] = 2 * plus - 1
        if self.reminder:
            inputs[:, -1, 2:] = inputs[:, 0, 2:]
        asked = plus[np.arange(batch_size), query]
        answers = np.eye(2, dtype=np.float32)[asked]
        lengths = np.full(batch_size, self.timesteps)
        return self.answered_at_end(inputs, lengths, answers)

    def solve(self, inputs: np.ndarray) -> np.ndarray:
        """Answer by rule: at the last step, the queried bit of the first.

        Args:
            inputs: array of shape `(batch, time, 2 + bits)`.

        Returns:
            float32 array of shape `(batch, time, 2)`.
        """
        inputs = np.asarray(inputs, np.float32)
        row, step = np.nonzero(self._last(inputs[:, :, 0]))
        query = inputs[row, step, 1].astype(int)
        plus = inputs[row, 0, 2 + query] > 0
        answers = np.zeros((*inputs.shape[:2], 2), np.float32)
        answers[row, step, plus.astype(int)] = 1
        return answers

    def _last(self, left: np.ndarray) -> np.ndarray:
        """Return where the time left is that of the last step."""
        return (left > 0) & (left < 1.5 / self.timesteps)

    def exam(self, rng: np.random.Generator) -> Batch:
        """Draw 10,000 test sequences, as many as bsuite has episodes."""
        return self.sample(10_000, rng)

    def events(self, inputs: np.ndarray) -> dict[str, np.ndarray]:
        """Return the steps of the context and of the query.

        Args:
            inputs: array of shape `(time, channel)`.
        """
        recall = np.flatnonzero(self._last(inputs[:, 0]))
        return {"tell": np.array([0]), "recall": recall}


@dataclasses.dataclass(frozen=True)
class MemoryLength(_MemoryChain):
    """A bit is TOLD at the first step: REPEAT it at the last.

    >>> import numpy as np
    >>> from memnets.tasks import MemoryLength, draw
    >>> task = MemoryLength(timesteps=10)
    >>> print(draw(task, task.sample(1, np.random.default_rng(0))))
    time step  0              5
    time left  1 .9 .8 .7 .6 .5 .4 .3 .2 .1
    query      .  .  .  .  .  .  .  .  .  .
    bit       -1  .  .  .  .  .  .  .  .  .
    minus      .  .  .  .  .  .  .  .  .  1
    plus       .  .  .  .  .  .  .  .  .  .

    The bit is +1 or -1. The time left falls from 1 at the first step in equal
    parts, and would be 0 one step after the last. The query is the number of
    the bit that is asked, so that here it is always 0. At the last step the
    output of the right action must be 1, that of the other 0. Answers at other
    steps are not scored.

    Source: `memory_len` of I. Osband et al., Behaviour Suite for Reinforcement
    Learning, ICLR (2020), a reinforcement-learning task with the right action
    as its reward. There `timesteps` are 1 to 100, in 23 settings (`LENGTHS`),
    and the first observation is returned twice. Here each comes once.

    Args:
        timesteps: Positive integer, the length in time steps. With 1, the task
            needs no memory. Default: 100.
        reminder: Boolean. If true, the task needs no memory: the bit is shown
            again at the last step. Default: `False`.
    """

    timesteps: int = 100
    reminder: bool = False

    name: ClassVar[str] = "memory-length"
    bits: ClassVar[int] = 1  # type: ignore[misc]


@dataclasses.dataclass(frozen=True)
class MemorySize(_MemoryChain):
    """Many bits are TOLD at once: REPEAT the one that is asked.

    >>> import numpy as np
    >>> from memnets.tasks import MemorySize, draw
    >>> task = MemorySize(bits=3)
    >>> print(draw(task, task.sample(1, np.random.default_rng(1))))
    time step  0
    time left  1 .5
    query      .  1
    bit 0      1  .
    bit 1      1  .
    bit 2     -1  .
    minus      .  .
    plus       .  1

    Everything is as in `MemoryLength`, but there are many bits, each +1 or -1.
    The query is the number of the bit that is asked, from 0, and is shown at
    the last step only. It is not scaled.

    Source: `memory_size` of I. Osband et al., Behaviour Suite for Reinforcement
    Learning, ICLR (2020). There are 1 to 40 bits, in 17 settings (`SIZES`).

    Args:
        timesteps: Positive integer, the length in time steps. With 1, the task
            needs no memory. Default: 2.
        bits: Positive integer, how many bits are told. Default: 10.
        reminder: Boolean. If true, the task needs no memory: the bits are shown
            again at the last step. Default: `False`.
    """

    timesteps: int = 2
    bits: int = 10
    reminder: bool = False

    name: ClassVar[str] = "memory-size"
