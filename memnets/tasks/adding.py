"""Adding and multiplication: combine two marked numbers of many."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np

from memnets.tasks.base import (
    Batch,
    check_draw,
    check_flag,
    check_integer,
)
from memnets.tasks.final import FinalTask, blank_after, final_errors

TOLERANCE = 0.04
# The first number is marked among so many pairs at the beginning.
FIRST_PAIRS = 10


@dataclasses.dataclass(frozen=True)
class Adding(FinalTask):
    """Two numbers of many are MARKED: at the end, answer their SUM.

    >>> import numpy as np
    >>> from memnets.tasks import Adding, draw
    >>> task = Adding(timesteps=17)
    >>> print(draw(task, task.sample(1, np.random.default_rng(0))))
    time step  0              5             10             15
    value     .2 .0-.4-.3-.9-.8-.9-.6 .6 .2 .8 .0 .2 .9 .4 .2 .0
    marker    -1  .  .  .  .  1  .  1  .  .  .  .  .  .  .  . -1
    answer     .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  . .1

    Each step brings a number, uniform in [-1, 1), and its marker. The marker
    is 1 for the two numbers X1 and X2, -1 for the first and the last pair, and
    else 0. X1 is one of the first 10 pairs, X2 one of the first T / 2 - 1
    others. If one of them is the first pair, its marker stays -1 and it
    counts as 0. The answer at the last step is 0.5 + (X1 + X2) / 4. Answers at
    other steps are not scored. Lengths are uniform from T to 1.1 T, the
    `timesteps`. A sequence is correct if the answer is within 0.04.

    Source: experiment 4 of S. Hochreiter and J. Schmidhuber, Long Short-Term
    Memory, Neural Computation 9 (8), 1735 (1997), section 5.4, with T = 100,
    500 or 1,000.

    Args:
        timesteps: Integer of at least 12, the length of the longest sequence.
            Default: 110, as in the paper with T = 100.
        reminder: Boolean. If true, the task needs no memory: the last number
            is (X1 + X2) / 2. Default: `False`.
    """

    timesteps: int = 110
    reminder: bool = False

    name: ClassVar[str] = "adding"
    inputs: ClassVar[tuple[str, ...]] = ("value", "marker")
    outputs: ClassVar[tuple[str, ...]] = ("answer",)  # type: ignore[assignment]
    # The least number of steps, the least number, and a number that counts
    # for nothing.
    least_steps: ClassVar[int] = 12
    low: ClassVar[int] = -1
    neutral: ClassVar[int] = 0

    def __post_init__(self):
        check_integer("timesteps", self.timesteps, self.least_steps)
        check_flag("reminder", self.reminder)

    @property
    def _others(self) -> int:
        """The number of pairs of which X2 is one."""
        return self.shortest // 2 - 1

    @property
    def _one_lost(self) -> float:
        """The probability that X1 or X2 is the first pair."""
        first = 1 / FIRST_PAIRS
        return first + (1 - first) / self._others

    @property
    def landmarks(self) -> dict[str, float]:
        """The mean squared error of some simple players.

        `constant` always answers the mean answer, the best that can be done
        without memory.
        """
        # The variance of a number is 1/3, and one of the two may be lost.
        spread = (2 - self._one_lost) / 3 / 16
        return {
            "silent": (spread + 0.5**2) / self.timesteps,
            "constant": spread / self.timesteps,
            "perfect": 0.0,
        }

    def sample(self, batch_size: int, rng: np.random.Generator) -> Batch:
        """Draw fresh sequences.

        Args:
            batch_size: Positive integer, the number of sequences.
            rng: `numpy.random.Generator`.

        Returns:
            A `Batch`; its inputs have shape `(batch_size, timesteps, 2)`, its
            targets `(batch_size, timesteps, 1)`.
        """
        check_draw(batch_size, rng)
        lengths = self.draw_lengths(batch_size, rng)
        inputs = np.zeros((batch_size, self.timesteps, 2), np.float32)
        value = rng.random(inputs.shape[:2], np.float32)
        inputs[..., 0] = self.low + (1 - self.low) * value
        row, marked = np.arange(batch_size), self._draw_marks(batch_size, rng)
        for step in marked:
            inputs[row, step, 1] = 1
        self._mark_ends(inputs, lengths)
        blank_after(inputs, lengths, 0)
        told = np.stack([inputs[row, step] for step in marked], axis=1)
        combined = self._combine(told)
        if self.reminder:
            inputs[row, lengths - 1, 0] = combined
        answers = self._answer(combined)
        return self.answered_at_end(inputs, lengths, answers[:, None])

    def _draw_marks(self, batch_size, rng):
        """Return the steps of X1 and of X2."""
        first = rng.integers(0, FIRST_PAIRS, batch_size)
        second = rng.integers(0, self._others, batch_size)
        return first, second + (second >= first)

    def _mark_ends(self, inputs, lengths) -> None:
        """Mark the first and the last pair."""
        inputs[:, 0, 1] = -1
        inputs[np.arange(len(inputs)), lengths - 1, 1] = -1

    def _marked(self, pairs):
        """Return the marked numbers of pairs, and elsewhere a neutral one."""
        neutral = np.float32(self.neutral)
        return np.where(pairs[..., 1] > 0, pairs[..., 0], neutral)

    def _combine(self, pairs):
        """Return what must be remembered of some pairs."""
        return self._marked(pairs).sum(axis=1) / 2

    def _answer(self, combined):
        """Return the answer that follows from what was remembered."""
        return 0.5 + combined / 2

    def solve(self, inputs: np.ndarray) -> np.ndarray:
        """Answer by rule at the last pair, from the marked numbers.

        Args:
            inputs: array of shape `(batch, time, 2)`.

        Returns:
            float32 array of shape `(batch, time, 1)`.
        """
        inputs = np.asarray(inputs, np.float32)
        answers = self._answer(self._combine(inputs))
        ends = self._ends(inputs)
        return np.where(ends, answers[:, None], 0)[..., None].astype(np.float32)

    def _ends(self, inputs):
        """Return where the last pairs are."""
        later = np.arange(inputs.shape[1]) > 0
        return (inputs[..., 1] < 0) & later

    def correct(self, outputs: np.ndarray, batch: Batch) -> np.ndarray:
        """Mark the last answer: within 0.04 of the target.

        Args:
            outputs: array of shape `(batch, time, 1)`.
            batch: The `Batch` that was answered.

        Returns:
            bool array of shape `(batch,)`.
        """
        return final_errors(outputs, batch)[:, 0] < TOLERANCE

    def exam(self, rng: np.random.Generator) -> Batch:
        """Draw 2,560 test sequences, as in the paper of 1997."""
        return self.sample(2560, rng)

    def events(self, inputs: np.ndarray) -> dict[str, np.ndarray]:
        """Return the steps of the marked numbers and of the answer.

        Args:
            inputs: array of shape `(time, 2)`.
        """
        return {
            "tell": np.flatnonzero(inputs[:, 1] > 0),
            "recall": np.flatnonzero(self._ends(inputs[None])[0]),
        }


@dataclasses.dataclass(frozen=True)
class Multiplication(Adding):
    """Two numbers of many are MARKED: at the end, answer their PRODUCT.

    >>> import numpy as np
    >>> from memnets.tasks import Multiplication, draw
    >>> task = Multiplication(timesteps=17)
    >>> print(draw(task, task.sample(1, np.random.default_rng(0))))
    time step  0              5             10             15
    value     .6 .5 .2 .3 .0 .0 .0 .1 .8 .6 .9 .5 .6 .9 .7 .6 .5
    marker    -1  .  .  .  .  1  .  1  .  .  .  .  .  .  .  . -1
    answer     .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  . .0

    Everything is as in `Adding`, but numbers are uniform in [0, 1), the answer
    is X1 X2, and a marked first pair counts as 1.

    Source: experiment 5 of S. Hochreiter and J. Schmidhuber, Long Short-Term
    Memory, Neural Computation 9 (8), 1735 (1997), section 5.5, with T = 100.

    Args:
        timesteps: Integer of at least 12, the length of the longest sequence.
            Default: 110, as in the paper with T = 100.
        reminder: Boolean, whether the last number is X1 X2. Default: `False`.
    """

    name: ClassVar[str] = "multiplication"
    low: ClassVar[int] = 0
    neutral: ClassVar[int] = 1

    @property
    def landmarks(self) -> dict[str, float]:
        """The mean squared error of some simple players.

        `constant` always answers the mean answer, the best that can be done
        without memory.
        """
        lost = self._one_lost
        mean = lost / 2 + (1 - lost) / 4
        square = lost / 3 + (1 - lost) / 9
        return {
            "silent": square / self.timesteps,
            "constant": (square - mean**2) / self.timesteps,
            "perfect": 0.0,
        }

    def _combine(self, pairs):
        """Return what must be remembered of some pairs."""
        return self._marked(pairs).prod(axis=1)

    def _answer(self, combined):
        """Return the answer that follows from what was remembered."""
        return combined


@dataclasses.dataclass(frozen=True)
class ModernAdding(Adding):
    """Each half has one MARKED number: at the end, answer the SUM of both.

    >>> import numpy as np
    >>> from memnets.tasks import ModernAdding, draw
    >>> task = ModernAdding(timesteps=16)
    >>> print(draw(task, task.sample(1, np.random.default_rng(0))))
    time step  0              5             10             15
    value     .8 .6 .5 .2 .3 .0 .0 .0 .1 .8 .6 .9 .5 .6 .9 .7
    marker     .  .  .  .  .  1  .  .  .  .  .  .  1  .  .  .
    answer     .  .  .  .  .  .  .  .  .  .  .  .  .  .  . .5

    Each step brings a number, uniform in [0, 1), and its marker: 1 for one
    number in each half, all equally likely, and else 0. The answer at the last
    step is the sum of the two numbers. Answers at other steps are not scored.
    All sequences are `timesteps` long, and nothing marks the end.

    Source: M. Arjovsky, A. Shah and Y. Bengio, Unitary Evolution Recurrent
    Neural Networks, ICML (2016), with 100 to 750 time steps; J. van der
    Westhuizen and J. Lasenby, The unreasonable effectiveness of the forget
    gate, arXiv:1804.04849 (2018), have the same. S. Bai, J. Z. Kolter and V.
    Koltun, An Empirical Evaluation of Generic Convolutional and Recurrent
    Networks for Sequence Modeling, arXiv:1803.01271 (2018), mark any two
    numbers. All report the squared error at the last step, 1/6 for a player
    that always answers 1. To be correct within 0.04 is the criterion of
    `Adding`.

    Args:
        timesteps: Integer of at least 4, the length of a sequence.
            Default: 100.
        reminder: Boolean. If true, the task needs no memory: the last number,
            which is then not marked, is half of the answer. Default: `False`.
    """

    timesteps: int = 100

    name: ClassVar[str] = "modern-adding"
    least_steps: ClassVar[int] = 4
    low: ClassVar[int] = 0

    @property
    def shortest(self) -> int:
        """The length of all sequences."""
        return self.timesteps

    @property
    def landmarks(self) -> dict[str, float]:
        """The mean squared error of some simple players.

        `constant` always answers 1. `memoryless` answers 1, too, but more
        exactly in the rare case that the last number is marked.
        """
        last = 1 / (self.timesteps - self.timesteps // 2)
        memoryless = 0.0 if self.reminder else 1 / 6 - last / 12
        return {
            "silent": (1 / 6 + 1) / self.timesteps,
            "constant": 1 / 6 / self.timesteps,
            "memoryless": memoryless / self.timesteps,
            "perfect": 0.0,
        }

    def _draw_marks(self, batch_size, rng):
        """Return the steps of the two marked numbers."""
        half, last = self.timesteps // 2, self.timesteps - self.reminder
        first = rng.integers(0, half, batch_size)
        return first, rng.integers(half, last, batch_size)

    def _mark_ends(self, inputs, lengths) -> None:
        """Mark no end."""

    def _answer(self, combined):
        """Return the answer that follows from what was remembered."""
        return 2 * combined

    def _ends(self, inputs):
        """Return where the last pairs are."""
        ends = np.zeros(inputs.shape[:2], bool)
        ends[:, -1] = True
        return ends
