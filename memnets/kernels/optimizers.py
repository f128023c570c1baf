"""Learning rates of many episodes, as Keras's schedules and Adam have them.

Powers and cosines are made of multiplications and additions, since those of
the platform round differently from machine to machine.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable

import numpy as np

from memnets.kernels import batch

LOSSES = {
    "mean_squared_error": batch.SQUARED,
    "binary_crossentropy": batch.BINARY,
    "categorical_crossentropy": batch.CATEGORICAL,
}
CLIPS = {
    "clipnorm": batch.EACH_NORM,
    "global_clipnorm": batch.GLOBAL_NORM,
    "clipvalue": batch.EACH_VALUE,
}
# What an optimizer remembers of each weight, in the kernel's names for it.
STATES = {"Adam": ("mean", "square"), "SGD": ("mean",)}


@dataclasses.dataclass(frozen=True)
class Optimizer:
    """How gradients change the weights, as in Keras.

    Args:
        name: `"Adam"` or `"SGD"`.
        rates: Function from the steps taken before, an int array, to learning
            rates, a float64 array.
        loss: String, a loss of `LOSSES`. Default: `"mean_squared_error"`.
        by_weight: Boolean, whether the loss is divided by the sum of the
            weights and not by the number of steps. Default: `False`.
        beta_1: Float, Adam's. Default: 0.9.
        beta_2: Float, Adam's. Default: 0.999.
        epsilon: Float, Adam's. Default: 1e-7.
        momentum: Float, that of SGD. Default: 0.
        nesterov: Boolean, of SGD. Default: `False`.
        clip: String, an option of `CLIPS`, or `None`. Default: `None`.
        limit: Float, the value of that option. Default: 0.
    """

    name: str
    rates: Callable[[np.ndarray], np.ndarray]
    loss: str = "mean_squared_error"
    by_weight: bool = False
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7
    momentum: float = 0.0
    nesterov: bool = False
    clip: str | None = None
    limit: float = 0.0

    def options(self) -> list[int]:
        """Return what the kernel's plan says of it."""
        return [
            LOSSES[self.loss],
            int(self.by_weight),
            batch.ADAM if self.name == "Adam" else batch.SGD,
            int(self.nesterov),
            CLIPS.get(self.clip, batch.NO_CLIP),
        ]

    def constants(self) -> list[float]:
        """Return the numbers that the kernel is told."""
        # The rest of 1 is rounded once: 1 - 0.999 in float32 is 5e-5 off.
        if self.name == "Adam":
            averages = [1 - self.beta_1, 1 - self.beta_2]
        else:
            averages = [self.momentum, 0.0]
        return [*averages, self.epsilon, self.limit]

    def steps(self, done: int, episodes: int) -> np.ndarray:
        """Return the learning rates of some episodes, as the kernel takes them.

        Adam's are corrected for its averages that begin at 0.
        """
        before = np.arange(done, done + episodes)
        rates = np.asarray(self.rates(before), np.float64)
        if self.name == "Adam":
            first, second = (
                1 - powers(beta, done + 1, episodes)
                for beta in (self.beta_1, self.beta_2)
            )
            rates = rates * np.sqrt(second) / first
        return rates.astype(np.float32)


def constant(rate: float) -> Callable[[np.ndarray], np.ndarray]:
    """Return a learning rate, of float32 as in Keras, that stays."""
    return lambda before: np.full(len(before), np.float32(rate), np.float64)


def cosine(
    rate: float, episodes: int, alpha: float = 0.0
) -> Callable[[np.ndarray], np.ndarray]:
    """Return a learning rate that falls along a cosine, Keras's CosineDecay.

    >>> [float(rate) for rate in cosine(1.0, 2)(np.arange(4))]
    [1.0, 0.5, 0.0, 0.0]
    """

    def rates(before):
        part = np.minimum(before, episodes) / episodes
        fallen = 0.5 * (1 + half_turns(part))
        return rate * ((1 - alpha) * fallen + alpha)

    return rates


def powers(base: float, first: int, count: int) -> np.ndarray:
    """Return consecutive powers, each the same wherever the first one is.

    >>> powers(0.5, 1, 3).tolist()
    [0.5, 0.25, 0.125]
    """
    exponents = np.arange(first, first + count)
    low, high = exponents % len(_small(base)), exponents // len(_small(base))
    of_high = [_power(_small(base)[-1] * base, int(k)) for k in np.unique(high)]
    return _small(base)[low] * np.array(of_high)[high - high[:1]]


@functools.cache
def _small(base: float) -> np.ndarray:
    """Return the first powers."""
    return np.array([_power(base, k) for k in range(256)])


def _power(base: float, exponent: int) -> float:
    """Return a power by squaring: of multiplications alone."""
    result = 1.0
    while exponent:
        if exponent % 2:
            result *= base
        base, exponent = base * base, exponent // 2
    return result


def half_turns(x: np.ndarray) -> np.ndarray:
    """Return cos(pi x) for x from 0 to 1, by its series."""
    near = np.where(x > 0.5, 1 - x, x)
    square, series = (np.pi * near) ** 2, np.zeros(len(x))
    for k in range(12, -1, -1):
        series = series * square + (-1) ** k / math.factorial(2 * k)
    # Of a quarter turn, exactly 0.
    series = np.where(near == 0.5, 0.0, series)
    return np.where(x > 0.5, -series, series)
