"""The next word of a text, from the few words before it."""

from __future__ import annotations

import collections
import dataclasses
import functools
import pathlib
import re
from collections.abc import Callable, Sequence
from typing import ClassVar, NamedTuple

import numpy as np

from memnets.tasks.base import (
    Batch,
    Task,
    check_answers,
    check_draw,
    check_integer,
)


@dataclasses.dataclass(frozen=True)
class NextWord(Task):
    """Some words of a text are read: SAY the word that follows them.

    >>> import numpy as np
    >>> from memnets.tasks import NextWord, draw
    >>> task = NextWord(text="The snail kept a word, and the snail kept it.")
    >>> print(draw(task, task.exam(np.random.default_rng(0)), 2))
    time step    0
    read      kept    a word
    next         .    .    ,

    The text is cut into words and punctuation marks, all in lower case. The
    dictionary numbers them by falling frequency. A sequence is a window of
    `timesteps` words, drawn from all windows of the text, and the target is
    the word after it. Only the answer to the last word of a window is scored.

    The same words may be followed by different ones. Then even the best
    player errs, and `ceiling` counts how often. An answer counts as correct if
    it is a word that most often follows the window, so a network has mastered
    the text when it reaches the ceiling. This is memorization: a network that
    has mastered one text may know nothing of another.

    Inputs are symbols, the numbers of the words, not one-hot.

    Source: the first exercise with words in many tutorials on the LSTM; after
    R. Atienza, LSTM by Example using Tensorflow (2017), with a text of our
    own.

    Args:
        timesteps: Positive integer, the words of a window. Default: 3.
        text: String, the name of a text in `data/texts`, or the text itself.
            Default: `"story"`.
    """

    timesteps: int = 3
    text: str = "story"

    name: ClassVar[str] = "next-word"
    symbolic: ClassVar[bool] = True
    pass_mark: ClassVar[float] = 1.0
    answering: ClassVar[slice] = slice(None)

    def __post_init__(self):
        check_integer("timesteps", self.timesteps, 1)
        count = len(words_of(read_text(self.text)))
        if count <= self.timesteps:
            raise ValueError(
                f"text must have at least {self.timesteps + 1} words, one more "
                f"than the timesteps, got {count}"
            )

    @property
    def inputs(self) -> tuple[str, ...]:  # type: ignore[override]
        """The dictionary: all words, by falling frequency."""
        return _analysed(self.text, self.timesteps).dictionary

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of the output channels, one for each word."""
        return _analysed(self.text, self.timesteps).outputs

    @property
    def landmarks(self) -> dict[str, float]:
        """The mean squared error of some simple players.

        `constant` answers each word's share of the targets, and `one word`
        the shares of the words that follow the last word.
        """
        found = _analysed(self.text, self.timesteps)
        share = 1 / (self.timesteps * len(found.dictionary))
        none, one, every = (
            float(np.mean([1 - np.square(shares).sum() for shares in rows]))
            for rows in (
                _shares(found, 0),
                _shares(found, 1),
                _shares(found, self.timesteps),
            )
        )
        return {
            "silent": share,
            "constant": share * none,
            "one word": share * one,
            "perfect": share * every,
        }

    def sample(self, batch_size: int, rng: np.random.Generator) -> Batch:
        """Draw windows of the text, all equally likely.

        Args:
            batch_size: Positive integer, the number of windows.
            rng: `numpy.random.Generator`.

        Returns:
            A `Batch`; its inputs are int32 symbols of shape `(batch_size,
            timesteps)`.
        """
        check_draw(batch_size, rng)
        found = _analysed(self.text, self.timesteps)
        drawn = rng.integers(0, len(found.following), batch_size)
        return self._batch(found.windows[drawn], found.following[drawn])

    def exam(self, rng: np.random.Generator) -> Batch:
        """Return every window of the text once, in order."""
        found = _analysed(self.text, self.timesteps)
        return self._batch(found.windows, found.following)

    def windows(self, text: str) -> Batch:
        """Return every window of another text, in this text's dictionary.

        Args:
            text: String, the name of a text in `data/texts`, or the text
                itself.

        Raises:
            ValueError: If it has words that the dictionary lacks, or is
                shorter than a window and the word after it.
        """
        symbols = self.encode(read_text(text), "text")
        if len(symbols) <= self.timesteps:
            raise ValueError(
                f"text must have at least {self.timesteps + 1} words, one more "
                f"than the timesteps, got {len(symbols)}"
            )
        return self._batch(*_cut(symbols, self.timesteps))

    def solve(self, inputs: np.ndarray) -> np.ndarray:
        """Answer by counting: how often each word follows a window.

        Args:
            inputs: Integer array of shape `(batch, time)`, symbols.

        Returns:
            float32 array of shape `(batch, time, word)`, at the last step the
            share of each next word; 0 for a window that is not in the text.
        """
        symbols = np.ascontiguousarray(inputs, np.int32)
        found = _analysed(self.text, self.timesteps)
        answers = np.zeros((*symbols.shape, len(found.dictionary)), np.float32)
        if symbols.shape[1] != self.timesteps:
            return answers
        for row, window in enumerate(symbols):
            counts = found.counts.get(window.tobytes(), collections.Counter())
            for word, count in counts.items():
                answers[row, -1, word] = count / sum(counts.values())
        return answers

    def correct(self, outputs: np.ndarray, batch: Batch) -> np.ndarray:
        """Mark whether the largest output is a word that follows most often.

        Args:
            outputs: array of shape `(batch, time, word)`.
            batch: The `Batch` that was answered. Where the text has no such
                window, only the target is correct.

        Returns:
            bool array of shape `(batch,)`; false for a tie with another word.
        """
        outputs = check_answers(outputs, batch)[:, -1]
        shares = self.solve(batch.inputs)[:, -1]
        shares = np.where(
            shares.any(axis=1, keepdims=True), shares, batch.targets[:, -1]
        )
        best = shares == shares.max(axis=1, keepdims=True)
        most = np.where(best, outputs, -np.inf).max(axis=1)
        return most > np.where(best, -np.inf, outputs).max(axis=1)

    def accuracy(self, outputs: np.ndarray, batch: Batch) -> float:
        """Return the share of windows whose next word has the largest output.

        For the windows of the text, at most `ceiling()`.

        Args:
            outputs: array of shape `(batch, time, word)`.
            batch: The `Batch` that was answered.
        """
        answers = check_answers(outputs, batch)[:, -1].argmax(axis=-1)
        return float(np.mean(answers == batch.targets[:, -1].argmax(axis=-1)))

    def ceiling(self, context: int | None = None) -> float:
        """Return the accuracy of the best answers from some words.

        Args:
            context: Integer of at least 0, how many words are known. Default:
                `None`, the `timesteps`.

        Returns:
            A float, the share of the text's words, counted from the first
            that has so many words before it, that are right if each answer is
            the word that most often follows.
        """
        context = self.timesteps if context is None else context
        check_integer("context", context, 0)
        symbols = self.encode(read_text(self.text), "text")
        if context >= len(symbols):
            raise ValueError(
                f"context must be below {len(symbols)}, the words of the text, "
                f"got {context}"
            )
        windows, following = _cut(symbols, context)
        counts = _counted(windows, following).values()
        return sum(max(own.values()) for own in counts) / len(following)

    def encode(self, text: str, argument: str = "words") -> np.ndarray:
        """Return the symbols of a text, an int32 array of shape `(words,)`.

        Args:
            text: String, words that are all in the dictionary.
            argument: String, how an error names it. Default: `"words"`.

        Raises:
            ValueError: If the dictionary lacks a word.
        """
        dictionary = _analysed(self.text, self.timesteps).numbers
        words = words_of(text)
        unknown = [w for w in dict.fromkeys(words) if w not in dictionary]
        if unknown:
            raise ValueError(
                f"{argument} must be in the dictionary of {len(dictionary)} "
                f"words, got {', '.join(map(repr, unknown))}"
            )
        return np.array([dictionary[word] for word in words], np.int32)

    def generate(
        self,
        answer: Callable[[np.ndarray], np.ndarray],
        start: str,
        count: int,
        rng: np.random.Generator | None = None,
    ) -> list[str]:
        """Let a network continue a text: each answer becomes an input.

        Args:
            answer: Function from int32 symbols of shape `(batch, time)` to
                outputs of shape `(batch, time, word)`.
            start: String, the first words, at least `timesteps`.
            count: Positive integer, how many words to add.
            rng: `numpy.random.Generator` that draws each word with its output
                as the probability. Default: `None`, the largest output.

        Returns:
            The words, those of `start` included.

        Raises:
            ValueError: If `start` is too short or has unknown words.
        """
        check_integer("count", count, 1)
        symbols = self.encode(start, "start").tolist()
        if len(symbols) < self.timesteps:
            raise ValueError(
                f"start must have at least {self.timesteps} words, "
                f"got {len(symbols)}"
            )
        for _ in range(count):
            window = np.array([symbols[-self.timesteps :]], np.int32)
            shares = np.asarray(answer(window), np.float64)[0, -1]
            if rng is None:
                symbols.append(int(shares.argmax()))
                continue
            shares = shares.clip(0)
            symbols.append(
                int(rng.choice(len(shares), p=shares / shares.sum()))
            )
        return [self.inputs[symbol] for symbol in symbols]

    def _batch(self, windows: np.ndarray, following: np.ndarray) -> Batch:
        """Return windows with the words that follow as targets."""
        shape = len(windows), self.timesteps
        targets = np.zeros((*shape, len(self.inputs)), np.float32)
        targets[np.arange(len(windows)), -1, following] = 1
        weights = np.zeros(shape, np.float32)
        weights[:, -1] = 1
        return Batch(windows.copy(), targets, weights)


class _Analysed(NamedTuple):
    """A text in numbers.

    Args:
        dictionary: Tuple of strings, the words by falling frequency.
        outputs: Tuple of strings, the names of the outputs.
        numbers: Dictionary from words to symbols.
        windows: int32 array of shape `(window, time)`.
        following: int32 array of shape `(window,)`, the next words.
        counts: For the bytes of each window, how often words follow.
    """

    dictionary: tuple[str, ...]
    outputs: tuple[str, ...]
    numbers: dict[str, int]
    windows: np.ndarray
    following: np.ndarray
    counts: dict[bytes, collections.Counter]


@functools.lru_cache(maxsize=32)
def _analysed(text: str, timesteps: int) -> _Analysed:
    """Cut a text into words and windows."""
    words = words_of(read_text(text))
    # Of equal frequency, the first in the text comes first.
    ordered = tuple(w for w, _ in collections.Counter(words).most_common())
    numbers = {word: k for k, word in enumerate(ordered)}
    symbols = np.array([numbers[word] for word in words], np.int32)
    windows, following = _cut(symbols, timesteps)
    return _Analysed(
        ordered,
        tuple(f"next {word}" for word in ordered),
        numbers,
        windows,
        following,
        _counted(windows, following),
    )


def _cut(symbols: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Return all windows of a length and the symbol after each."""
    windows = np.lib.stride_tricks.sliding_window_view(symbols, length + 1)
    return windows[:, :-1].copy(), windows[:, -1].copy()


def _counted(windows, following) -> dict[bytes, collections.Counter]:
    """Count the symbols that follow each window."""
    counts: dict[bytes, collections.Counter] = {}
    for window, word in zip(windows, following.tolist()):
        counts.setdefault(window.tobytes(), collections.Counter())[word] += 1
    return counts


def _shares(found: _Analysed, context: int) -> list[np.ndarray]:
    """Return the shares of the next words, by the last words of each window."""
    windows = found.windows[:, found.windows.shape[1] - context :]
    counts = _counted(windows, found.following)
    shares = {
        key: np.array(list(own.values())) / sum(own.values())
        for key, own in counts.items()
    }
    return [shares[np.ascontiguousarray(w).tobytes()] for w in windows]


def words_of(text: str) -> list[str]:
    """Cut a text into words and punctuation marks, in lower case.

    >>> words_of("Don't open it, said the snail.")
    ["don't", 'open', 'it', ',', 'said', 'the', 'snail', '.']
    """
    text = text.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    return re.findall(r"\w+(?:'\w+)*|[^\w\s]", text)


def sentence(words: Sequence[str]) -> str:
    """Join words to a line, punctuation marks without a space before them.

    >>> sentence(["under", "the", "oak", ",", "she", "said", "."])
    'under the oak, she said.'
    """
    return re.sub(r" (?=[,.;:!?])", "", " ".join(words))


def read_text(text: str) -> str:
    """Return a text of `data/texts` by its name, or a text itself.

    Args:
        text: String. Without a space, it is a name.

    Raises:
        ValueError: If there is no such text.
    """
    if not isinstance(text, str):
        raise TypeError(f"text must be a string, got {text!r}")
    if re.search(r"\s", text.strip()):
        return text
    package = pathlib.Path(__file__).resolve().parent.parent
    # Inside an installed package, or beside it in a clone.
    for folder in (package / "data", package.parent / "data"):
        found = {path.stem: path for path in folder.glob("texts/*.txt")}
        if text in found:
            return found[text].read_text(encoding="utf-8")
        if found:
            raise ValueError(
                f"text must be one of {', '.join(sorted(found))}, or a text "
                f"of several words, got {text!r}"
            )
    raise FileNotFoundError(
        f"the texts are not beside {package}; install memnets with its data "
        f"or work in a clone"
    )
