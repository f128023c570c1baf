"""Copy memory: repeat a word of symbols after a long delay."""

from __future__ import annotations

import dataclasses
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
from memnets.tasks.symbols import NONE, chooses

BLANK = 0  # the symbol that says nothing; the symbols of words follow it


@dataclasses.dataclass(frozen=True)
class CopyMemory(Task):
    """A word is TOLD; after a delay the network must REPEAT it.

    >>> import numpy as np
    >>> from memnets.tasks import CopyMemory
    >>> from memnets.tasks.symbols import spell
    >>> task = CopyMemory(timesteps=26, length=5)
    >>> batch = task.sample(1, np.random.default_rng(0))
    >>> print(spell(task, batch.inputs[0]))
    76533_______________:_____
    >>> print(spell(task, batch.targets[0].argmax(axis=-1)))
    _____________________76533

    The word is `length` random symbols from 1 to `alphabet`, one at each of the
    first steps. Then follow `delay` - 1 blanks, the delimiter ":", and as many
    blanks as the word has symbols. At those the network must repeat the word;
    at all steps before, the answer is a blank. Every step is scored. By cross-
    entropy, whoever forgets the word but knows the rest has a mean loss of
    length x log(alphabet) / steps: 0.1733 for a delay of 100.

    Inputs are symbols, the numbers of the input channels, not one-hot.

    Source: M. Arjovsky, A. Shah and Y. Bengio, Unitary Evolution Recurrent
    Neural Networks, ICML (2016), whose layout this is. In S. Bai,
    J. Z. Kolter and V. Koltun, An Empirical Evaluation of Generic Convolutional
    and Recurrent Networks for Sequence Modeling, arXiv:1803.01271 (2018), the
    delimiter stands at all of the last 11 steps, not at the first of them.

    Args:
        timesteps: Integer, the length in time steps: at least the delay and
            twice the word. Default: 120.
        delay: Positive integer, the steps from a word's last symbol to the
            delimiter. Default: `None`, which means all that fit: 100 for 120
            steps. With fewer, sequences end early.
        length: Positive integer, the symbols of a word. Default: 10.
        alphabet: Integer of at least 2, how many symbols there are. Default: 8.
        reminder: Boolean. If true, the task needs no memory: where the word
            must be repeated, inputs show it again, in symbols that are not used
            elsewhere. Default: `False`.
    """

    timesteps: int = 120
    delay: int | None = None
    length: int = 10
    alphabet: int = 8
    reminder: bool = False

    name: ClassVar[str] = "copy-memory"
    symbolic: ClassVar[bool] = True
    answering: ClassVar[slice] = slice(None)

    def __post_init__(self):
        check_integer("length", self.length, 1)
        check_integer("alphabet", self.alphabet, 2)
        check_flag("reminder", self.reminder)
        delay = 1 if self.delay is None else self.delay
        check_integer("delay", delay, 1)
        check_integer("timesteps", self.timesteps, 1)
        if self.timesteps < delay + 2 * self.length:
            raise ValueError(
                f"timesteps must be at least {delay + 2 * self.length}, the "
                f"delay and twice the length of a word, got {self.timesteps}"
            )

    @property
    def inputs(self) -> tuple[str, ...]:  # type: ignore[override]
        """The names of the symbols."""
        word = tuple(str(k) for k in range(1, self.alphabet + 1))
        shown = tuple(f"say {k}" for k in word) if self.reminder else ()
        return ("_", *word, ":", *shown)

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of the output channels, a blank and the symbols."""
        return ("blank", *(str(k) for k in range(1, self.alphabet + 1)))

    @property
    def landmarks(self) -> dict[str, float]:
        """The mean squared error of some simple players.

        `constant` always answers how often each output is 1. `memoryless`
        answers a blank, and then all symbols with the same probability.
        """
        steps, share = self._steps, 1 / (self.timesteps * (1 + self.alphabet))
        blank, each = steps - self.length, self.length / self.alphabet
        errors = [ones * (1 - ones / steps) for ones in (blank, each)]
        forgotten = self.length * (1 - 1 / self.alphabet)
        return {
            "silent": share * steps,
            "constant": share * (errors[0] + self.alphabet * errors[1]),
            "memoryless": 0.0 if self.reminder else share * forgotten,
            "perfect": 0.0,
        }

    @property
    def _steps(self) -> int:
        """The time steps of a sequence."""
        if self.delay is None:
            return self.timesteps
        return self.delay + 2 * self.length

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
        shape, steps = (batch_size, self.timesteps), self._steps
        word = rng.integers(
            1, self.alphabet + 1, (batch_size, self.length), np.int32
        )
        symbols = np.full(shape, NONE, np.int32)
        symbols[:, :steps] = BLANK
        symbols[:, : self.length] = word
        symbols[:, steps - self.length - 1] = self.alphabet + 1
        weights = np.zeros(shape, np.float32)
        weights[:, :steps] = 1
        said = np.arange(steps - self.length, steps)
        if self.reminder:
            symbols[:, said] = word + self.alphabet + 1
        targets = np.zeros((*shape, 1 + self.alphabet), np.float32)
        targets[:, : steps - self.length, BLANK] = 1
        targets[np.arange(batch_size)[:, None], said, word] = 1
        return Batch(symbols, targets, weights)

    def solve(self, inputs: np.ndarray) -> np.ndarray:
        """Answer by rule: after the delimiter, the symbols told first.

        Args:
            inputs: Integer array of shape `(batch, time)`, symbols.

        Returns:
            float32 array of shape `(batch, time, output channel)`.
        """
        symbols = np.asarray(inputs)
        marked = np.cumsum(symbols == self.alphabet + 1, axis=1) > 0
        # How many steps ago the delimiter was: 1 for the first symbol.
        since = np.cumsum(marked, axis=1) - 1
        saying = (since > 0) & (since <= self.length)
        place = np.where(saying, since - 1, 0)
        told = np.take_along_axis(symbols, place, axis=1)
        said = np.where(saying, told, BLANK)
        answers = np.eye(1 + self.alphabet, dtype=np.float32)[said]
        answers[symbols == NONE] = 0
        return answers

    def correct(self, outputs: np.ndarray, batch: Batch) -> np.ndarray:
        """Mark whether the right output is the largest at every step.

        So the whole word is repeated, and nothing is said before.

        Args:
            outputs: array of shape `(batch, time, output channel)`.
            batch: The `Batch` that was answered.

        Returns:
            bool array of shape `(batch,)`.
        """
        right = chooses(check_answers(outputs, batch), batch.targets)
        return np.all(right | (batch.weights == 0), axis=1)

    def share_repeated(self, outputs: np.ndarray, batch: Batch) -> np.ndarray:
        """Return the share of each word's symbols that is repeated.

        This is the accuracy of the papers. Whoever guesses has 1 / `alphabet`.

        Args:
            outputs: array of shape `(batch, time, output channel)`.
            batch: The `Batch` that was answered.

        Returns:
            float array of shape `(batch,)`, from 0 to 1.
        """
        said = slice(self._steps - self.length, self._steps)
        outputs = check_answers(outputs, batch)[:, said]
        return chooses(outputs, batch.targets[:, said]).mean(axis=1)

    def events(self, inputs: np.ndarray) -> dict[str, np.ndarray]:
        """Return the steps where the word is told and where it is repeated.

        Args:
            inputs: Integer array of shape `(time,)`, the symbols of one
                sequence.
        """
        steps = np.count_nonzero(inputs != NONE)
        word = np.arange(self.length)
        return {"tell": word, "recall": steps - self.length + word}
