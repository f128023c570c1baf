"""Translation: a date as people write it, into the standard form."""

from __future__ import annotations

import dataclasses
import functools
from typing import ClassVar, NamedTuple

import numpy as np

from memnets.tasks.base import Batch, Task, check_answers, check_draw
from memnets.tasks.symbols import NONE, chooses, spell

MONTHS = (
    "January February March April May June July August September October "
    "November December"
).split()
# Ways to write a date. The day is d; the month is m, a word, or a short one.
FORMS = ("{d} {word} {y}", "{word} {d}, {y}", "{d} {short} {y}", "{d}.{m}.{y}")
YEARS = range(2000, 2050)
SAY = "="  # what is read while the translation is said
LETTERS = "".join(sorted({*SAY, *" .,0123456789", *"".join(MONTHS)}))
LONGEST, SAID = 18, 10  # letters of September 28, 2049 and of 2049-09-28
READ = 22  # steps in which a date is read


@dataclasses.dataclass(frozen=True)
class DateTranslation(Task):
    """A date is READ letter by letter: SAY it in the standard form.

    >>> import numpy as np
    >>> from memnets.tasks import DateTranslation
    >>> task = DateTranslation()
    >>> batch = task.sample(3, np.random.default_rng(0))
    >>> for written, said in zip(*task.texts(batch.inputs, batch.targets)):
    ...     print(written, "->", said)
    24 August 2039 -> 2039-08-24
    11 June 2006 -> 2006-06-11
    10 Oct 2041 -> 2041-10-10

    All dates from 2000 to 2049, days 1 to 28, are equally likely, and so are
    the four forms. A date begins anywhere in the first 22 steps, as far as it
    ends there; nothing is read before and after it. Then come ten steps with
    the symbol `=`. At each of them the next letter of the translation must be
    said, without being told the letters before. Only these steps are scored. So
    when the reading ends, everything about the date must be in the network's
    memory.

    Inputs are symbols, the numbers of the input channels, not one-hot. The
    dates are synthetic.

    Args:
        timesteps: Integer, 32: 22 to read and 10 to say.
    """

    timesteps: int = READ + SAID

    name: ClassVar[str] = "date-translation"
    symbolic: ClassVar[bool] = True
    inputs: ClassVar[tuple[str, ...]] = tuple(LETTERS)
    answering: ClassVar[slice] = slice(None)

    def __post_init__(self):
        if self.timesteps != READ + SAID:
            raise ValueError(
                f"timesteps must be {READ + SAID}, {READ} to read and {SAID} "
                f"to say, got {self.timesteps!r}"
            )

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of the output channels."""
        return tuple("0123456789-")

    @property
    def landmarks(self) -> dict[str, float]:
        """The mean squared error of silence and of perfection."""
        share = SAID / self.timesteps
        return {"silent": share / len(self.outputs), "perfect": 0.0}

    def sample(self, batch_size: int, rng: np.random.Generator) -> Batch:
        """Draw fresh dates.

        Args:
            batch_size: Positive integer, the number of dates.
            rng: `numpy.random.Generator`.

        Returns:
            A `Batch`; its inputs are int32 symbols of shape `(batch_size,
            32)`, -1 where nothing is read.
        """
        check_draw(batch_size, rng)
        known = _dates()
        drawn = rng.integers(0, len(known.read), batch_size)
        letters = known.read[drawn]
        length = np.count_nonzero(letters != NONE, axis=1)
        start = rng.integers(0, READ - length + 1)
        symbols = np.full((batch_size, self.timesteps), NONE, np.int32)
        symbols[:, :READ] = _shift(letters, -start, READ)
        symbols[:, READ:] = LETTERS.index(SAY)
        weights = np.zeros((batch_size, self.timesteps), np.float32)
        weights[:, READ:] = 1
        return Batch(symbols, self._say(known.said[drawn]), weights)

    def _say(self, said: np.ndarray) -> np.ndarray:
        """Return targets from letters, `(batch, 10)`; -1 for none."""
        shape = len(said), self.timesteps, len(self.outputs)
        targets = np.zeros(shape, np.float32)
        targets[:, READ:] = np.eye(shape[2] + 1, shape[2])[said]
        return targets

    def solve(self, inputs: np.ndarray) -> np.ndarray:
        """Answer by rule: look the date up.

        Args:
            inputs: Integer array of shape `(batch, 32)`, symbols.

        Returns:
            float32 array of shape `(batch, 32, 11)`; 0 if it is no date.
        """
        symbols, known = np.asarray(inputs), _dates()
        start = (symbols[:, :READ] != NONE).argmax(axis=1)
        keys = _shift(symbols[:, :READ], start, LONGEST) @ known.hashing
        place = np.searchsorted(known.keys, keys).clip(max=len(known.keys) - 1)
        found = known.keys[place] == keys
        answers = self._say(np.where(found[:, None], known.said[place], NONE))
        return answers * (symbols == LETTERS.index(SAY))[..., None]

    def correct(self, outputs: np.ndarray, batch: Batch) -> np.ndarray:
        """Mark whether each letter of the translation has the largest output.

        Args:
            outputs: array of shape `(batch, 32, 11)`.
            batch: The `Batch` that was answered.

        Returns:
            bool array of shape `(batch,)`.
        """
        right = chooses(check_answers(outputs, batch), batch.targets)
        return np.all(right | (batch.weights == 0), axis=1)

    def texts(
        self, inputs: np.ndarray, outputs: np.ndarray
    ) -> tuple[list[str], list[str]]:
        """Return dates as texts: as they are written, and translated.

        Args:
            inputs: Integer array of shape `(batch, 32)`, symbols.
            outputs: array of shape `(batch, 32, 11)`, answers or targets.
        """
        written = [spell(self, symbols[:READ]) for symbols in inputs]
        letters = np.array(self.outputs)[np.argmax(outputs, 2)[:, READ:]]
        return written, ["".join(row) for row in letters]

    def events(self, inputs: np.ndarray) -> dict[str, np.ndarray]:
        """Return the steps of the translation.

        Args:
            inputs: Integer array of shape `(32,)`.
        """
        return {"answer": np.flatnonzero(inputs == LETTERS.index(SAY))}


def _shift(letters: np.ndarray, start: np.ndarray, count: int) -> np.ndarray:
    """Return `count` letters of each row from a start; -1 outside of it."""
    place = start[:, None] + np.arange(count)
    last = letters.shape[1] - 1
    taken = np.take_along_axis(letters, place.clip(0, last), axis=1)
    return np.where((place >= 0) & (place <= last), taken, NONE)


class _Dates(NamedTuple):
    """All dates in all forms, in the order of their keys."""

    read: np.ndarray  # (date, 18), from the left
    said: np.ndarray  # (date, 10)
    keys: np.ndarray  # (date,), sorted
    hashing: np.ndarray  # (18,), a key is read @ hashing


@functools.cache
def _dates() -> _Dates:
    read, said = [], []
    for y in YEARS:
        for m, word in enumerate(MONTHS, start=1):
            for d in range(1, 29):
                names = {"y": y, "m": m, "d": d, "word": word}
                names["short"] = word[:3]
                read += [form.format(**names) for form in FORMS]
                said += [f"{y}-{m:02}-{d:02}"] * len(FORMS)
    letters = np.full((len(read), LONGEST), NONE)
    for row, text in zip(letters, read):
        row[: len(text)] = [*map(LETTERS.index, text)]
    spoken = np.array([[*map("0123456789-".index, text)] for text in said])
    hashing = np.random.default_rng(0).integers(1, 2**40, LONGEST)
    keys = letters @ hashing
    # Two forms agree where May is short for May.
    keys, first = np.unique(keys, return_index=True)
    return _Dates(letters[first], spoken[first], keys, hashing)
