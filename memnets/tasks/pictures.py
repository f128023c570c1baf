"""Pictures put into words: captions of images, and of short videos."""

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
from memnets.tasks.symbols import chooses

NOISE = 0.2  # of every pixel, at most, up or down


class SentenceTask(Task):
    """The base class of tasks that see frames and then say a sentence.

    Each frame is one time step, its pixels are channels. In the steps after the
    last frame the pixels are 0 and the last channel, `say`, is 1; at each of
    them one word is asked for. Only these steps are scored.
    """

    answering: ClassVar[slice] = slice(None)
    words: ClassVar[int] = 3
    vocabulary: ClassVar[tuple[str, ...]]

    def __post_init__(self):
        check_integer("timesteps", self.timesteps, self.words + 2)

    @property
    def frames(self) -> int:
        """How many steps show pixels."""
        return self.timesteps - self.words

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of the output channels, the words."""
        return self.vocabulary

    @property
    def landmarks(self) -> dict[str, float]:
        """The mean squared error of silence and of perfection."""
        share = self.words / self.timesteps
        return {"silent": share / len(self.vocabulary), "perfect": 0.0}

    def described(self, frames: np.ndarray, words: np.ndarray) -> Batch:
        """Return a batch of frames, `(batch, frame, pixel)`, and words."""
        count, shown, pixels = frames.shape
        inputs = np.zeros((count, self.timesteps, pixels + 1), np.float32)
        inputs[:, :shown, :pixels] = frames
        inputs[:, shown:, pixels] = 1
        targets = self._say(words)
        weights = np.zeros((count, self.timesteps), np.float32)
        weights[:, shown:] = 1
        return Batch(inputs, targets, weights)

    def _say(self, words: np.ndarray) -> np.ndarray:
        """Return the targets of sentences, `(batch, word)`."""
        shape = len(words), self.timesteps, len(self.vocabulary)
        targets = np.zeros(shape, np.float32)
        targets[:, self.frames :] = np.eye(shape[2])[words]
        return targets

    def read(self, frames: np.ndarray) -> np.ndarray:
        """Return the words that describe frames, `(batch, word)`."""
        raise TypeError(f"{type(self).__name__} must define read")

    def solve(self, inputs: np.ndarray) -> np.ndarray:
        """Answer by rule: say what is seen, word by word.

        Args:
            inputs: array of shape `(batch, time, input channel)`.

        Returns:
            float32 array of shape `(batch, time, output channel)`.
        """
        inputs = np.asarray(inputs, np.float32)
        words = self.read(inputs[:, : self.frames, :-1])
        return self._say(words) * (inputs[..., -1:] > 0)

    def correct(self, outputs: np.ndarray, batch: Batch) -> np.ndarray:
        """Mark whether each word of the sentence has the largest output.

        Args:
            outputs: array of shape `(batch, time, output channel)`.
            batch: The `Batch` that was answered.

        Returns:
            bool array of shape `(batch,)`.
        """
        right = chooses(check_answers(outputs, batch), batch.targets)
        return np.all(right | (batch.weights == 0), axis=1)

    def sentences(self, targets: np.ndarray) -> list[str]:
        """Return answers or targets as sentences.

        Args:
            targets: array of shape `(batch, time, output channel)`.
        """
        words = np.asarray(targets)[:, self.frames :].argmax(axis=2)
        return [" ".join(self.vocabulary[w] for w in each) for each in words]

    def events(self, inputs: np.ndarray) -> dict[str, np.ndarray]:
        """Return the steps of the words.

        Args:
            inputs: array of shape `(time, input channel)`.
        """
        return {"answer": np.flatnonzero(inputs[:, -1])}


SHAPES = {
    "box": ("###", "#.#", "###"),
    "cross": ("#.#", ".#.", "#.#"),
    "plus": (".#.", "###", ".#."),
}
SIDE = 8  # pixels of an image, each way
ABOVE = len(SHAPES)  # the number of the word


@dataclasses.dataclass(frozen=True)
class Captions(SentenceTask):
    """An image is seen row by row: SAY which shapes it has, and how they lie.

    >>> import numpy as np
    >>> from memnets.tasks import Captions
    >>> task = Captions()
    >>> batch = task.sample(3, np.random.default_rng(0))
    >>> task.sentences(batch.targets)
    ['plus beside cross', 'cross above plus', 'cross beside cross']

    An image of 8 by 8 pixels has two shapes of 3 by 3 pixels, each a box, a
    cross or a plus, anywhere in two halves of the image: one above the other,
    or one beside the other. The image comes row by row. Then the caption is
    said: the upper shape, `above`, the lower one; or the left shape, `beside`,
    the right one. Every pixel has noise of up to 0.2. The images are
    synthetic.

    Args:
        timesteps: Integer, 11: eight rows and three words.
    """

    timesteps: int = SIDE + SentenceTask.words

    name: ClassVar[str] = "captions"
    inputs: ClassVar[tuple[str, ...]] = (
        *(f"column {k}" for k in range(1, SIDE + 1)),
        "say",
    )
    vocabulary: ClassVar[tuple[str, ...]] = (*SHAPES, "above", "beside")

    def __post_init__(self):
        if self.timesteps != SIDE + self.words:
            raise ValueError(
                f"timesteps must be {SIDE + self.words}, {SIDE} rows and "
                f"{self.words} words, got {self.timesteps!r}"
            )

    def sample(self, batch_size: int, rng: np.random.Generator) -> Batch:
        """Draw fresh images with their captions.

        Args:
            batch_size: Positive integer, the number of images.
            rng: `numpy.random.Generator`.

        Returns:
            A `Batch`.
        """
        check_draw(batch_size, rng)
        images, words = _images()
        drawn = rng.integers(0, len(images), batch_size)
        noise = rng.uniform(-NOISE, NOISE, (batch_size, SIDE, SIDE))
        return self.described(images[drawn] + noise, words[drawn])

    def read(self, frames: np.ndarray) -> np.ndarray:
        """Return the caption of the most similar image without noise."""
        images, words = _images()
        known = images.reshape(len(images), -1)
        seen = frames.reshape(len(frames), -1)
        likeness = seen @ known.T - np.square(known).sum(axis=1) / 2
        return words[likeness.argmax(axis=1)]


@functools.cache
def _images() -> tuple[np.ndarray, np.ndarray]:
    """Return all images without noise and the words of their captions."""
    shapes = [
        [[pixel == "#" for pixel in row] for row in shape]
        for shape in SHAPES.values()
    ]
    half, free = SIDE // 2, SIDE - 2
    images, words = [], []
    kinds = np.ndindex(len(SHAPES), len(SHAPES), 2, 2, free, free)
    for one, other, first, second, place, placed in kinds:
        if abs(place - placed) > 2:
            continue  # it would be above and beside
        image = np.zeros((SIDE, SIDE), np.float32)
        image[first : first + 3, place : place + 3] = shapes[one]
        second += half
        image[second : second + 3, placed : placed + 3] = shapes[other]
        images += [image, image.T]
        words += [(one, ABOVE, other), (one, ABOVE + 1, other)]
    return np.array(images), np.array(words)


SHADES = {
    "dot": ("#",),
    "bar": ("###",),
    "pole": ("#", "#", "#"),
}
# Each motion: down the rows, and to the right.
MOTIONS = {"rises": (-1, 0), "falls": (1, 0), "left": (0, -1), "right": (0, 1)}
SCREEN = 5  # pixels of a frame, each way


@dataclasses.dataclass(frozen=True)
class MovingShapes(SentenceTask):
    """A shape moves, and then moves otherwise: SAY what happened.

    >>> import numpy as np
    >>> from memnets.tasks import MovingShapes
    >>> task = MovingShapes()
    >>> batch = task.sample(4, np.random.default_rng(0))
    >>> task.sentences(batch.targets)
    ['pole falls right', 'bar rises left', 'bar rises right', 'dot rises right']

    A dot, a bar or a pole begins anywhere on a screen of 5 by 5 pixels. In each
    frame it moves by one pixel: it rises, falls or goes left or right. What
    leaves the screen returns on the other side. Half of the moves are of one
    kind, the other half of another. Then the sentence is said: the shape, its
    first motion, its second motion. A single frame shows no motion. Every
    pixel has noise of up to 0.2. The videos are synthetic.

    Args:
        timesteps: Integer of at least 6, the frames and the three words: an
            odd number of frames. Default: 10.
    """

    timesteps: int = 10

    name: ClassVar[str] = "moving-shapes"
    inputs: ClassVar[tuple[str, ...]] = (
        *(f"row {k // SCREEN + 1} column {k % SCREEN + 1}" for k in range(25)),
        "say",
    )
    vocabulary: ClassVar[tuple[str, ...]] = (*SHADES, *MOTIONS)

    def __post_init__(self):
        check_integer("timesteps", self.timesteps, 6)
        if self.frames % 2 == 0:
            raise ValueError(
                f"timesteps must be even, got {self.timesteps}: half of the "
                f"moves between frames are of each kind"
            )

    def sample(self, batch_size: int, rng: np.random.Generator) -> Batch:
        """Draw fresh videos with their sentences.

        Args:
            batch_size: Positive integer, the number of videos.
            rng: `numpy.random.Generator`.

        Returns:
            A `Batch`.
        """
        check_draw(batch_size, rng)
        shape = rng.integers(0, len(SHADES), batch_size)
        kinds = rng.integers(0, len(MOTIONS), (2, batch_size))
        other = (kinds[0] + rng.integers(1, len(MOTIONS), batch_size)) % 4
        kinds[1] = other
        moves = np.array([*MOTIONS.values()])[kinds]
        steps = np.arange(self.frames)
        half = self.frames // 2
        first, second = np.minimum(steps, half), np.maximum(steps - half, 0)
        start = rng.integers(0, SCREEN, (batch_size, 1, 2))
        place = start + moves[0, :, None] * first[:, None]
        place = (place + moves[1, :, None] * second[:, None]) % SCREEN
        frames = _screens()[shape[:, None], place[..., 0], place[..., 1]]
        noise = rng.uniform(-NOISE, NOISE, frames.shape)
        words = np.stack([shape, *(len(SHADES) + kinds)], axis=1)
        return self.described(frames + noise, words)

    def read(self, frames: np.ndarray) -> np.ndarray:
        """Return the sentence: the shape, and how it is displaced."""
        screens = _screens().reshape(-1, SCREEN**2)
        likeness = frames @ screens.T - np.square(screens).sum(axis=1) / 2
        seen = likeness.argmax(axis=2)
        shape, place = np.divmod(seen, SCREEN**2)
        place = np.stack(np.divmod(place, SCREEN), axis=2)
        moved = (np.diff(place, axis=1) + 1) % SCREEN - 1
        kinds = np.array([*MOTIONS.values()])
        alike = (moved[:, [0, -1], None] == kinds).all(axis=3)
        verbs = len(SHADES) + alike.argmax(axis=2)
        return np.concatenate([shape[:, :1], verbs], axis=1)


@functools.cache
def _screens() -> np.ndarray:
    """Return a frame for each shape, row and column; shapes may wrap."""
    frames = np.zeros((len(SHADES), SCREEN, SCREEN, SCREEN, SCREEN), np.float32)
    for k, shape in enumerate(SHADES.values()):
        for row, column in np.ndindex(SCREEN, SCREEN):
            for down, pixels in enumerate(shape):
                for right in range(len(pixels)):
                    at = (row + down) % SCREEN, (column + right) % SCREEN
                    frames[k, row, column, at[0], at[1]] = 1
    return frames.reshape(*frames.shape[:3], -1)
