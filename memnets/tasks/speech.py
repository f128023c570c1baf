"""Speech: from the spectra of sounds to the spoken digit."""

from __future__ import annotations

import dataclasses
import functools
from typing import ClassVar

import numpy as np

from memnets.tasks.base import Batch, check_draw, check_integer
from memnets.tasks.final import ChoiceTask

# The first two formants of each sound in Hz, and its loudness: round values,
# chosen to be told apart. Sounds without a voice are bands of noise.
SOUNDS = {
    "a": (750, 1200, 1.0),
    "e": (550, 1800, 1.0),
    "i": (300, 2300, 1.0),
    "o": (500, 900, 1.0),
    "u": (320, 800, 1.0),
    "r": (350, 1300, 0.8),
    "n": (250, 1500, 0.7),
    "v": (250, 1100, 0.6),
    "f": (3000, 3600, 0.6),
    "s": (3800, 4600, 0.8),
    "t": (2800, 4200, 0.6),
    "k": (1600, 2600, 0.5),
    " ": (1000, 1000, 0.0),  # silence
}
# The sounds of each digit, one letter for an equal share of its time.
DIGITS = {
    "zero": "siirroou",
    "one": "uuaaannn",
    "two": "t uuuuuu",
    "three": "ffrriiii",
    "four": "fffooorr",
    "five": "ffaaaivv",
    "six": "ssiik ss",
    "seven": "seevennn",
    "eight": "eeeii tt",
    "nine": "nnaaiinn",
}
BANDS = 12
WIDTH = 0.16  # of a formant, in natural logarithms of the frequency


@dataclasses.dataclass(frozen=True)
class SpokenDigits(ChoiceTask):
    """A digit is heard, spectrum by spectrum: WHICH digit was it?

    >>> import numpy as np
    >>> from memnets.tasks import SpokenDigits
    >>> batch = SpokenDigits().sample(3, np.random.default_rng(0))
    >>> batch.inputs.shape, batch.targets.shape
    ((3, 24, 13), (3, 24, 10))

    Each time step is the spectrum of a short frame: the loudness in 12 bands
    from 200 to 5,000 Hz, equally wide on a logarithmic scale. The last channel,
    `silence`, is 1 at the last step, after which the digit's output must be 1
    and all others 0. Answers at other steps are not scored. Many sounds are in
    several digits, so their order matters.

    The speech is synthetic, and no voice was recorded. Each digit is a chain of
    sounds, each sound two formants, the peaks of its spectrum. Speakers differ
    in pitch: all frequencies are up to a quarter higher or lower. The loudness
    is drawn, and so is the pace: some speakers begin slowly and others end
    slowly. Every band has noise. Lengths are uniform from two thirds of the
    `timesteps` to all.

    Args:
        timesteps: Integer of at least 20, the most frames. Default: 24.
    """

    timesteps: int = 24

    name: ClassVar[str] = "spoken-digits"
    inputs: ClassVar[tuple[str, ...]] = (
        *(f"band {k}" for k in range(1, BANDS + 1)),
        "silence",
    )
    answering: ClassVar[slice] = slice(None)

    def __post_init__(self):
        check_integer("timesteps", self.timesteps, 20)

    @property
    def shortest(self) -> int:
        """The length of the shortest sequence: two thirds of the longest."""
        return 2 * self.timesteps // 3

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of the output channels, the digits."""
        return tuple(DIGITS)

    @property
    def landmarks(self) -> dict[str, float]:
        """The mean squared error of silence and of perfection."""
        return {"silent": 1 / self.timesteps / len(DIGITS), "perfect": 0.0}

    def sample(self, batch_size: int, rng: np.random.Generator) -> Batch:
        """Draw fresh digits.

        Args:
            batch_size: Positive integer, the number of digits.
            rng: `numpy.random.Generator`.

        Returns:
            A `Batch`; after a digit its inputs are 0.
        """
        check_draw(batch_size, rng)
        lengths = self.draw_lengths(batch_size, rng)
        digit = rng.integers(0, len(DIGITS), batch_size)
        speaker = rng.uniform(-0.25, 0.25, batch_size)
        loudness = rng.uniform(0.7, 1.3, (batch_size, 1, 1))
        step = np.arange(self.timesteps)
        share = (step + 0.5) / lengths[:, None]
        pace = 2 ** rng.uniform(-1.5, 1.5, (batch_size, 1))
        frames = loudness * _spectra(_chains()[digit], share**pace, speaker)
        frames += rng.uniform(-0.4, 0.4, frames.shape)
        inputs = np.zeros((batch_size, self.timesteps, BANDS + 1), np.float32)
        inputs[..., :BANDS] = frames * (share < 1)[..., None]
        inputs[np.arange(batch_size), lengths - 1, BANDS] = 1
        answers = np.eye(len(DIGITS), dtype=np.float32)[digit]
        return self.answered_at_end(inputs, lengths, answers)

    def solve(self, inputs: np.ndarray) -> np.ndarray:
        """Answer by rule: the digit that fits best, over all ways to say it.

        With the smallest `timesteps` it errs about once in 20,000 digits.

        Args:
            inputs: array of shape `(batch, time, 13)`.

        Returns:
            float32 array of shape `(batch, time, output channel)`.
        """
        inputs = np.asarray(inputs, float)
        answers = np.zeros((*inputs.shape[:2], len(DIGITS)), np.float32)
        ends = inputs[..., BANDS] > 0
        last = np.where(ends.any(axis=1), ends.argmax(axis=1), -1)
        for length in np.unique(last[last >= 0] + 1):
            row = np.flatnonzero(last == length - 1)
            heard = inputs[row, :length, :BANDS]
            heard = heard.reshape(len(row), length * BANDS)
            known = _templates(length)
            # The loudness that fits best leaves the least error.
            fit = heard @ known.reshape(-1, length * BANDS).T
            best = fit.reshape(len(row), *known.shape[:2]).max(axis=2)
            answers[row, length - 1, best.argmax(axis=1)] = 1
        return answers

    def events(self, inputs: np.ndarray) -> dict[str, np.ndarray]:
        """Return the step of the answer.

        Args:
            inputs: array of shape `(time, 13)`.
        """
        return {"recall": np.flatnonzero(inputs[:, -1])}


@functools.cache
def _chains() -> np.ndarray:
    """Return the formants and the loudness of digits, `(digit, sound, 3)`."""
    return np.array([[SOUNDS[s] for s in chain] for chain in DIGITS.values()])


def _spectra(
    chains: np.ndarray, share: np.ndarray, speaker: np.ndarray
) -> np.ndarray:
    """Return spectra after shares of the time, `(batch, time, band)`.

    Args:
        chains: array of shape `(batch, sound, 3)`.
        share: array of shape `(batch, time)`; from 1 on it is silent.
        speaker: array of shape `(batch,)`, the logarithm of the factor on all
            frequencies.
    """
    count = chains.shape[1]
    place = np.minimum(share * count, count - 1).astype(int)
    sound = np.take_along_axis(chains, place[..., None], axis=1)
    centre = np.log(sound[..., :2]) + speaker[:, None, None]
    bands = np.linspace(np.log(200), np.log(5000), BANDS)
    away = (bands - centre[..., None]) / WIDTH
    return np.exp(-np.square(away) / 2).sum(axis=2) * sound[..., 2:]


@functools.cache
def _templates(length: int) -> np.ndarray:
    """Return spectra of norm 1 of all digits, `(digit, way, time and band)`."""
    share = (np.arange(length) + 0.5) / length
    pitch, pace = np.meshgrid(
        np.linspace(-0.25, 0.25, 9), np.linspace(-1.5, 1.5, 13)
    )
    count, ways = len(DIGITS), pitch.size
    paced = np.tile(share**2 ** pace.reshape(-1, 1), (count, 1))
    chains = np.repeat(_chains(), ways, axis=0)
    frames = _spectra(chains, paced, np.tile(pitch.ravel(), count))
    known = frames.reshape(count, ways, -1)
    norm = np.linalg.norm(known, axis=2, keepdims=True)
    return known / np.maximum(norm, 1e-6)  # a short one may be silent
