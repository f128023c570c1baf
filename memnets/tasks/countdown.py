"""Told a number, count it down and signal when it is zero."""

from __future__ import annotations

import dataclasses
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
from memnets.tasks.recall import _numbered


@dataclasses.dataclass(frozen=True)
class Countdown(Task):
    """The network is TOLD a count n and must signal n steps later.

    >>> import numpy as np
    >>> from memnets.tasks import Countdown, draw
    >>> task = Countdown()
    >>> print(draw(task, task.sample(1, np.random.default_rng(0))))
    time step  0              5             10             15
    tell       .  .  .  .  .  .  .  .  1  .  .  .  .  .  .  .  .  .  .  .
    count      .  .  .  .  .  .  .  .  5  .  .  .  .  .  .  .  .  .  .  .
    signal     .  .  .  .  .  .  .  .  .  .  .  .  .  1  .  .  .  .  .  .
    silent     .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .

    The tell falls on any step of the first half and the count is any integer
    from 0 to `longest`, all equally likely. With a count of 0 the signal is
    due at the tell itself. The count is not scaled. Every step is scored. The
    defaults are the lecture's: F. Marquardt, Machine Learning for Physicists,
    "LSTM".

    Args:
        timesteps: Integer of at least 4, the length in time steps.
            Default: 20, where tells fall on steps 0 to 9.
        longest: Integer from 0 to `timesteps - timesteps // 2`, the largest
            count. Default: `None`, which means `timesteps // 2 - 2`: 8 for
            20 steps.
        width: Integer, the number of output neurons. The first signals, the
            others stay silent. Default: 2.
    """

    longest: int | None = None
    width: int = 2

    name: ClassVar[str] = "countdown"
    inputs: ClassVar[tuple[str, ...]] = ("tell", "count")
    pass_mark: ClassVar[float] = 1.0

    def __post_init__(self):
        check_integer("timesteps", self.timesteps, 4)
        check_integer("width", self.width, 1)
        if self.longest is None:
            return
        check_integer("longest", self.longest, 0)
        most = self.timesteps - self.timesteps // 2
        if self.longest > most:
            raise ValueError(
                f"longest must be at most {most} for timesteps = "
                f"{self.timesteps}, so that the signal falls inside the "
                f"sequence, got {self.longest}"
            )

    @property
    def _tells(self) -> int:
        return self.timesteps // 2

    @property
    def _counts(self) -> int:
        longest = self.longest
        return 1 + (self.timesteps // 2 - 2 if longest is None else longest)

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of the output channels."""
        return ("signal", *_numbered("silent", self.width - 1))

    @property
    def landmarks(self) -> dict[str, float]:
        """The mean squared error of some simple players.

        `silent` always answers 0. `no counting` knows the step of the tell
        but not the count: it spreads one signal evenly over all steps where
        the signal may fall.
        """
        share = 1 / (self.timesteps * self.width)
        return {
            "silent": share,
            "no counting": share * (1 - 1 / self._counts),
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
        tell = rng.integers(self._tells, size=batch_size)
        return self._batch(tell, rng.integers(self._counts, size=batch_size))

    def exam(self, rng: np.random.Generator) -> Batch:
        """Return every possible sequence once, 90 of them by default."""
        tell, count = np.divmod(
            np.arange(self._tells * self._counts), self._counts
        )
        return self._batch(tell, count)

    def sequence(self, tell: int, count: int) -> Batch:
        """Make one sequence by hand, with any count.

        Args:
            tell: Integer, the time step of the tell.
            count: Integer of at least 0.

        Returns:
            A `Batch` of one sequence.
        """
        check_below("tell", tell, self.timesteps)
        check_integer("count", count, 0)
        return self._batch(np.array([tell]), np.array([count]))

    def by_hand(self, tells: dict[int, float], asks: list[int]) -> Batch:
        """Return one sequence with a given tell; see `sequence`."""
        if len(tells) != 1 or asks:
            raise ValueError(
                f"tells must be one time step with its count and asks empty "
                f"for {self.name}, got {tells} and {asks}"
            )
        ((step, count),) = tells.items()
        if count != int(count):
            raise ValueError(f"tells must have an integer count, got {count}")
        return self.sequence(step, int(count))

    def example(self) -> Batch:
        """Return one fixed sequence, with a count near half of `longest`."""
        return self.sequence(self.timesteps // 5, max(1, self._counts // 2) + 1)

    def _batch(self, tell, count) -> Batch:
        inputs = np.zeros((len(tell), self.timesteps, 2), np.float32)
        inputs[np.arange(len(tell)), tell, 0] = 1
        inputs[np.arange(len(tell)), tell, 1] = count
        weights = np.ones(inputs.shape[:2], np.float32)
        return Batch(inputs, self.solve(inputs), weights)

    def solve(self, inputs: np.ndarray) -> np.ndarray:
        """Answer by rule: a signal `count` steps after each tell.

        Args:
            inputs: array of shape `(batch, time, 2)`.

        Returns:
            float32 array of shape `(batch, time, width)`.
        """
        inputs = np.asarray(inputs, np.float32)
        answers = np.zeros((*inputs.shape[:2], self.width), np.float32)
        row, tell = np.nonzero(inputs[:, :, 0])
        signal = tell + inputs[row, tell, 1].astype(int)
        inside = signal < inputs.shape[1]
        answers[row[inside], signal[inside], 0] = 1
        return answers

    def correct(self, outputs: np.ndarray, batch: Batch) -> np.ndarray:
        """Mark the signal: above 0.5 at the right step and nowhere else.

        Args:
            outputs: array of shape `(batch, time, width)`.
            batch: The `Batch` that was answered.

        Returns:
            bool array of shape `(batch,)`.
        """
        outputs = check_answers(outputs, batch)[:, :, 0]
        wanted = batch.targets[:, :, 0] > 0.5
        # Both comparisons are false for NaN, so NaN is never correct.
        return np.all(np.where(wanted, outputs > 0.5, outputs <= 0.5), axis=1)

    def events(self, inputs: np.ndarray) -> dict[str, np.ndarray]:
        """Return the time steps of the tell and the signal of one sequence."""
        return {
            "tell": np.flatnonzero(inputs[:, 0]),
            "signal": np.flatnonzero(self.solve(inputs[None])[0, :, 0]),
        }
