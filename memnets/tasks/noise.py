"""Signal and noise on one line: REMEMBER the class of the first values."""

from __future__ import annotations

import dataclasses
import math
from typing import ClassVar

import numpy as np

from memnets.tasks.base import (
    Batch,
    check_draw,
    check_flag,
    check_integer,
)
from memnets.tasks.final import FinalTask, blank_after, final_answers

# The variances of the noise in the inputs and in the targets.
NOISE = 0.2
TARGET_NOISE = 0.1


@dataclasses.dataclass(frozen=True)
class SignalThenNoise(FinalTask):
    """A signal of 1 or -1, then noise: at the end, NAME the signal.

    >>> import numpy as np
    >>> from memnets.tasks import SignalThenNoise, draw
    >>> task = SignalThenNoise(timesteps=16)
    >>> print(draw(task, task.sample(1, np.random.default_rng(1))))
    time step  0              5             10             15
    line       1  1  1 .4 .1-.2 .2 .1 .1 .0 .2-.3-.0-.2 .2  .
    answer     .  .  .  .  .  .  .  .  .  .  .  .  .  .  1  .

    The first `signal` values are all 1 or all -1, equally likely. All others
    are Gaussian noise with mean 0 and variance 0.2. The answer at the last
    step is 1 for 1 and 0 for -1. Answers at other steps are not scored.
    Lengths are uniform from T to 1.1 T, the `timesteps`. Nothing marks the
    end. A sequence is correct if the answer is within 0.2.

    Source: experiment 3a of S. Hochreiter and J. Schmidhuber, Long Short-Term
    Memory, Neural Computation 9 (8), 1735 (1997), section 5.3, with T = 100
    or 1,000 and a signal of 1 or 3 values. The authors found that guessing
    weights at random solves 3a and 3b faster than learning.

    Args:
        timesteps: Integer of at least 3, the length of the longest sequence.
            Default: 110, as in the paper with T = 100.
        signal: Positive integer, smaller than the shortest length: the number
            of values with the signal, N in the paper. Default: 3.
        reminder: Boolean. If true, the task needs no memory: the last value
            is not noise but the mean of the first `signal` values. Default:
            `False`.
    """

    timesteps: int = 110
    signal: int = 3
    reminder: bool = False

    name: ClassVar[str] = "signal-then-noise"
    inputs: ClassVar[tuple[str, ...]] = ("line",)
    outputs: ClassVar[tuple[str, ...]] = ("answer",)  # type: ignore[assignment]
    # The targets for a signal of -1 and of 1.
    classes: ClassVar[tuple[float, float]] = (0.0, 1.0)
    tolerance: ClassVar[float] = 0.2

    def __post_init__(self):
        check_integer("timesteps", self.timesteps, 3)
        check_integer("signal", self.signal, 1)
        check_flag("reminder", self.reminder)
        if self.signal >= self.shortest:
            raise ValueError(
                f"signal must be smaller than the shortest length, "
                f"{self.shortest} for timesteps = {self.timesteps}, got "
                f"{self.signal}"
            )

    @property
    def landmarks(self) -> dict[str, float]:
        """The mean squared error of some simple players.

        `constant` always answers the mean of both targets, the best that can
        be done without memory. `perfect` knows what the inputs say.
        """
        spread = float(np.var(self.classes))
        mean = float(np.mean(self.classes))
        errors = {
            "silent": spread + mean**2 + self._target_noise,
            "constant": spread + self._target_noise,
            "perfect": self._least_error,
        }
        return {name: e / self.timesteps for name, e in errors.items()}

    # The variance of the targets within a class.
    _target_noise: ClassVar[float] = 0.0

    @property
    def _least_error(self) -> float:
        """The least squared error at the last step."""
        return self._target_noise

    def sample(self, batch_size: int, rng: np.random.Generator) -> Batch:
        """Draw fresh sequences.

        Args:
            batch_size: Positive integer, the number of sequences.
            rng: `numpy.random.Generator`.

        Returns:
            A `Batch` with arrays of shape `(batch_size, timesteps, 1)`.
        """
        check_draw(batch_size, rng)
        lengths = self.draw_lengths(batch_size, rng)
        kind = rng.integers(0, 2, batch_size)
        shape = batch_size, self.timesteps
        # float64, since float32 noise is exactly 0 once in a while, and 0
        # means that the sequence has ended.
        line = rng.normal(0, math.sqrt(NOISE), shape).astype(np.float32)
        self._write(line, 2 * kind - 1)
        blank_after(line, lengths, 0)
        if self.reminder:
            mean = line[:, : self.signal].mean(axis=1)
            line[np.arange(batch_size), lengths - 1] = mean
        answers = self._targets(np.take(self.classes, kind), rng)
        return self.answered_at_end(line[..., None], lengths, answers[:, None])

    def _write(self, line, signs) -> None:
        """Write the signals into lines of noise."""
        line[:, : self.signal] = signs[:, None]

    def _targets(self, answers, rng):
        """Return the targets of noise-free answers."""
        del rng  # they are the same
        return answers

    def solve(self, inputs: np.ndarray) -> np.ndarray:
        """Answer by rule, at every step that may be the last.

        Args:
            inputs: array of shape `(batch, time, 1)`.

        Returns:
            float32 array of shape `(batch, time, 1)`; 0 after the end.
        """
        inputs = np.asarray(inputs, np.float32)
        steps = np.arange(inputs.shape[1])[:, None]
        told = inputs[:, : self.signal, 0].mean(axis=1)
        low, high = self.classes
        answers = low + (high - low) * self._probability(told)[:, None, None]
        possible = (steps >= self.shortest - 1) & (inputs != 0)
        return np.where(possible, answers, 0).astype(np.float32)

    def _probability(self, told):
        """Return the probability of a signal of 1, given the mean told."""
        return (told > 0).astype(float)

    def correct(self, outputs: np.ndarray, batch: Batch) -> np.ndarray:
        """Mark the last answer: within the tolerance of the class's target.

        Args:
            outputs: array of shape `(batch, time, 1)`.
            batch: The `Batch` that was answered.

        Returns:
            bool array of shape `(batch,)`.
        """
        error = final_answers(outputs, batch) - self._wanted(batch)
        # The comparison is false for NaN, so NaN is never correct.
        return np.abs(error[:, 0]) <= self.tolerance

    def _wanted(self, batch):
        """Return the answers that count as exactly right."""
        return final_answers(batch.targets, batch)

    def exam(self, rng: np.random.Generator) -> Batch:
        """Draw 2,560 test sequences, as in the paper."""
        return self.sample(2560, rng)

    def events(self, inputs: np.ndarray) -> dict[str, np.ndarray]:
        """Return the steps of the signal and of the answer.

        Args:
            inputs: array of shape `(time, 1)`.
        """
        last = np.flatnonzero(inputs[:, 0])[-1:]
        return {"tell": np.array([0]), "recall": last}


@dataclasses.dataclass(frozen=True)
class NoisySignal(SignalThenNoise):
    """A NOISY signal of 1 or -1, then noise: at the end, NAME the signal.

    >>> import numpy as np
    >>> from memnets.tasks import NoisySignal, draw
    >>> task = NoisySignal(timesteps=16)
    >>> print(draw(task, task.sample(1, np.random.default_rng(1))))
    time step  0              5             10             15
    line       1  1 .4 .4 .1-.2 .2 .1 .1 .0 .2-.3-.0-.2 .2  .
    answer     .  .  .  .  .  .  .  .  .  .  .  .  .  .  1  .

    Everything is as in `SignalThenNoise`, but noise of the same variance,
    0.2, is added to the signal, too. So the signal cannot always be
    recognised: of sequences with a signal of 1 value, 1.27 % have the wrong
    sign; with 3 values, the mean of 0.005 % has it. `bayes_error` is this
    limit. The target stays the true signal. `solve` answers the probability
    of 1, which has the least squared error; it is more than 0.2 away from the
    target in 2.7 % and 0.011 % of sequences.

    Source: experiment 3b of S. Hochreiter and J. Schmidhuber, Long Short-Term
    Memory, Neural Computation 9 (8), 1735 (1997), section 5.3. Training there
    stopped when fewer than 6 of 256 sequences were wrong; `pass_mark` is the
    same share.

    Args:
        timesteps: Integer of at least 3, the length of the longest sequence.
            Default: 110, as in the paper with T = 100.
        signal: Positive integer, the number of values with the signal.
            Default: 3.
        reminder: Boolean, whether the last value is the mean of the first
            `signal` values. Default: `False`.
    """

    name: ClassVar[str] = "noisy-signal"
    pass_mark: ClassVar[float] = 251 / 256

    @property
    def bayes_error(self) -> float:
        """The share of sequences in which the signal's mean has a wrong sign.

        No player can name the signal more often.
        """
        # The mean of n values has a deviation of sqrt(NOISE / n) around 1.
        return math.erfc(math.sqrt(self.signal / (2 * NOISE))) / 2

    @property
    def _least_error(self) -> float:
        """The least squared error at the last step: the mean of p (1 - p)."""
        # The trapezoidal rule on 12 deviations to both sides: for a smooth
        # function that vanishes at the ends it converges exponentially.
        deviation = math.sqrt(NOISE / self.signal)
        told, step = np.linspace(-12, 12, 4801, retstep=True)
        density = np.exp(-np.square(told) / 2) / math.sqrt(2 * math.pi)
        probability = self._probability(1 + deviation * told)
        # By symmetry the mean over both signals is that over one.
        return float(np.sum(density * np.square(1 - probability)) * step)

    def _write(self, line, signs) -> None:
        """Add the signals to the noise."""
        line[:, : self.signal] += signs[:, None]

    def _probability(self, told):
        """Return the probability of a signal of 1, given the mean told."""
        # The logarithm of the odds is 2 n mean / variance.
        odds = 2 * self.signal * np.asarray(told, float) / NOISE
        return 0.5 + 0.5 * np.tanh(odds / 2)


@dataclasses.dataclass(frozen=True)
class NoisyTarget(SignalThenNoise):
    """A signal, then noise, and NOISY targets: learn what lies behind them.

    >>> import numpy as np
    >>> from memnets.tasks import NoisyTarget, draw
    >>> task = NoisyTarget(timesteps=16)
    >>> print(draw(task, task.sample(1, np.random.default_rng(2))))
    time step  0              5             10             15
    line      -1 -1 -1 .8 .5-.1 .3 .1-.2 .4-.1-.1-.3 .2-.0 .2
    answer     .  .  .  .  .  .  .  .  .  .  .  .  .  .  . .6

    Everything is as in `SignalThenNoise`, but the answer is 0.2 for a signal
    of 1 and 0.8 for -1, and Gaussian noise with mean 0 and variance 0.1 is
    added to the target. The noise cannot be predicted, so the least squared
    error at the last step is 0.1. A sequence is correct if the answer is
    within 0.1 of the target without noise.

    The signal itself has no noise here. With noise as in `NoisySignal`, 1.27
    % would be wrong at best with a signal of 1 value, and the paper has 0.44
    %.

    Source: experiment 3c of S. Hochreiter and J. Schmidhuber, Long Short-Term
    Memory, Neural Computation 9 (8), 1735 (1997), section 5.3.

    Args:
        timesteps: Integer of at least 3, the length of the longest sequence.
            Default: 110, as in the paper with T = 100.
        signal: Positive integer, the number of values with the signal.
            Default: 3.
        reminder: Boolean, whether the last value is the mean of the first
            `signal` values. Default: `False`.
    """

    name: ClassVar[str] = "noisy-target"
    classes: ClassVar[tuple[float, float]] = (0.8, 0.2)
    tolerance: ClassVar[float] = 0.1
    _target_noise: ClassVar[float] = TARGET_NOISE

    def _targets(self, answers, rng):
        """Return the answers with noise."""
        return rng.normal(answers, math.sqrt(TARGET_NOISE))

    def _wanted(self, batch):
        """Return the targets without noise, from the signal in the inputs."""
        told = batch.inputs[:, : self.signal, 0].mean(axis=1)
        low, high = self.classes
        wanted = low + (high - low) * self._probability(told)[:, None]
        return wanted.astype(np.float32)
