"""The latest subject: a new one must replace the one before."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np

from memnets.tasks.base import Batch, check_draw, check_flag, check_integer
from memnets.tasks.final import ChoiceTask, blank_after
from memnets.tasks.symbols import NONE

MALE, FEMALE, ASK, FILLER = range(4)  # FILLER is the first of them


@dataclasses.dataclass(frozen=True)
class LatestSubject(ChoiceTask):
    """Subjects are TOLD, each replacing the last: RECALL the latest.

    >>> import numpy as np
    >>> from memnets.tasks import LatestSubject
    >>> from memnets.tasks.symbols import spell
    >>> task = LatestSubject(timesteps=11, subjects=2)
    >>> batch = task.sample(4, np.random.default_rng(0))
    >>> for symbols, targets in zip(batch.inputs, batch.targets):
    ...     print(spell(task, symbols), task.outputs[targets.sum(0).argmax()])
    1147473f78? f
    16352f4876? f
    715482m155? m
    3868m7813? m

    Like a text in which "he" or "she" stands for the person named last: John is
    a subject m, Jenny a subject f. Among random fillers, written as numbers,
    come from 1 to `subjects` subjects, each number equally likely, at different
    random steps. So the lag from the last subject to the question, the last
    symbol, is anything from 1 to `timesteps` - 1. At the question, the output
    of the last subject's gender must be 1 and the other 0. Answers at other
    steps are not scored. Fillers may change nothing; a new subject must
    overwrite the old one. Lengths are uniform from T to 1.1 T, the
    `timesteps`.

    Inputs are symbols, the numbers of the input channels, not one-hot.

    Args:
        timesteps: Integer, the length of the longest sequence. Default: 50.
        subjects: Positive integer, the largest number of subjects; the shortest
            sequence must have a step for each, and one for the question.
            Default: 3.
        fillers: Positive integer, how many different fillers there are.
            Default: 8.
        reminder: Boolean. If true, the task needs no memory: the question
            itself names the gender. Default: `False`.
    """

    timesteps: int = 50
    subjects: int = 3
    fillers: int = 8
    reminder: bool = False

    name: ClassVar[str] = "latest-subject"
    symbolic: ClassVar[bool] = True
    pass_mark: ClassVar[float] = 1.0
    answering: ClassVar[slice] = slice(None)

    def __post_init__(self):
        check_integer("timesteps", self.timesteps, 2)
        check_integer("subjects", self.subjects, 1)
        check_integer("fillers", self.fillers, 1)
        check_flag("reminder", self.reminder)
        if self.subjects > self.shortest - 1:
            raise ValueError(
                f"subjects must be at most {self.shortest - 1} for timesteps = "
                f"{self.timesteps}, where the shortest sequence has "
                f"{self.shortest}, got {self.subjects}"
            )

    @property
    def inputs(self) -> tuple[str, ...]:  # type: ignore[override]
        """The names of the symbols: subjects, question, fillers."""
        fillers = (str(k) for k in range(1, self.fillers + 1))
        told = ("?m", "?f") if self.reminder else ()
        return ("m", "f", "?", *fillers, *told)

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of the output channels."""
        return ("m", "f")

    @property
    def landmarks(self) -> dict[str, float]:
        """The mean squared error of some simple players.

        `constant` answers 1/2 for both. `first subject` names the first
        subject, as a memory that cannot be overwritten.
        """
        share = 1 / (2 * self.timesteps)
        # With several, first and last differ half of the time; both outputs
        # are then wrong by 1.
        differ = (1 - 1 / self.subjects) / 2
        return {
            "silent": share,
            "constant": share / 2,
            "first subject": share * 2 * differ,
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
        shape, each = (batch_size, self.timesteps), np.arange(batch_size)
        lengths = self.draw_lengths(batch_size, rng)
        several = rng.integers(1, self.subjects + 1, batch_size)
        steps = np.arange(self.timesteps)
        # The steps before the question in random order; the first are taken.
        # In float64 no two are equal, so the order is everywhere the same.
        order = rng.random(shape)
        order[steps >= lengths[:, None] - 1] = 2
        taken = np.argpartition(order, self.subjects - 1, axis=1)
        taken = taken[:, : self.subjects]
        first = np.take_along_axis(order, taken, axis=1).argsort(axis=1)
        taken = np.take_along_axis(taken, first, axis=1)
        symbols = rng.integers(0, self.fillers, shape, np.int32) + FILLER
        genders = rng.integers(0, 2, taken.shape, np.int32)
        told = np.arange(self.subjects) < several[:, None]
        kept = np.take_along_axis(symbols, taken, axis=1)
        np.put_along_axis(symbols, taken, np.where(told, genders, kept), axis=1)
        last = np.where(told, taken, NONE).argmax(axis=1)
        gender = genders[each, last]
        blank_after(symbols, lengths, NONE)
        ask = FILLER + self.fillers + gender if self.reminder else ASK
        symbols[each, lengths - 1] = ask
        answers = np.eye(2, dtype=np.float32)[gender]
        return self.answered_at_end(symbols, lengths, answers)

    def solve(self, inputs: np.ndarray) -> np.ndarray:
        """Answer by rule: at the question, the gender of the last subject.

        Args:
            inputs: Integer array of shape `(batch, time)`, symbols.

        Returns:
            float32 array of shape `(batch, time, 2)`.
        """
        symbols = np.asarray(inputs)
        subject = (symbols == MALE) | (symbols == FEMALE)
        steps = np.arange(symbols.shape[1])
        last = np.maximum.accumulate(np.where(subject, steps, NONE), axis=1)
        gender = np.take_along_axis(symbols, last.clip(0), axis=1)
        asked = (symbols == ASK) | (symbols >= FILLER + self.fillers)
        row, step = np.nonzero(asked & (last != NONE))
        answers = np.zeros((*symbols.shape, 2), np.float32)
        answers[row, step, gender[row, step]] = 1
        return answers

    def exam(self, rng: np.random.Generator) -> Batch:
        """Draw 10,000 test sequences."""
        return self.sample(10_000, rng)

    def events(self, inputs: np.ndarray) -> dict[str, np.ndarray]:
        """Return the steps of the subjects and of the question.

        Args:
            inputs: Integer array of shape `(time,)`, the symbols of one
                sequence.
        """
        return {
            "tell": np.flatnonzero((inputs == MALE) | (inputs == FEMALE)),
            "recall": np.flatnonzero(inputs != NONE)[-1:],
        }
