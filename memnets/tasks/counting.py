"""Counting languages: read a^n b^n, or a^n b^n c^n, and know what may come."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
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
from memnets.tasks.symbols import NONE

START = 0  # the symbol S; the letters follow it, a first
GROUP = 64  # strings that `first_failure` tests at once


@dataclasses.dataclass(frozen=True)
class AnBn(Task):
    """The network READS n a and then n b: COUNT, to know what may come NEXT.

    >>> from memnets.tasks import AnBn, draw
    >>> print(draw(AnBn(), AnBn().string(3)))
    time step  0              5
    read       S  a  a  a  b  b  b
    next a     1  1  1  1  .  .  .
    next b     .  1  1  1  1  1  .
    next T     .  .  .  .  .  .  1

    A string is S, n times a, n times b, T. At every step the outputs of all
    symbols that may come next must be 1 and the others 0. After S only a may
    come, for n is at least 1; after a, another a or the first b. After that
    everything is certain, for whoever counts. T is predicted but never read.
    All numbers n from `least` to `most` are equally likely.

    Inputs are symbols, the numbers of the input channels, not one-hot.

    Source: F. A. Gers and J. Schmidhuber, LSTM recurrent networks learn simple
    context-free and context-sensitive languages, IEEE Transactions on Neural
    Networks 12 (6), 1333 (2001). There, networks trained with n from 1 to 10
    are tested with ever larger n; see `first_failure`.

    Args:
        timesteps: Integer of at least 3, the length of the inputs: 1 + 2 n for
            the largest n. Default: 21.
        least: Positive integer, the smallest n. Default: 1.
        most: Integer of at least `least`, the largest n. Default: `None`, which
            means the largest that fits: 10 for 21 steps.
        reminder: Boolean. If true, the task needs no memory: the last letter of
            each kind after a is written as a capital. Default: `False`.
    """

    timesteps: int = 21
    least: int = 1
    most: int | None = None
    reminder: bool = False

    name: ClassVar[str] = "anbn"
    symbolic: ClassVar[bool] = True
    pass_mark: ClassVar[float] = 1.0
    answering: ClassVar[slice] = slice(None)
    letters: ClassVar[str] = "ab"

    def __post_init__(self):
        kinds = len(self.letters)
        check_integer("timesteps", self.timesteps, 1 + kinds)
        check_integer("least", self.least, 1)
        check_flag("reminder", self.reminder)
        fits = (self.timesteps - 1) // kinds
        if self.most is not None:
            check_integer("most", self.most, self.least)
        for argument in ("least", "most"):
            n = getattr(self, argument)
            if n is not None and n > fits:
                raise ValueError(
                    f"{argument} must be at most {fits} for timesteps = "
                    f"{self.timesteps}, got {n}; it needs {1 + kinds * n}"
                )

    @property
    def inputs(self) -> tuple[str, ...]:  # type: ignore[override]
        """The names of the symbols."""
        last = self.letters[1:].upper() if self.reminder else ""
        return ("S", *self.letters, *last)

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of the output channels."""
        return tuple(f"next {symbol}" for symbol in (*self.letters, "T"))

    @property
    def numbers(self) -> range:
        """Every n that is drawn."""
        fits = (self.timesteps - 1) // len(self.letters)
        return range(self.least, (self.most or fits) + 1)

    @property
    def landmarks(self) -> dict[str, float]:
        """The mean squared error of some simple players.

        `constant` answers every output's mean over all scored steps.
        `memoryless` answers the mean over the steps with the symbol just read,
        the best that can be done without memory.
        """
        kinds = len(self.letters)
        n = (self.numbers[0] + self.numbers[-1]) / 2
        steps = 1 + kinds * n
        # How often each output is 1: `a` after S and a; b after a and b.
        ones = np.array([1 + n, 2 * n - 1, *[n] * (kinds - 2), 1])
        share = 1 / (self.timesteps * (kinds + 1))
        # In 1 of n steps the next symbol differs from the letter just read.
        missed = 2 * (kinds - 1) * (1 - 1 / n)
        return {
            "silent": share * float(ones.sum()),
            "constant": share * float(np.sum(ones * (1 - ones / steps))),
            "memoryless": 0.0 if self.reminder else share * missed,
            "perfect": 0.0,
        }

    def sample(self, batch_size: int, rng: np.random.Generator) -> Batch:
        """Draw fresh strings.

        Args:
            batch_size: Positive integer, the number of strings.
            rng: `numpy.random.Generator`.

        Returns:
            A `Batch`; its inputs are int32 symbols of shape `(batch_size,
            timesteps)`, -1 after the end of a string.
        """
        check_draw(batch_size, rng)
        numbers = self.numbers
        drawn = rng.integers(numbers[0], numbers[-1] + 1, batch_size)
        return self._batch(drawn, self.timesteps)

    def exam(self, rng: np.random.Generator) -> Batch:
        """Return the string of every n once."""
        return self._batch(np.array(self.numbers), self.timesteps)

    def string(self, n: int) -> Batch:
        """Return the string of any n, as a `Batch` of its own length."""
        check_integer("n", n, 1)
        return self.strings([n])

    def strings(self, numbers: Iterable[int]) -> Batch:
        """Return the strings of any numbers n, as long as the longest needs.

        Args:
            numbers: Positive integers; also those that are never drawn.

        Returns:
            A `Batch` of `1 + 2 n` time steps, `1 + 3 n` with three letters.
        """
        numbers = np.array([*numbers])
        if not numbers.size or numbers.dtype.kind != "i" or numbers.min() < 1:
            raise ValueError(
                f"numbers must be positive integers, got {numbers.tolist()}"
            )
        return self._batch(numbers, 1 + len(self.letters) * numbers.max())

    def _batch(self, numbers: np.ndarray, timesteps: int) -> Batch:
        kinds, n = len(self.letters), numbers[:, None]
        # Step 0 is S; after it, n steps of each letter.
        step = np.arange(timesteps)
        symbols = letter = 1 + (step - 1) // n
        if self.reminder:
            last = (step % n == 0) & (letter > 1)
            symbols = np.where(last, letter + kinds - 1, letter)
        inside = step <= kinds * n
        symbols = np.where(inside, symbols, NONE).astype(np.int32)
        outputs = np.arange(1, kinds + 2)
        # The next letter is sure, except that after a, a or b may come.
        after, open_end = (1 + step // n)[..., None], (letter == 1)[..., None]
        may = (outputs == after) | ((outputs <= 2) & open_end)
        return Batch(
            symbols,
            (may & inside[..., None]).astype(np.float32),
            inside.astype(np.float32),
        )

    def solve(self, inputs: np.ndarray) -> np.ndarray:
        """Answer by rule: count the first letter, then the others down.

        Args:
            inputs: Integer array of shape `(batch, time)`, symbols.

        Returns:
            float32 array of shape `(batch, time, output channel)`.
        """
        symbols = np.asarray(inputs)
        kinds = len(self.letters)
        letter = np.where(symbols > kinds, symbols - kinds + 1, symbols)
        counts = [
            np.cumsum(letter == kind, axis=1) for kind in range(1, kinds + 1)
        ]
        answers = np.zeros((*symbols.shape, kinds + 1), np.float32)
        answers[..., 0] = (letter == START) | (letter == 1)
        answers[..., 1] = letter == 1
        for kind in range(2, kinds + 1):
            more = counts[kind - 1] < counts[0]
            answers[..., kind - 1] += (letter == kind) & more
            answers[..., kind] += (letter == kind) & ~more
        return answers

    def correct(self, outputs: np.ndarray, batch: Batch) -> np.ndarray:
        """Mark whether each output is on its target's side of 0.5.

        This must hold at every step of a string.

        Args:
            outputs: array of shape `(batch, time, output channel)`.
            batch: The `Batch` that was answered.

        Returns:
            bool array of shape `(batch,)`.
        """
        outputs = check_answers(outputs, batch)
        # Both comparisons are false for NaN, so NaN is never correct.
        right = np.where(batch.targets > 0.5, outputs > 0.5, outputs < 0.5)
        return np.all(right.all(axis=2) | (batch.weights == 0), axis=1)

    def first_failure(
        self, answer: Callable[[np.ndarray], np.ndarray], longest: int = 1000
    ) -> int | None:
        """Return the smallest n whose string is not answered correctly.

        Args:
            answer: Function from inputs of shape `(batch, time)` to outputs of
                shape `(batch, time, output channel)`, such as a network. It is
                given up to 64 strings at once, longer ones from call to call.
            longest: Positive integer, the largest n to try. Default: 1000.

        Returns:
            An integer, or `None` if all are answered correctly.
        """
        check_integer("longest", longest, 1)
        for first in range(1, longest + 1, GROUP):
            numbers = range(first, min(first + GROUP, longest + 1))
            batch = self.strings(numbers)
            right = self.correct(answer(batch.inputs), batch)
            if not right.all():
                return numbers[int(np.argmin(right))]
        return None

    def events(self, inputs: np.ndarray) -> dict[str, np.ndarray]:
        """Return the steps of the first letter and of the last answer.

        Args:
            inputs: Integer array of shape `(time,)`, the symbols of one string.
        """
        return {
            "tell": np.flatnonzero(inputs == 1),
            "recall": np.flatnonzero(inputs != NONE)[-1:],
        }


@dataclasses.dataclass(frozen=True)
class AnBnCn(AnBn):
    """The network READS n a, n b, n c: COUNT twice, to know what may come NEXT.

    >>> from memnets.tasks import AnBnCn
    >>> from memnets.tasks.symbols import spell
    >>> spell(AnBnCn(), AnBnCn().string(3).inputs[0])
    'Saaabbbccc'

    Everything is as in `AnBn`, but the count is needed a second time. This
    language is context-sensitive, not context-free.

    Source: F. A. Gers and J. Schmidhuber, LSTM recurrent networks learn simple
    context-free and context-sensitive languages, IEEE Transactions on Neural
    Networks 12 (6), 1333 (2001).

    Args:
        timesteps: Integer of at least 4, the length of the inputs: 1 + 3 n for
            the largest n. Default: 31.
        least: Positive integer, the smallest n. Default: 1.
        most: Integer of at least `least`, the largest n. Default: `None`, which
            means the largest that fits: 10 for 31 steps.
        reminder: Boolean, whether the last letter of each kind after a is
            written as a capital. Default: `False`.
    """

    timesteps: int = 31

    name: ClassVar[str] = "anbncn"
    letters: ClassVar[str] = "abc"
