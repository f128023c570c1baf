"""Associative recall: pairs of keys and values, then a key: which value?"""

from __future__ import annotations

import dataclasses
import string
from typing import ClassVar

import numpy as np

from memnets.tasks.base import Batch, check_draw, check_flag, check_integer
from memnets.tasks.final import ChoiceTask
from memnets.tasks.symbols import NONE

BLANK, ASK, KEY = 0, 1, 2  # the first key; after the keys come the values


@dataclasses.dataclass(frozen=True)
class AssociativeRecall(ChoiceTask):
    """Keys are TOLD with their values; then a key ASKS for its value.

    >>> import numpy as np
    >>> from memnets.tasks import AssociativeRecall
    >>> from memnets.tasks.symbols import spell
    >>> task = AssociativeRecall(timesteps=14)
    >>> batch = task.sample(3, np.random.default_rng(0))
    >>> for symbols, targets in zip(batch.inputs, batch.targets):
    ...     print(spell(task, symbols), task.outputs[targets.sum(0).argmax()])
    x5h3f6g5____?h 3
    q2s3i7p5____?p 5
    y5n3t7s3____?n 3

    The keys are different letters and the values are any digits. After the
    pairs come blanks, if steps are left, then a question mark and one of the
    keys, each equally likely. At that last step the output of its value must
    be 1 and all others 0. Answers at other steps are not scored.

    Inputs are symbols, the numbers of the input channels, not one-hot.

    Sources: the task is that of A. Graves, G. Wayne and I. Danihelka, Neural
    Turing Machines, arXiv:1410.5401 (2014), section 4.3, where an item of bits
    asks for the item that followed it. This is the variant of J. Ba et al.,
    Using Fast Weights to Attend to the Recent Past, NIPS (2016):
    keys and values are single symbols, and there is one question. There are no
    blanks there, but two question marks.

    Args:
        timesteps: Integer, the length in time steps: at least twice the pairs
            and 2 more. Default: 10.
        pairs: Positive integer, how many pairs are told, at most as many as
            there are keys. Default: 4.
        keys: Integer from 1 to 26, how many keys there are. Default: 26.
        values: Integer from 2 to 10, how many values there are. Default: 10.
        reminder: Boolean. If true, the task needs no memory: the question is
            not the key, but its value. Default: `False`.
    """

    timesteps: int = 10
    pairs: int = 4
    keys: int = 26
    values: int = 10
    reminder: bool = False

    name: ClassVar[str] = "associative-recall"
    symbolic: ClassVar[bool] = True
    answering: ClassVar[slice] = slice(None)

    def __post_init__(self):
        check_integer("timesteps", self.timesteps, 1)
        check_flag("reminder", self.reminder)
        for argument, least, most in (
            ("keys", 1, 26),
            ("values", 2, 10),
            ("pairs", 1, self.keys),
        ):
            value = getattr(self, argument)
            check_integer(argument, value, least)
            if value > most:
                raise ValueError(
                    f"{argument} must be at most {most}, got {value}"
                )
        if self.timesteps < 2 * self.pairs + 2:
            raise ValueError(
                f"timesteps must be at least {2 * self.pairs + 2} for "
                f"{self.pairs} pairs, got {self.timesteps}"
            )

    @property
    def shortest(self) -> int:
        """The length of the shortest sequence: all are equally long."""
        return self.timesteps

    @property
    def inputs(self) -> tuple[str, ...]:  # type: ignore[override]
        """The names of the symbols: blank, question mark, keys, values."""
        keys = string.ascii_lowercase[: self.keys]
        return ("_", "?", *keys, *self.outputs)

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of the output channels, the values."""
        return tuple(string.digits[: self.values])

    @property
    def landmarks(self) -> dict[str, float]:
        """The mean squared error of some simple players.

        `constant` answers all values with the same probability. `unpaired`
        remembers how often each value was told, but not with which key.
        """
        share = 1 / (self.timesteps * self.values)
        missed = (1 - 1 / self.pairs) * (1 - 1 / self.values)
        return {
            "silent": share,
            "constant": share * (1 - 1 / self.values),
            "unpaired": share * missed,
            "perfect": 0.0,
        }

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
        each, told = np.arange(batch_size), 2 * self.pairs
        order = rng.random((batch_size, self.keys), np.float32)
        keys = np.argsort(order, axis=1, kind="stable")[:, : self.pairs]
        values = rng.integers(0, self.values, (batch_size, self.pairs))
        asked = rng.integers(0, self.pairs, batch_size)
        symbols = np.full((batch_size, self.timesteps), BLANK, np.int32)
        symbols[:, 0:told:2] = KEY + keys
        symbols[:, 1:told:2] = KEY + self.keys + values
        symbols[:, -2] = ASK
        symbols[:, -1] = symbols[each, 2 * asked + self.reminder]
        answers = np.eye(self.values, dtype=np.float32)[values[each, asked]]
        lengths = np.full(batch_size, self.timesteps)
        return self.answered_at_end(symbols, lengths, answers)

    def solve(self, inputs: np.ndarray) -> np.ndarray:
        """Answer by rule: after a question mark, the asked key's last value.

        Args:
            inputs: Integer array of shape `(batch, time)`, symbols.

        Returns:
            float32 array of shape `(batch, time, output channel)`.
        """
        symbols = np.asarray(inputs)
        each, first = np.arange(len(symbols)), KEY + self.keys
        # The value of each symbol; a value stands for itself.
        value = np.full((len(symbols), first + self.values), NONE)
        value[:, first:] = np.arange(self.values)
        answers = np.zeros((*symbols.shape, self.values), np.float32)
        before = np.full(len(symbols), BLANK)
        for step, now in enumerate(symbols.T):
            told = (now >= first) & (before >= KEY) & (before < first)
            value[each[told], before[told]] = now[told] - first
            asked = (before == ASK) & (now != NONE)
            found = np.where(asked, value[each, now], NONE)
            row = np.flatnonzero(found != NONE)
            answers[row, step, found[row]] = 1
            before = now
        return answers

    def events(self, inputs: np.ndarray) -> dict[str, np.ndarray]:
        """Return the steps of the asked key's telling and of the answer.

        Args:
            inputs: Integer array of shape `(time,)`, the symbols of one
                sequence.
        """
        return {
            "tell": np.flatnonzero(inputs[:-1] == inputs[-1]),
            "recall": np.array([len(inputs) - 1]),
        }
