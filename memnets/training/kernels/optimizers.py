"""Optimizers, losses and learning rates of the kernel, as in Keras.

Powers and cosines are computed by multiplications and additions, because the
platform's functions round differently from machine to machine.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable

import numpy as np

from memnets.training.kernels import batch

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
# The state of each optimizer, by the kernel's names.
STATES = {"Adam": ("mean", "square"), "SGD": ("mean",)}


@dataclasses.dataclass(frozen=True)
class Optimizer:
    """An optimizer and a loss, as in Keras.

    Args:
        name: `"Adam"` or `"SGD"`.
        rates: Function from an int array, the number of steps taken before, to
            a float64 array of learning rates.
        loss: String, a key of `LOSSES`. Default: `"mean_squared_error"`.
        by_weight: Boolean, whether the loss is divided by the sum of the
            weights instead of the number of steps. Default: `False`.
        beta_1: Float, for Adam. Default: 0.9.
        beta_2: Float, for Adam. Default: 0.999.
        epsilon: Float, for Adam. Default: 1e-7.
        momentum: Float, for SGD. Default: 0.
        nesterov: Boolean, for SGD. Default: `False`.
        clip: String, a key of `CLIPS`, or `None`. Default: `None`.
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
        """Return the options in the kernel's plan, from LOSS to CLIP."""
        return [
            LOSSES[self.loss],
            int(self.by_weight),
            batch.ADAM if self.name == "Adam" else batch.SGD,
            int(self.nesterov),
            CLIPS.get(self.clip, batch.NO_CLIP),
        ]

    def constants(self) -> list[float]:
        """Return the kernel's constants, from CONSTANTS on."""
        # 1 - beta is rounded only once: in float32, 1 - 0.999 is 5e-5 off.
        if self.name == "Adam":
            averages = [1 - self.beta_1, 1 - self.beta_2]
        else:
            averages = [self.momentum, 0.0]
        return [*averages, self.epsilon, self.limit]

    def steps(self, done: int, episodes: int) -> np.ndarray:
        """Return the kernel's learning rates of some episodes.

        For Adam they include the bias correction of the averages.
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
    """Return a constant learning rate, rounded to float32 as in Keras."""
    return lambda before: np.full(len(before), np.float32(rate), np.float64)


def cosine(
    rate: float, episodes: int, alpha: float = 0.0
) -> Callable[[np.ndarray], np.ndarray]:
    """Return Keras's CosineDecay, a learning rate that falls like a cosine.

    >>> [float(rate) for rate in cosine(1.0, 2)(np.arange(4))]
    [1.0, 0.5, 0.0, 0.0]
    """

    def rates(before):
        part = np.minimum(before, episodes) / episodes
        fallen = 0.5 * (1 + half_turns(part))
        return rate * ((1 - alpha) * fallen + alpha)

    return rates


def powers(base: float, first: int, count: int) -> np.ndarray:
    """Return consecutive powers; their bits do not depend on the first.

    >>> powers(0.5, 1, 3).tolist()
    [0.5, 0.25, 0.125]
    """
    exponents, small = np.arange(first, first + count), _small_powers(base)
    low, high = exponents % len(small), exponents // len(small)
    of_high = [_power(small[-1] * base, int(k)) for k in np.unique(high)]
    return small[low] * np.array(of_high)[high - high[:1]]


@functools.cache
def _small_powers(base: float) -> np.ndarray:
    """Return the powers with exponents from 0 to 255."""
    return np.array([_power(base, k) for k in range(256)])


def _power(base: float, exponent: int) -> float:
    """Return a power by repeated squaring."""
    result = 1.0
    while exponent:
        if exponent % 2:
            result *= base
        base, exponent = base * base, exponent // 2
    return result


def half_turns(x: np.ndarray) -> np.ndarray:
    """Return cos(pi x) for x from 0 to 1, by its Taylor series."""
    near = np.where(x > 0.5, 1 - x, x)
    square, series = (np.pi * near) ** 2, np.zeros(len(x))
    for k in range(12, -1, -1):
        series = series * square + (-1) ** k / math.factorial(2 * k)
    # cos(pi / 2) is exactly 0.
    series = np.where(near == 0.5, 0.0, series)
    return np.where(x > 0.5, -series, series)
