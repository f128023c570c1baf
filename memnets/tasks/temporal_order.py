"""Temporal order: which symbols came, and in which order?"""

from __future__ import annotations

import dataclasses
from itertools import product
from math import comb
from typing import ClassVar

import numpy as np

from memnets.tasks.base import Batch, check_draw, check_flag, check_integer
from memnets.tasks.final import FinalTask, blank_after, final_errors
from memnets.tasks.symbols import NONE

SYMBOLS = tuple("EBabcdXY")
START, END, DISTRACTOR, TOLD = 0, 1, 2, 6  # the first of each in SYMBOLS
TOLERANCE = 0.3


@dataclasses.dataclass(frozen=True)
class TemporalOrder(FinalTask):
    """X or Y comes twice among distractors: REMEMBER both and their order.

    >>> import numpy as np
    >>> from memnets.tasks import TemporalOrder
    >>> from memnets.tasks.symbols import spell
    >>> task = TemporalOrder(timesteps=44)
    >>> batch = task.sample(3, np.random.default_rng(3))
    >>> for symbols, targets in zip(batch.inputs, batch.targets):
    ...     print(spell(task, symbols), task.outputs[targets.sum(0).argmax()])
    EccaadbXdbadaacdacacXaaacdaaaaababdbddacaacB XX
    EadbbcdYacaccaacdbbaacaaXccbdcabdbbdcabB YX
    EcabadccXbacbdaadddcadcdXdddcbbdbbdbbddB XX

    A sequence begins with E and ends with B. One X or Y comes in the second
    tenth of T time steps, another at T/2 or up to T/10 later. All other
    symbols are random distractors from a, b, c, d. At B, the output named
    after the two symbols in their order must be 1 and all others 0. Answers
    at other steps are not scored. Lengths are uniform from T to 1.1 T, the
    `timesteps`. With T = 100, the two symbols come at steps 10 to 20 and 50 to
    60, both ends included; for other T these are scaled and rounded down.

    Inputs are symbols, the numbers of the input channels, not one-hot.

    Source: experiment 6a of S. Hochreiter and J. Schmidhuber, Long Short-Term
    Memory, Neural Computation 9 (8), 1735 (1997), section 5.6. The paper
    names the answers Q (XX), R (XY), S (YX) and U (YY).

    Args:
        timesteps: Integer of at least 11, the length of the longest sequence.
            Default: 110, as in the paper.
        reminder: Boolean. If true, the task needs no memory: a sequence ends
            not with B but with a symbol that names the answer. Default:
            `False`.
    """

    timesteps: int = 110
    reminder: bool = False

    name: ClassVar[str] = "temporal-order"
    symbolic: ClassVar[bool] = True
    answering: ClassVar[slice] = slice(None)
    # The first and the last step of each told symbol, in percent of T.
    windows: ClassVar[tuple[tuple[int, int], ...]] = ((10, 20), (50, 60))

    def __post_init__(self):
        check_integer("timesteps", self.timesteps, 11)
        check_flag("reminder", self.reminder)

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of the output channels, XX, XY, YX and YY."""
        return tuple(map("".join, product("XY", repeat=len(self.windows))))

    @property
    def inputs(self) -> tuple[str, ...]:  # type: ignore[override]
        """The names of the symbols."""
        return SYMBOLS + (self.outputs if self.reminder else ())

    @property
    def landmarks(self) -> dict[str, float]:
        """The mean squared error of some simple players.

        `constant` always answers every order with the same probability, the
        best that can be done without memory. `unordered` remembers how many X
        came, but not in which order.
        """
        told, classes = len(self.windows), len(self.outputs)
        share = 1 / (self.timesteps * classes)
        # With j of `told` symbols X there are comb(told, j) orders.
        orders = [comb(told, j) for j in range(told + 1)]
        missed = sum(count / classes * (1 - 1 / count) for count in orders)
        return {
            "silent": share,
            "constant": share * (1 - 1 / classes),
            "unordered": share * missed,
            "perfect": 0.0,
        }

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
        symbols, answer = self._symbols(lengths, rng)
        answers = np.eye(len(self.outputs), dtype=np.float32)[answer]
        return self.answered_at_end(symbols, lengths, answers)

    def _symbols(self, lengths, rng):
        """Draw sequences of given lengths; return them and their answers."""
        shape, row = (len(lengths), self.timesteps), np.arange(len(lengths))
        symbols = rng.integers(0, 4, shape, np.int8).astype(np.int32)
        symbols += DISTRACTOR
        answer = np.zeros(len(lengths), np.intp)
        for first, last in self.windows:
            begin, end = (w * self.shortest // 100 for w in (first, last))
            step = rng.integers(begin, end + 1, len(lengths))
            told = rng.integers(0, 2, len(lengths))
            symbols[row, step] = TOLD + told
            answer = 2 * answer + told
        symbols[:, 0] = START
        blank_after(symbols, lengths, NONE)
        ends = len(SYMBOLS) + answer if self.reminder else END
        symbols[row, lengths - 1] = ends
        return symbols, answer

    def solve(self, inputs: np.ndarray) -> np.ndarray:
        """Answer by rule: at the end, the order of the last told symbols.

        Args:
            inputs: Integer array of shape `(batch, time)`, symbols.

        Returns:
            float32 array of shape `(batch, time, output channel)`.
        """
        symbols = np.asarray(inputs)
        classes = len(self.outputs)
        order = np.zeros(len(symbols), np.intp)
        answers = np.zeros((*symbols.shape, classes), np.float32)
        for step, now in enumerate(symbols.T):
            told = (now >= TOLD) & (now < len(SYMBOLS))
            order = np.where(told, (2 * order + now - TOLD) % classes, order)
            row = np.flatnonzero((now == END) | (now >= len(SYMBOLS)))
            answers[row, step, order[row]] = 1
        return answers

    def correct(self, outputs: np.ndarray, batch: Batch) -> np.ndarray:
        """Mark the last answer: every output within 0.3 of its target.

        Args:
            outputs: array of shape `(batch, time, output channel)`.
            batch: The `Batch` that was answered.

        Returns:
            bool array of shape `(batch,)`.
        """
        return np.all(final_errors(outputs, batch) < TOLERANCE, axis=1)

    def exam(self, rng: np.random.Generator) -> Batch:
        """Draw 2,560 test sequences, as in the paper."""
        return self.sample(2560, rng)

    def events(self, inputs: np.ndarray) -> dict[str, np.ndarray]:
        """Return the steps of the told symbols and of the answer.

        Args:
            inputs: Integer array of shape `(time,)`, the symbols of one
                sequence.
        """
        told = (inputs >= TOLD) & (inputs < len(SYMBOLS))
        return {
            "tell": np.flatnonzero(told),
            "recall": np.flatnonzero(inputs != NONE)[-1:],
        }


@dataclasses.dataclass(frozen=True)
class TemporalOrder3(TemporalOrder):
    """X or Y comes three times: REMEMBER all three and their order.

    >>> TemporalOrder3().outputs
    ('XXX', 'XXY', 'XYX', 'XYY', 'YXX', 'YXY', 'YYX', 'YYY')

    Everything is as in `TemporalOrder`, but with T = 100 the three symbols come
    at steps 10 to 20, 33 to 43 and 66 to 76.

    Source: experiment 6b of S. Hochreiter and J. Schmidhuber, Long Short-Term
    Memory, Neural Computation 9 (8), 1735 (1997), section 5.6. The paper
    names the answers Q, R, S, U, V, A, B, C, in the order above.

    Args:
        timesteps: Integer of at least 11, the length of the longest sequence.
            Default: 110, as in the paper.
        reminder: Boolean, whether the last symbol names the answer. Default:
            `False`.
    """

    name: ClassVar[str] = "temporal-order-3"
    windows: ClassVar[tuple[tuple[int, int], ...]] = (
        (10, 20),
        (33, 43),
        (66, 76),
    )
