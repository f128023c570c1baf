"""Handwriting: from the strokes of a pen to the letter."""

from __future__ import annotations

import dataclasses
import functools
from typing import ClassVar

import numpy as np

from memnets.tasks.base import Batch, check_draw, check_integer
from memnets.tasks.final import ChoiceTask

# Each letter is drawn in one stroke through these points, x before y, from
# the baseline 0 to the height 2 of the letter l.
LETTERS = {
    "c": "10 9, 4 10, 0 5, 4 0, 10 1",
    "e": "1 5, 10 6, 5 10, 0 5, 4 0, 10 1",
    "l": "0 2, 6 16, 3 20, 0 14, 2 2, 6 0",
    "n": "0 10, 0 0, 1 7, 5 10, 9 8, 9 0",
    "s": "9 9, 4 10, 1 7, 9 3, 5 0, 0 1",
    "u": "0 10, 1 2, 5 0, 9 3, 9 10, 9 0",
    "v": "0 10, 5 0, 10 10",
    "z": "0 10, 10 10, 0 0, 10 0",
}
# At so many points the rule compares letters, written at each of some paces.
POINTS = 12
PACES = 2 ** np.linspace(-1, 1, 9)


@dataclasses.dataclass(frozen=True)
class PenStrokes(ChoiceTask):
    """A pen writes a letter, move by move: WHICH letter was it?

    >>> import numpy as np
    >>> from memnets.tasks import PenStrokes
    >>> batch = PenStrokes().sample(3, np.random.default_rng(0))
    >>> batch.inputs.shape, batch.targets.shape
    ((3, 24, 3), (3, 24, 8))

    The inputs are the pen's move to the right and its move up since the step
    before, and `lifted`, 1 at the last step, when the pen leaves the paper. At
    that step the output of the letter must be 1 and all others 0. Answers at
    other steps are not scored. No single move shows the letter: the moves must
    be added up.

    The letters are synthetic. Each is one stroke through fixed points. Its
    size varies by a factor of up to 1.5. Its slant, its number of moves and its
    pace are drawn, too: some writers begin slowly and others end slowly. Every
    point has noise. Lengths are uniform from two thirds of the `timesteps` to
    all.

    Args:
        timesteps: Integer of at least 12, the largest number of moves. Default:
            24.
    """

    timesteps: int = 24

    name: ClassVar[str] = "pen-strokes"
    inputs: ClassVar[tuple[str, ...]] = ("right", "up", "lifted")
    answering: ClassVar[slice] = slice(None)

    def __post_init__(self):
        check_integer("timesteps", self.timesteps, 12)

    @property
    def shortest(self) -> int:
        """The length of the shortest sequence: two thirds of the longest."""
        return 2 * self.timesteps // 3

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of the output channels, the letters."""
        return tuple(LETTERS)

    @property
    def landmarks(self) -> dict[str, float]:
        """The mean squared error of silence and of perfection."""
        return {"silent": 1 / self.timesteps / len(LETTERS), "perfect": 0.0}

    def sample(self, batch_size: int, rng: np.random.Generator) -> Batch:
        """Draw fresh letters.

        Args:
            batch_size: Positive integer, the number of letters.
            rng: `numpy.random.Generator`.

        Returns:
            A `Batch`; after a letter its inputs are 0.
        """
        check_draw(batch_size, rng)
        lengths = self.draw_lengths(batch_size, rng)
        letter = rng.integers(0, len(LETTERS), batch_size)
        size = rng.uniform(0.8, 1.2, batch_size)
        slant = rng.uniform(-0.1, 0.4, batch_size)
        steps = np.arange(self.timesteps + 1)
        share = np.minimum(steps / lengths[:, None], 1)
        pace = 2 ** rng.uniform(-1, 1, (batch_size, 1))
        path = _along(letter, share**pace)
        path += rng.uniform(-0.05, 0.05, path.shape)
        path[..., 0] += slant[:, None] * path[..., 1]
        path *= size[:, None, None]
        inputs = np.zeros((batch_size, self.timesteps, 3), np.float32)
        inputs[..., :2] = np.diff(path, axis=1)
        inputs[steps[1:] > lengths[:, None]] = 0
        inputs[np.arange(batch_size), lengths - 1, 2] = 1
        answers = np.eye(len(LETTERS), dtype=np.float32)[letter]
        return self.answered_at_end(inputs, lengths, answers)

    def solve(self, inputs: np.ndarray) -> np.ndarray:
        """Answer by rule: the letter that fits best, over all ways to write.

        Args:
            inputs: array of shape `(batch, time, 3)`.

        Returns:
            float32 array of shape `(batch, time, output channel)`.
        """
        inputs = np.asarray(inputs, float)
        path = np.cumsum(inputs[..., :2], axis=1)
        path = np.concatenate([np.zeros_like(path[:, :1]), path], axis=1)
        last = inputs[..., 2].argmax(axis=1)
        share = np.linspace(0, 1, POINTS)
        seen = _between(path, share * (last[:, None] + 1))
        seen = (seen - seen.mean(axis=1, keepdims=True)).reshape(len(seen), -1)
        # Size and slant enter linearly, so the best ones are a projection.
        # Where the size would be negative, the letter stands on its head.
        across, sizes = _bases()
        explained = np.square(seen @ across).reshape(len(seen), -1, 2).sum(2)
        upright = seen @ sizes > 0
        best = np.where(upright, explained, -1).argmax(axis=1) // len(PACES)
        answers = np.zeros((*inputs.shape[:2], len(LETTERS)), np.float32)
        row = np.flatnonzero(inputs[..., 2].any(axis=1))
        answers[row, last[row], best[row]] = 1
        return answers

    def events(self, inputs: np.ndarray) -> dict[str, np.ndarray]:
        """Return the step of the answer.

        Args:
            inputs: array of shape `(time, 3)`.
        """
        return {"recall": np.flatnonzero(inputs[:, 2])}


@functools.cache
def _shapes() -> np.ndarray:
    """Return all letters as 61 points at equal distances along the stroke."""
    shapes = []
    for text in LETTERS.values():
        points = np.array([p.split() for p in text.split(",")], float) / 10
        moves = np.linalg.norm(np.diff(points, axis=0), axis=1)
        place = np.concatenate([[0], np.cumsum(moves)]) / moves.sum()
        share = np.linspace(0, 1, 61)
        shapes.append([np.interp(share, place, xy) for xy in points.T])
    return np.swapaxes(shapes, 1, 2)


def _along(letter: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Return points of letters after a share of their stroke."""
    shapes = _shapes()[letter]
    return _between(shapes, share * (shapes.shape[1] - 1))


def _between(path: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Interpolate `(batch, step, 2)` at places, `(batch, any number)`."""
    low = np.minimum(place.astype(int), path.shape[1] - 2)
    part = (place - low)[..., None]
    row = np.arange(len(path))[:, None]
    return (1 - part) * path[row, low] + part * path[row, low + 1]


@functools.cache
def _bases() -> tuple[np.ndarray, np.ndarray]:
    """Return what a written letter is projected on, for each letter and pace.

    Returns:
        Array of shape `(2 * POINTS, 2 * ways)`: two orthonormal columns for
        each way to write, which span all sizes and slants. And an array of
        shape `(2 * POINTS, ways)`, whose product with the points is the size.
    """
    share = np.linspace(0, 1, POINTS) ** PACES[:, None]
    letter = np.repeat(np.arange(len(LETTERS)), len(PACES))
    points = _along(letter, np.tile(share, (len(LETTERS), 1)))
    points -= points.mean(axis=1, keepdims=True)
    slanted = np.zeros_like(points)
    slanted[..., 0] = points[..., 1]
    ways = len(points)
    pairs = np.stack([points.reshape(ways, -1), slanted.reshape(ways, -1)], 2)
    across = np.linalg.qr(pairs)[0].transpose(1, 0, 2).reshape(-1, 2 * ways)
    return across, np.linalg.pinv(pairs)[:, 0].T
