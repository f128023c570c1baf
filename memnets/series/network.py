"""A small LSTM that forecasts a series from a window of its past."""

from __future__ import annotations

import dataclasses
import numbers
from typing import Any

import numpy as np

from memnets.networks import draws
from memnets.records.series import check_origins, check_values
from memnets.series.preparation import Preparation
from memnets.tasks import Batch
from memnets.tasks.base import check_integer
from memnets.training.batches import BATCHES, generator
from memnets.training.kernels.engine import Kernel
from memnets.training.kernels.network import KINDS, Stack
from memnets.training.kernels.optimizers import Optimizer, cosine

# The most floats that are drawn at once.
DRAWN = 2**21


@dataclasses.dataclass(frozen=True)
class Forecaster:
    """A recurrent network that reads a window and says what comes next.

    The network reads `window` scaled differences, one a step, and a linear
    readout then says the next `steps` of them at once. It is trained by Adam
    with a cosine decay on windows that are drawn from the training part.

    Args:
        window: Positive integer, the steps that are read. Default: 24.
        steps: Positive integer, how many steps ahead it forecasts. Default: 1.
        differences: Tuple of positive integers, as in `Preparation`. Default:
            `(1,)`.
        cell: `"lstm"`, `"gru"` or `"simple_rnn"`. Default: `"lstm"`.
        units: Positive integer. Default: 8.
        episodes: Positive integer, the number of updates. Default: 300.
        batch_size: Positive integer, the windows of an update. Default: 32.
        learning_rate: Positive float, at first. Default: 0.01.
        seed: Integer of at least 0, of the initial weights and of the windows
            that are drawn. Default: 0.
    """

    window: int = 24
    steps: int = 1
    differences: tuple[int, ...] = (1,)
    cell: str = "lstm"
    units: int = 8
    episodes: int = 300
    batch_size: int = 32
    learning_rate: float = 1e-2
    seed: int = 0

    def __post_init__(self):
        for name in ("window", "steps", "units", "episodes", "batch_size"):
            check_integer(name, getattr(self, name), 1)
        check_integer("seed", self.seed, 0)
        if self.cell not in KINDS:
            raise ValueError(
                f"cell must be one of {', '.join(KINDS)}, got {self.cell!r}"
            )
        rate = self.learning_rate
        if isinstance(rate, bool) or not isinstance(rate, numbers.Real):
            raise TypeError(f"learning_rate must be a number, got {rate!r}")
        if not 0 < rate < np.inf:
            raise ValueError(
                f"learning_rate must be a positive finite number, got {rate}"
            )
        object.__setattr__(self, "differences", self.preparation.differences)

    @property
    def preparation(self) -> Preparation:
        """The preparation of the series, not fitted."""
        return Preparation(self.differences)

    @property
    def reach(self) -> int:
        """How many values before a forecast it depends on."""
        return self.window + self.preparation.lost

    def fit(self, train: Any, covariates: Any = None) -> Fitted:
        """Train a fresh network on the training part of a series.

        Args:
            train: Numbers of shape `(time,)`.
            covariates: Numbers of shape `(time, channel)` that are read
                beside the series but not forecast, each scaled to [-1, 1].
                Default: `None`.

        Returns:
            A `Fitted` forecaster.

        Raises:
            TypeError: If they are not numbers.
            ValueError: If the series is too short for a window, has gaps or
                does not vary.
            FloatingPointError: If the training diverges.
        """
        least = self.reach + self.steps + 1
        train = check_values("train", train, least)
        preparation = self.preparation.fit(train)
        covariates = _covariates(covariates, len(train), "train")
        scales = tuple(Preparation(()).fit(c) for c in covariates.T)
        channels = _channels(preparation, scales, train, covariates)
        weights = self._learn(*self._windows(channels))
        return self._fitted(self, preparation, scales, weights)

    @property
    def _fitted(self) -> type[Fitted]:
        return Fitted

    def _learn(self, windows, targets) -> list[np.ndarray]:
        """Return trained weights."""
        kernel = self._kernel(windows.shape[2], windows[:1])
        for block in self._blocks(windows, targets):
            due = np.zeros(len(block.inputs), bool)
            losses, _ = kernel.run(block, 0, due)
            if not np.isfinite(losses).all():
                raise FloatingPointError(
                    f"the training of seed {self.seed} diverged; a smaller "
                    f"learning_rate than {self.learning_rate} may help"
                )
        return kernel.get()[0]

    def _windows(self, channels):
        """Return all windows, and what comes after each of them."""
        view = np.lib.stride_tricks.sliding_window_view
        whole = view(channels, self.window + self.steps, axis=0)
        whole = whole.transpose(0, 2, 1).astype(np.float32)
        return whole[:, : self.window], whole[:, self.window :, 0]

    def _blocks(self, windows, targets):
        """Yield blocks of batches; only the last step has a target."""
        rng = generator(self.seed, BATCHES)
        shape = self.batch_size, self.window
        weights = np.zeros(shape, np.float32)
        weights[:, -1] = 1
        width = windows.shape[2] + self.steps
        size = max(1, DRAWN // (self.batch_size * self.window * width))
        for first in range(0, self.episodes, size):
            count = min(size, self.episodes - first)
            drawn = rng.integers(len(windows), size=(count, self.batch_size))
            wanted = np.zeros((count, *shape, self.steps), np.float32)
            wanted[:, :, -1] = targets[drawn]
            repeated = np.broadcast_to(weights, (count, *shape)).copy()
            yield Batch(windows[drawn], wanted, repeated)

    def _kernel(self, channels, probe, weights=None):
        """Return the kernel, with the initial weights unless given."""
        sizes = (self.cell,), (self.units,), "linear", self.steps
        rates = cosine(self.learning_rate, self.episodes)
        options = {"clip": "global_clipnorm", "limit": 1.0, "by_weight": True}
        kernel = Kernel(
            Stack(channels, *sizes),
            Optimizer("Adam", rates, **options),
            self.batch_size,
            self.window,
            np.ascontiguousarray(probe),
        )
        if weights is None:
            sizes = channels, (self.units,), self.steps, "dense", self.seed
            weights = draws.initial_weights(*sizes, self.cell)
        kernel.put(weights)
        return kernel


@dataclasses.dataclass(frozen=True, eq=False)
class Fitted:
    """A trained forecaster.

    Args:
        plan: The `Forecaster`.
        preparation: The fitted `Preparation`.
        scales: Tuple of fitted `Preparation`, one for each covariate.
        weights: List of float32 arrays, in Keras's order.
    """

    plan: Forecaster
    preparation: Preparation
    scales: tuple[Preparation, ...]
    weights: list[np.ndarray]

    def forecast(
        self, values: Any, origins: Any = None, covariates: Any = None
    ) -> np.ndarray:
        """Forecast from one or more origins.

        The forecast from origin `n` reads only the first `n` values.

        Args:
            values: Numbers of shape `(time,)`.
            origins: Integers, how many values are known at each forecast.
                Default: `None`, all values, one forecast.
            covariates: As in `Forecaster.fit`. Default: `None`.

        Returns:
            A float64 array of shape `(origin, step)`, in the units of the
            values.

        Raises:
            TypeError: If something is not a number.
            ValueError: If an origin lies beyond the values or too early.
        """
        least = self.plan.reach
        values = check_values("values", values, least, varying=False)
        origins = [len(values)] if origins is None else origins
        origins = check_origins(origins, least, len(values))
        covariates = _covariates(covariates, len(values), "values")
        if covariates.shape[1] != len(self.scales):
            raise ValueError(
                f"covariates must have {len(self.scales)} channels, as in the "
                f"training, got {covariates.shape[1]}"
            )
        windows = []
        for n in origins:
            part = slice(n - least, n)
            parts = values[part], covariates[part]
            windows.append(_channels(self.preparation, self.scales, *parts))
        said = self.answer(np.array(windows, np.float32))
        lost = self.preparation.lost
        before = np.array([values[n - lost : n] for n in origins])
        return self.preparation.inverse_transform(said, before)

    def answer(self, windows: np.ndarray) -> np.ndarray:
        """Return the scaled differences that follow some windows.

        Args:
            windows: float32 array of shape `(window, time, channel)`.

        Returns:
            A float64 array of shape `(window, step)`.
        """
        plan, channels = self.plan, windows.shape[2]
        kernel = plan._kernel(channels, windows[:1], self.weights)
        return kernel.record(windows)[:, -1].astype(float)


@dataclasses.dataclass(frozen=True)
class LinearForecaster(Forecaster):
    """A linear regression on the very windows that the network would read.

    It is fitted by least squares; `cell`, `units`, `seed` and what else
    concerns the training of a network play no role.
    """

    @property
    def _fitted(self) -> type[Fitted]:
        return LinearFitted

    def _learn(self, windows, targets) -> list[np.ndarray]:
        fitted = np.linalg.lstsq(_flat(windows), targets, rcond=None)
        return [fitted[0]]


@dataclasses.dataclass(frozen=True, eq=False)
class LinearFitted(Fitted):
    """A fitted linear regression; see `Fitted`."""

    def answer(self, windows: np.ndarray) -> np.ndarray:
        """Return the scaled differences that follow some windows."""
        return _flat(windows) @ self.weights[0]


def _flat(windows) -> np.ndarray:
    """Return windows as rows of a regression, with a constant."""
    rows = windows.reshape(len(windows), -1).astype(float)
    return np.column_stack([rows, np.ones(len(rows))])


def _channels(preparation, scales, values, covariates) -> np.ndarray:
    """Return what the network reads, of shape (time, channel)."""
    lost = preparation.lost
    others = [s.transform(c[lost:]) for s, c in zip(scales, covariates.T)]
    return np.stack([preparation.transform(values), *others], axis=1)


def _covariates(covariates, length, beside) -> np.ndarray:
    """Return covariates of shape (time, channel), or refuse them."""
    if covariates is None:
        return np.empty((length, 0))
    covariates = np.asarray(covariates)
    if covariates.ndim != 2 or len(covariates) != length:
        raise ValueError(
            f"covariates must be of shape ({length}, channel), as long as "
            f"{beside}, got {covariates.shape}"
        )
    columns = covariates.T
    checked = [check_values("covariates", c, varying=False) for c in columns]
    return np.stack(checked, axis=1) if checked else np.empty((length, 0))
