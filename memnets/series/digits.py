"""Images read row by row: scikit-learn's digits as eight steps of eight."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from memnets.networks import draws
from memnets.series.preparation import needs
from memnets.tasks import Batch
from memnets.tasks.base import check_flag, check_integer
from memnets.training.batches import BATCHES, generator
from memnets.training.kernels.engine import Kernel
from memnets.training.kernels.network import Stack
from memnets.training.kernels.optimizers import Optimizer, cosine

# The images before are trained on, those after are the test part.
SPLIT = 1297
ROWS, COLUMNS, CLASSES = 8, 8, 10
Row = dict[str, object]


class Digits(NamedTuple):
    """Images and what they show.

    Args:
        images: float32 array of shape `(image, row, column)`, from 0 to 1.
        labels: int array of shape `(image,)`.
    """

    images: np.ndarray
    labels: np.ndarray


def load_digits() -> tuple[Digits, Digits]:
    """Return the training and the test part of scikit-learn's digits.

    The first 1,297 of the 1,797 images are the training part and the last 500
    the test part. They are not shuffled: digits by one hand are alike, and
    would be in both parts.
    """
    bundled = needs("sklearn.datasets", "reading digits").load_digits()
    images = (bundled.images / 16).astype(np.float32)
    whole = Digits(images, bundled.target)
    return (
        Digits(*(a[:SPLIT] for a in whole)),
        Digits(*(a[SPLIT:] for a in whole)),
    )


@dataclasses.dataclass(frozen=True)
class RowReader:
    """An LSTM that reads an image row by row and says which digit it is.

    Args:
        every_row: Boolean, whether it learns to answer after every row instead
            of only after the last. Default: `False`.
        units: Positive integer. Default: 32.
        episodes: Positive integer, the number of updates by Adam. Default:
            2000.
        batch_size: Positive integer, the images of an update. Default: 32.
        seed: Integer of at least 0, of the initial weights and of the images
            that are drawn. Default: 0.
    """

    every_row: bool = False
    units: int = 32
    episodes: int = 2000
    batch_size: int = 32
    seed: int = 0

    def __post_init__(self):
        check_flag("every_row", self.every_row)
        for name in ("units", "episodes", "batch_size"):
            check_integer(name, getattr(self, name), 1)
        check_integer("seed", self.seed, 0)

    @property
    def stack(self) -> Stack:
        """The network."""
        return Stack(COLUMNS, ("lstm",), (self.units,), "softmax", CLASSES)

    def count_weights(self) -> int:
        """Return the number of weights."""
        return sum(int(np.prod(shape)) for shape in self.stack.shapes())

    def read(self, train: Digits, test: Digits) -> np.ndarray:
        """Train on one part; return the answers to the other, row by row.

        Args:
            train: `Digits`.
            test: `Digits`.

        Returns:
            A float32 array of shape `(image, row, class)`, probabilities.
        """
        rates = cosine(1e-2, self.episodes)
        loss = "categorical_crossentropy"
        kernel = Kernel(
            self.stack,
            Optimizer("Adam", rates, loss, by_weight=True),
            self.batch_size,
            ROWS,
            test.images[:1],
        )
        sizes = COLUMNS, (self.units,), CLASSES, "dense", self.seed
        kernel.put(draws.initial_weights(*sizes))
        shape = self.episodes, self.batch_size
        drawn = generator(self.seed, BATCHES).integers(
            len(train.labels), size=shape
        )
        one_hot = np.eye(CLASSES, dtype=np.float32)[train.labels[drawn]]
        targets = np.repeat(one_hot[:, :, None], ROWS, axis=2)
        weights = np.full((*shape, ROWS), self.every_row, np.float32)
        weights[:, :, -1] = 1
        block = Batch(train.images[drawn], targets, weights)
        kernel.run(block, 0, np.zeros(self.episodes, bool))
        return kernel.record(test.images)


def read_pixels(train: Digits, test: Digits, rows: int = ROWS) -> np.ndarray:
    """Fit logistic regression on the pixels of the first rows.

    Args:
        train: `Digits`.
        test: `Digits`.
        rows: Integer from 1 to 8. Default: 8.

    Returns:
        A float array of shape `(image, class)`, the probabilities for the
        test part.
    """
    linear = needs("sklearn.linear_model", "logistic regression")
    check_integer("rows", rows, 1)
    if rows > ROWS:
        raise ValueError(f"rows must be at most {ROWS}, got {rows}")
    first, later = (
        part.images[:, :rows].reshape(-1, rows * COLUMNS)
        for part in (train, test)
    )
    model = linear.LogisticRegression(max_iter=5000)
    return model.fit(first, train.labels).predict_proba(later)


def correct(answers: np.ndarray, test: Digits) -> np.ndarray:
    """Return the share of images whose digit is the most probable one.

    Args:
        answers: Array of shape `(image, ..., class)`.
        test: `Digits`.
    """
    right = answers.argmax(axis=-1).T == test.labels
    return right.mean(axis=-1)


def study_digits(seeds: Sequence[int] = range(10)) -> Iterator[Row]:
    """Yield the rows of `memnets.records.series.DIGITS`.

    Args:
        seeds: The seeds of the networks. Default: 0 to 9.
    """
    train, test = load_digits()

    def row(model, seed, rows, share, weights):
        found = {"model": model, "seed": seed, "rows": rows}
        return found | {"correct": f"{share:.4g}", "weights": weights}

    for rows in range(1, ROWS + 1):
        share = correct(read_pixels(train, test, rows), test)
        weights = (rows * COLUMNS + 1) * CLASSES
        yield row("logistic regression", "", rows, share, weights)
    for name, every in (("asked at the end", False), ("after every row", True)):
        for seed in seeds:
            reader = RowReader(every, seed=seed)
            shares = correct(reader.read(train, test), test)
            for rows in range(1 if every else ROWS, ROWS + 1):
                at = rows, shares[rows - 1], reader.count_weights()
                yield row(f"LSTM, {name}", seed, *at)
