"""Music: predict the next note of a melody, as well as its rule allows."""

from __future__ import annotations

import dataclasses
import functools
from typing import ClassVar

import numpy as np

from memnets.tasks.base import (
    Batch,
    Task,
    check_answers,
    check_draw,
    check_integer,
)
from memnets.tasks.symbols import NONE

NOTES = ("D", "Eb", "E", "F", "F#", "G", "G#", "A", "Bb", "B", "C", "C#", "D'")
# The eight notes of each mode on D, in half tones above D.
MODES = {
    "ionian": (0, 2, 4, 5, 7, 9, 11, 12),
    "dorian": (0, 2, 3, 5, 7, 9, 10, 12),
    "phrygian": (0, 1, 3, 5, 7, 8, 10, 12),
    "lydian": (0, 2, 4, 6, 7, 9, 11, 12),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10, 12),
    "aeolian": (0, 2, 3, 5, 7, 8, 10, 12),
}
SCALES = np.array([*MODES.values()])
TOP = SCALES.shape[1] - 1  # the highest degree
ONWARD = 0.8  # the probability that the melody goes on in its direction


@dataclasses.dataclass(frozen=True)
class Melody(Task):
    """A melody in a mode is HEARD: which note comes NEXT?

    >>> import numpy as np
    >>> from memnets.tasks import Melody
    >>> from memnets.tasks.symbols import spell
    >>> task = Melody(timesteps=16)
    >>> for notes in task.sample(3, np.random.default_rng(0)).inputs:
    ...     print(spell(task, notes))
    D E F E D E F E D E D E F G A Bb
    D E F# G# A B A G# A B C# D' C# B A G#
    D E F# E F# G# A B C# D' C# B A G# F# E

    A melody walks over the eight notes of one of six modes on D, from D to the
    D above. It begins upwards from D. It goes on in its direction with
    probability 0.8, or else turns, and it must turn at both ends. The mode is
    drawn, each equally likely, and has to be inferred: F or F# was heard long
    ago. So the next note depends on the present note, on the direction, and on
    all notes before.

    The target is the note that does come next, at every step. It cannot always
    be predicted. The perfect player answers its probability, given all notes
    so far. A melody is answered correctly if at every step all outputs are
    within 0.1 of these probabilities. Inputs are symbols, the numbers of the
    input channels, not one-hot. The melodies are synthetic.

    Args:
        timesteps: Positive integer, the notes heard. Default: 24.
    """

    timesteps: int = 24

    name: ClassVar[str] = "melody"
    inputs: ClassVar[tuple[str, ...]] = NOTES
    symbolic: ClassVar[bool] = True
    answering: ClassVar[slice] = slice(None)
    tolerance: ClassVar[float] = 0.1

    def __post_init__(self):
        check_integer("timesteps", self.timesteps, 1)

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of the output channels."""
        return tuple(f"next {note}" for note in NOTES)

    @property
    def landmarks(self) -> dict[str, float]:
        """The mean squared error of silence and of the perfect player."""
        error, _ = _ceiling(self.timesteps)
        return {"silent": 1 / len(NOTES), "perfect": error / len(NOTES)}

    @property
    def ceiling(self) -> float:
        """The share of notes that the perfect player guesses right."""
        return _ceiling(self.timesteps)[1]

    def sample(self, batch_size: int, rng: np.random.Generator) -> Batch:
        """Draw fresh melodies.

        Args:
            batch_size: Positive integer, the number of melodies.
            rng: `numpy.random.Generator`.

        Returns:
            A `Batch`; its inputs are int32 symbols of shape `(batch_size,
            timesteps)`.
        """
        check_draw(batch_size, rng)
        mode = rng.integers(0, len(SCALES), batch_size)
        turns = rng.random((self.timesteps, batch_size), np.float32) >= ONWARD
        degree = np.zeros((self.timesteps + 1, batch_size), np.intp)
        way = np.ones(batch_size, np.intp)
        for step, turn in enumerate(turns):
            now = degree[step]
            way = np.where(turn, -way, way)
            way = np.where(now == 0, 1, np.where(now == TOP, -1, way))
            degree[step + 1] = now + way
        notes = SCALES[mode, degree].T.astype(np.int32)
        targets = np.eye(len(NOTES), dtype=np.float32)[notes[:, 1:]]
        weights = np.ones((batch_size, self.timesteps), np.float32)
        return Batch(np.ascontiguousarray(notes[:, :-1]), targets, weights)

    def solve(self, inputs: np.ndarray) -> np.ndarray:
        """Answer by rule: the probability of each next note.

        Args:
            inputs: Integer array of shape `(batch, time)`, symbols.

        Returns:
            float32 array of shape `(batch, time, output channel)`; 0 where no
            note is.
        """
        notes = np.asarray(inputs)
        answers = np.zeros((*notes.shape, len(NOTES)), np.float32)
        # Whether each mode has all notes so far.
        fits = np.ones((len(notes), len(SCALES)), bool)
        before = np.full(len(notes), NONE)
        degrees = _degrees()
        for step, now in enumerate(notes.T):
            fits &= (SCALES == now[:, None, None]).any(axis=2)
            degree = degrees[now]
            way = np.where(degree >= degrees[before], 1, -1)
            answers[:, step] = _next(fits, degree, way) * (now >= 0)[:, None]
            before = now
        return answers

    def correct(self, outputs: np.ndarray, batch: Batch) -> np.ndarray:
        """Mark whether all outputs are within 0.1 of the probabilities.

        Args:
            outputs: array of shape `(batch, time, output channel)`.
            batch: The `Batch` that was answered.

        Returns:
            bool array of shape `(batch,)`.
        """
        wanted = self.solve(batch.inputs)
        error = np.abs(check_answers(outputs, batch) - wanted).max(axis=2)
        return np.all((error < self.tolerance) | (batch.weights == 0), axis=1)

    def guessed(self, outputs: np.ndarray, batch: Batch) -> np.ndarray:
        """Return the share of each melody's next notes that are guessed right.

        The guess is the largest output. No player can expect more than
        `ceiling`.

        Args:
            outputs: array of shape `(batch, time, output channel)`.
            batch: The `Batch` that was answered.

        Returns:
            float array of shape `(batch,)`.
        """
        guess = check_answers(outputs, batch).argmax(axis=2)
        return np.mean(guess == batch.targets.argmax(axis=2), axis=1)


@functools.cache
def _degrees() -> np.ndarray:
    """Return the degree of each note; a note has the same in every mode."""
    degrees = np.zeros(len(NOTES) + 1, np.intp)
    degrees[SCALES] = np.arange(TOP + 1)
    return degrees


def _next(fits: np.ndarray, degree: np.ndarray, way: np.ndarray) -> np.ndarray:
    """Return the probability of each next note.

    Args:
        fits: bool array of shape `(batch, mode)`, the modes that are possible.
        degree: int array of shape `(batch,)`, the present one.
        way: int array of shape `(batch,)`, 1 for upwards and -1 for downwards.
    """
    onward = np.where(degree + way > TOP, 0, ONWARD)
    onward = np.where(degree + way < 0, 0, onward)
    back_fails = (degree - way > TOP) | (degree - way < 0)
    onward = np.where(back_fails, 1, onward)
    answers = np.zeros((len(fits), len(NOTES)))
    each = np.arange(len(fits))
    share = fits / np.maximum(fits.sum(axis=1, keepdims=True), 1)
    for step, chance in ((way, onward), (-way, 1 - onward)):
        there = np.clip(degree + step, 0, TOP)
        for mode, scale in enumerate(SCALES):
            answers[each, scale[there]] += chance * share[:, mode]
    return answers


@functools.cache
def _ceiling(timesteps: int) -> tuple[float, float]:
    """Return the perfect player's squared error a step, and share of hits.

    They are exact. The modes that fit depend on the highest degree so far
    only, because the melody begins at the bottom and moves by single steps.
    """
    error = right = 0.0
    for scale in SCALES:
        chances = {(0, 1, 0): 1 / len(SCALES)}
        for _ in range(timesteps):
            states = np.array([*chances])
            degree, way, highest = states.T
            known = np.arange(TOP + 1) <= highest[:, None, None]
            fits = ((scale == SCALES) | ~known).all(axis=2)
            answers = _next(fits, degree, way)
            follow: dict[tuple[int, int, int], float] = {}
            for state, answer, share in zip(states, answers, chances.values()):
                for step in (1, -1):
                    there, chance = _step(state, step)
                    hit = answer[scale[there]] if chance else 0
                    missed = 1 - 2 * hit + np.square(answer).sum()
                    error += share * chance * missed
                    sure = answer.argmax() == scale[there]
                    right += share * chance * sure
                    key = (there, step, max(there, state[2]))
                    follow[key] = follow.get(key, 0) + share * chance
            chances = {k: v for k, v in follow.items() if v}
    return error / timesteps, right / timesteps


def _step(state: np.ndarray, step: int) -> tuple[int, float]:
    """Return where a step leads and its probability."""
    degree, way, _ = (int(k) for k in state)
    if degree in (0, TOP):
        chance = float(step == (1 if degree == 0 else -1))
    else:
        chance = ONWARD if step == way else 1 - ONWARD
    return min(max(degree + step, 0), TOP), chance
