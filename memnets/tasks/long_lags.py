"""Long time lags: what was read first must be known at the end."""

from __future__ import annotations

import dataclasses
import functools
import math
from typing import ClassVar

import numpy as np

from memnets.tasks.base import (
    Batch,
    Task,
    check_answers,
    check_draw,
    check_flag,
    check_integer,
)
from memnets.tasks.final import FinalTask, blank_after, final_errors
from memnets.tasks.symbols import NONE

# The numbers of symbols of LongLagTrigger; x and y are 0 and 1.
START, TRIGGER, DISTRACTOR = 2, 3, 4
TOLD = ("x", "y")
REMINDERS = ("x!", "y!")
TOLERANCE = 0.25
TRIGGER_TOLERANCE = 0.2
# The probability that one more distractor comes before the trigger.
MORE = 0.9


@functools.cache
def _distractor_names(count: int) -> tuple[str, ...]:
    """Return the names a1, a2, ... of `count` distractors."""
    return tuple(f"a{k}" for k in range(1, count + 1))


@dataclasses.dataclass(frozen=True)
class LongLag(Task):
    """The FIRST of many symbols comes back at the end: predict it.

    >>> import numpy as np
    >>> from memnets.tasks import LongLag, draw
    >>> task = LongLag(timesteps=8)
    >>> print(draw(task, task.sample(1, np.random.default_rng(1))))
    time step  0              5
    read       x a1 a2 a3 a4 a5 a6 a7
    next      a1 a2 a3 a4 a5 a6 a7  x

    A sequence is x, a1, a2, ... and x again, or y, a1, a2, ... and y again,
    equally likely. At every step the network predicts the next symbol, and
    the last symbol is only predicted. There are p = `timesteps` steps and p + 1
    symbols: x, y and the p - 1 distractors a1, a2, ... All steps are scored. A
    sequence is correct if all outputs are within 0.25 of their targets at
    every step.

    Inputs are symbols, the numbers of the input channels, not one-hot.

    Source: experiment 2a of S. Hochreiter and J. Schmidhuber, Long Short-Term
    Memory, Neural Computation 9 (8), 1735 (1997), section 5.2, with p = 100.

    Args:
        timesteps: Integer of at least 2, the length of what is read, p in the
            paper. Default: 100.
        reminder: Boolean. If true, the task needs no memory: the last symbol
            read is not a distractor but x! or y!, which names the answer. The
            targets stay the same. Default: `False`.
    """

    timesteps: int = 100
    reminder: bool = False

    name: ClassVar[str] = "long-lag"
    symbolic: ClassVar[bool] = True
    pass_mark: ClassVar[float] = 1.0
    answering: ClassVar[slice] = slice(None)

    def __post_init__(self):
        check_integer("timesteps", self.timesteps, 2)
        check_flag("reminder", self.reminder)

    @property
    def symbols(self) -> int:
        """The length of what is read, p in the paper; there are p + 1 symbols.

        `LongLagTrigger` has a field of that name.
        """
        return self.timesteps

    @property
    def _symbols(self) -> tuple[str, ...]:
        """The names of the symbols of the sequences: x, y, a1, a2, ..."""
        return TOLD + _distractor_names(self.timesteps - 1)

    @property
    def inputs(self) -> tuple[str, ...]:  # type: ignore[override]
        """The names of the symbols that can be read."""
        return self._symbols + REMINDERS * self.reminder

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of the output channels."""
        return tuple(f"next {symbol}" for symbol in self._symbols)

    @property
    def landmarks(self) -> dict[str, float]:
        """The mean squared error of some simple players.

        `constant` always answers how frequent each symbol is. `memoryless`
        predicts each distractor from the symbol before it, and answers 1/2
        for both x and y at the last step.
        """
        steps = self.timesteps
        share = 1 / (steps * len(self._symbols))
        return {
            "silent": share * steps,
            "constant": share * self._constant,
            "memoryless": 0.0 if self.reminder else share / 2,
            "perfect": 0.0,
        }

    @property
    def _constant(self) -> float:
        """The least error of a constant answer, summed over a sequence."""
        # Each distractor has frequency 1/p, x and y have half of that.
        return self.timesteps - 1 + 1 / (2 * self.timesteps)

    def sample(self, batch_size: int, rng: np.random.Generator) -> Batch:
        """Draw fresh sequences.

        Args:
            batch_size: Positive integer, the number of sequences.
            rng: `numpy.random.Generator`.

        Returns:
            A `Batch`; its inputs are int32 symbols of shape `(batch_size,
            timesteps)`.
        """
        check_draw(batch_size, rng)
        told = rng.integers(0, 2, (batch_size, 1), np.int32)
        return self._batch(told, self._distractors(batch_size, rng))

    def exam(self, rng: np.random.Generator) -> Batch:
        """Return both sequences; the paper draws 10,000 of them."""
        told = np.array([[0], [1]], np.int32)
        return self._batch(told, self._distractors(2, rng))

    def _distractors(self, batch_size, rng):
        """Return the symbols from the second to the last but one."""
        del rng  # nothing is random between the first and the last
        order = np.arange(2, self.timesteps + 1, dtype=np.int32)
        return np.broadcast_to(order, (batch_size, order.size))

    def _batch(self, told, distractors) -> Batch:
        read = np.concatenate([told, distractors], axis=1)
        follow = np.concatenate([distractors, told], axis=1)
        if self.reminder:
            read[:, -1:] = len(self._symbols) + told
        # `take` is several times as fast as indexing.
        targets = np.eye(len(self._symbols), dtype=np.float32).take(follow, 0)
        return Batch(read, targets, np.ones(read.shape, np.float32))

    def solve(self, inputs: np.ndarray) -> np.ndarray:
        """Answer by rule: the next distractor, and at the end the first symbol.

        Args:
            inputs: Integer array of shape `(batch, time)`, symbols.

        Returns:
            float32 array of shape `(batch, time, output channel)`; 0 where no
            symbol is read.
        """
        read = np.asarray(inputs)
        last = self.timesteps  # the number of the last distractor
        follow = np.where(read < len(TOLD), len(TOLD), read + 1)
        follow = np.where(read >= last, read[:, :1], follow)
        return self._answers(np.where(read == NONE, NONE, follow))

    def _answers(self, follow):
        """Return predictions of symbols as probabilities 1 and 0."""
        count = len(self._symbols)
        return np.eye(count + 1, count, dtype=np.float32).take(follow, 0)

    def correct(self, outputs: np.ndarray, batch: Batch) -> np.ndarray:
        """Mark whether every output is within 0.25 at every step.

        Args:
            outputs: array of shape `(batch, time, output channel)`.
            batch: The `Batch` that was answered.

        Returns:
            bool array of shape `(batch,)`.
        """
        error = np.abs(check_answers(outputs, batch) - batch.targets)
        # The comparison is false for NaN, so NaN is never correct.
        return np.all(error < TOLERANCE, axis=(1, 2))

    def events(self, inputs: np.ndarray) -> dict[str, np.ndarray]:
        """Return the first and the last step.

        Args:
            inputs: Integer array of shape `(time,)`, the symbols of one
                sequence.
        """
        last = np.array([len(inputs) - 1])
        return {"tell": np.array([0]), "recall": last}


@dataclasses.dataclass(frozen=True)
class LongLagRandom(LongLag):
    """The FIRST symbol comes back after many RANDOM ones: predict it.

    >>> import numpy as np
    >>> from memnets.tasks import LongLagRandom, draw
    >>> task = LongLagRandom(timesteps=8)
    >>> print(draw(task, task.sample(1, np.random.default_rng(1))))
    time step  0              5
    read       x a4 a6 a7 a1 a2 a6 a7
    next      a4 a6 a7 a1 a2 a6 a7  x

    Everything is as in `LongLag`, but each of the p - 1 distractors between
    the first and the last symbol is drawn from a1, a2, ... with equal
    probability. They cannot be predicted: the perfect player answers
    1 / (p - 1) for each. All steps are scored as in training, but a sequence
    is correct if all outputs are within 0.25 of their targets at its last
    step.

    Source: experiment 2b of S. Hochreiter and J. Schmidhuber, Long Short-Term
    Memory, Neural Computation 9 (8), 1735 (1997), section 5.2, with p = 100.

    Args:
        timesteps: Integer of at least 2, the length of what is read, p in the
            paper. Default: 100.
        reminder: Boolean, whether the last symbol read is x! or y!, which
            names the answer. Default: `False`.
    """

    name: ClassVar[str] = "long-lag-random"

    @property
    def landmarks(self) -> dict[str, float]:
        """The mean squared error of some simple players.

        `constant` always answers how frequent each symbol is. `memoryless`
        knows only the current symbol, and not that it is the last.
        `forgetful` is like `perfect`, except that it answers 1/2 for both x
        and y at the last step.
        """
        steps, kinds = self.timesteps, self.timesteps - 1
        share = 1 / (steps * len(self._symbols))
        perfect = kinds - 1
        memoryless = float(perfect)
        if not self.reminder:
            # After a distractor the last symbol comes with probability
            # 1 / (p - 1), and else each distractor is equally likely.
            chance = 1 / kinds
            squares = (1 - chance) ** 2 / kinds + chance**2 / 2
            memoryless = 1 - chance + kinds * (1 - squares)
        return {
            "silent": share * steps,
            "constant": share * self._constant,
            "memoryless": share * memoryless,
            "forgetful": share * (perfect + 0.5),
            "perfect": share * perfect,
        }

    def exam(self, rng: np.random.Generator) -> Batch:
        """Draw 10,000 test sequences, as in the paper."""
        return self.sample(10_000, rng)

    def _distractors(self, batch_size, rng):
        """Return the symbols from the second to the last but one."""
        shape = batch_size, self.timesteps - 1
        return rng.integers(2, self.timesteps + 1, shape, np.int32)

    def solve(self, inputs: np.ndarray) -> np.ndarray:
        """Answer by rule: the probability of each next symbol.

        Args:
            inputs: Integer array of shape `(batch, time)`, symbols.

        Returns:
            float32 array of shape `(batch, time, output channel)`; 0 where no
            symbol is read.
        """
        read = np.asarray(inputs)
        answers = np.zeros((*read.shape, len(self._symbols)), np.float32)
        answers[:, :-1, len(TOLD) :] = 1 / (self.timesteps - 1)
        answers[:, -1] = self._answers(read[:, 0])
        answers[read == NONE] = 0
        return answers

    def correct(self, outputs: np.ndarray, batch: Batch) -> np.ndarray:
        """Mark whether every output is within 0.25 at the last step.

        Args:
            outputs: array of shape `(batch, time, output channel)`.
            batch: The `Batch` that was answered.

        Returns:
            bool array of shape `(batch,)`.
        """
        return np.all(final_errors(outputs, batch) < TOLERANCE, axis=1)


@dataclasses.dataclass(frozen=True)
class LongLagTrigger(FinalTask):
    """REMEMBER x or y through random symbols until e asks for it.

    >>> import numpy as np
    >>> from memnets.tasks import LongLagTrigger, draw
    >>> task = LongLagTrigger(timesteps=15, lag=6, symbols=9)
    >>> print(draw(task, task.sample(1, np.random.default_rng(2))))
    time step  0              5             10
    read       b  x a8 a5 a1 a4 a6 a8 a7  e  .  .  .  .  .
    x          .  .  .  .  .  .  .  .  .  1  .  .  .  .  .
    y          .  .  .  .  .  .  .  .  .  .  .  .  .  .  .

    A sequence begins with b, then x or y, equally likely, then `lag` random
    distractors out of `symbols`. After them comes one more distractor with
    probability 0.9, else e, and so on until e. At e, the output named after
    the second symbol must be 1 and the other 0. Answers at other steps are
    not scored. In the paper x or y follows e; here it is only the target. So
    a sequence has `lag + 12` steps on average. Those longer than `timesteps`
    are left out, 0.003 % by default. The others keep their relative
    probabilities.

    Inputs are symbols, the numbers of the input channels, not one-hot.

    Source: experiment 2c of S. Hochreiter and J. Schmidhuber, Long Short-Term
    Memory, Neural Computation 9 (8), 1735 (1997), section 5.2, with a lag of
    50 to 1,000 and 50 to 1,000 distractors.

    Args:
        timesteps: Integer of at least `lag + 3`, the length of the longest
            sequence. Default: 150.
        lag: Integer of at least 0, the number of distractors that always
            come, q in the paper. Default: 50.
        symbols: Positive integer, the number of different distractors, p in
            the paper. Default: 50.
        reminder: Boolean. If true, the task needs no memory: in place of e
            comes x! or y!, which names the answer. Default: `False`.
    """

    timesteps: int = 150
    lag: int = 50
    symbols: int = 50
    reminder: bool = False

    name: ClassVar[str] = "long-lag-trigger"
    symbolic: ClassVar[bool] = True
    pass_mark: ClassVar[float] = 1.0
    answering: ClassVar[slice] = slice(None)
    outputs: ClassVar[tuple[str, ...]] = TOLD  # type: ignore[assignment]

    def __post_init__(self):
        check_integer("lag", self.lag, 0)
        check_integer("symbols", self.symbols, 1)
        check_integer("timesteps", self.timesteps, self.shortest)
        check_flag("reminder", self.reminder)

    @property
    def inputs(self) -> tuple[str, ...]:  # type: ignore[override]
        """The names of the symbols that can be read."""
        reminders = REMINDERS * self.reminder
        return (*TOLD, "b", "e", *_distractor_names(self.symbols), *reminders)

    @property
    def shortest(self) -> int:
        """The length of the shortest sequence."""
        return self.lag + 3

    @property
    def landmarks(self) -> dict[str, float]:
        """The mean squared error of some simple players.

        `constant` answers 1/2 for both x and y, the best that can be done
        without memory.
        """
        share = 1 / (2 * self.timesteps)
        return {"silent": share, "constant": share / 2, "perfect": 0.0}

    def draw_lengths(
        self, batch_size: int, rng: np.random.Generator
    ) -> np.ndarray:
        """Draw lengths of at most `timesteps`, each `MORE` times as likely."""
        most = self.timesteps - self.shortest
        # The inverse of the cumulative distribution, where the part that
        # belongs to longer sequences is never drawn.
        within = -math.expm1((most + 1) * math.log(MORE))
        chance = within * rng.random(batch_size)
        further = np.floor(np.log1p(-chance) / math.log(MORE)).astype(np.intp)
        return self.shortest + np.minimum(further, most)

    def sample(self, batch_size: int, rng: np.random.Generator) -> Batch:
        """Draw fresh sequences.

        Args:
            batch_size: Positive integer, the number of sequences.
            rng: `numpy.random.Generator`.

        Returns:
            A `Batch`; its inputs are int32 symbols of shape `(batch_size,
            timesteps)`, -1 after the end of a sequence.
        """
        check_draw(batch_size, rng)
        lengths = self.draw_lengths(batch_size, rng)
        told = rng.integers(0, 2, batch_size, np.int32)
        kinds, shape = self.symbols, (batch_size, self.timesteps)
        read = rng.integers(DISTRACTOR, DISTRACTOR + kinds, shape, np.int32)
        read[:, 0], read[:, 1] = START, told
        end = DISTRACTOR + kinds + told if self.reminder else TRIGGER
        read[np.arange(batch_size), lengths - 1] = end
        blank_after(read, lengths, NONE)
        answers = np.eye(2, dtype=np.float32)[told]
        return self.answered_at_end(read, lengths, answers)

    def solve(self, inputs: np.ndarray) -> np.ndarray:
        """Answer by rule: at e, the second symbol.

        Args:
            inputs: Integer array of shape `(batch, time)`, symbols.

        Returns:
            float32 array of shape `(batch, time, 2)`.
        """
        read = np.asarray(inputs)
        ends = (read == TRIGGER) | (read >= DISTRACTOR + self.symbols)
        told = read[:, 1:2] == np.arange(len(TOLD))
        return (ends[..., None] & told[:, None]).astype(np.float32)

    def correct(self, outputs: np.ndarray, batch: Batch) -> np.ndarray:
        """Mark whether both outputs are within 0.2 at the end.

        Args:
            outputs: array of shape `(batch, time, 2)`.
            batch: The `Batch` that was answered.

        Returns:
            bool array of shape `(batch,)`.
        """
        errors = final_errors(outputs, batch)
        return np.all(errors < TRIGGER_TOLERANCE, axis=1)

    def exam(self, rng: np.random.Generator) -> Batch:
        """Draw 10,000 test sequences, as in the paper."""
        return self.sample(10_000, rng)

    def events(self, inputs: np.ndarray) -> dict[str, np.ndarray]:
        """Return the steps of x or y and of the trigger.

        Args:
            inputs: Integer array of shape `(time,)`, the symbols of one
                sequence.
        """
        last = np.flatnonzero(np.asarray(inputs) != NONE)[-1:]
        return {"tell": np.array([1]), "recall": last}
