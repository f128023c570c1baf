"""Differencing and scaling of a series, and back."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from memnets.records.series import check_values
from memnets.tasks.base import check_integer


def needs(package: str, purpose: str) -> Any:
    """Import a package of the extra `series`.

    Args:
        package: String, its name in Python, such as `"sklearn.linear_model"`.
        purpose: String, the subject of the complaint.

    Raises:
        ModuleNotFoundError: If it is not installed, with what would help.
    """
    import importlib

    try:
        return importlib.import_module(package)
    except ModuleNotFoundError as error:
        names = {"sklearn": "scikit-learn"}
        name = package.partition(".")[0]
        raise ModuleNotFoundError(
            f"{purpose} needs {names.get(name, name)}, which is not "
            f'installed: pip install "memnets[series]"'
        ) from error


@dataclasses.dataclass(frozen=True)
class Preparation:
    """Differences a series, scales it to [-1, 1], and inverts both.

    The difference at a lag of 1 removes a trend, that at a lag of one period
    a season; several lags are applied one after another. The scale is that of
    scikit-learn's `MinMaxScaler` and is taken from the training part only, so
    later values may lie outside of [-1, 1]. Nothing is clipped.

    >>> fitted = Preparation(differences=(1,)).fit([1.0, 2.0, 4.0, 5.0])
    >>> fitted.transform([5.0, 7.0, 8.0]).tolist()
    [1.0, -1.0]
    >>> fitted.inverse_transform([[1.0, -1.0]], [5.0]).tolist()
    [[7.0, 8.0]]

    Args:
        differences: Tuple of positive integers, the lags; `()` for none.
            Default: `(1,)`.
        scaler: A fitted `MinMaxScaler`. Default: `None`, until `fit`.
    """

    differences: tuple[int, ...] = (1,)
    scaler: Any = dataclasses.field(default=None, compare=False, repr=False)

    def __post_init__(self):
        if not isinstance(self.differences, (tuple, list)):
            raise TypeError(
                f"differences must be a tuple of lags, such as (1,), got "
                f"{self.differences!r}"
            )
        for lag in self.differences:
            check_integer("differences", lag, 1)
        object.__setattr__(self, "differences", tuple(self.differences))

    @property
    def lost(self) -> int:
        """How many values at the beginning have no difference."""
        return sum(self.differences)

    @property
    def weights(self) -> np.ndarray:
        """The weights of the last values in a difference, the newest first."""
        weights = np.ones(1)
        for lag in self.differences:
            factor = np.zeros(lag + 1)
            factor[0], factor[-1] = 1, -1
            weights = np.convolve(weights, factor)
        return weights

    def fit(self, train: Any) -> Preparation:
        """Return a copy with the scale of a training part.

        Args:
            train: Numbers of shape `(time,)`.

        Raises:
            TypeError: If they are not numbers.
            ValueError: If there are too few or gaps, or no difference varies.
        """
        preprocessing = needs("sklearn.preprocessing", "scaling a series")
        train = check_values("train", train, self.lost + 2)
        column = self._difference(train)[:, None]
        if np.ptp(column) == 0:
            raise ValueError(
                f"train must vary after differencing at the lags "
                f"{self.differences}, but all differences are {column[0, 0]}"
            )
        scaler = preprocessing.MinMaxScaler((-1, 1)).fit(column)
        return dataclasses.replace(self, scaler=scaler)

    def transform(self, values: Any) -> np.ndarray:
        """Return scaled differences, `lost` fewer than there are values.

        Args:
            values: Numbers of shape `(time,)`.

        Raises:
            TypeError: If they are not numbers.
            ValueError: If there are too few or gaps, or `fit` did not return
                this preparation.
        """
        self._check_fitted("transform")
        values = check_values("values", values, self.lost + 1, varying=False)
        column = self._difference(values)[:, None]
        return self.scaler.transform(column)[:, 0]

    def inverse_transform(self, scaled: Any, before: Any) -> np.ndarray:
        """Return the values that some scaled differences lead to.

        Args:
            scaled: Array of shape `(sequence, time)`.
            before: Array of shape `(sequence, lost)` or `(lost,)`, the values
                just before, the newest last.

        Returns:
            A float64 array of the shape of `scaled`.

        Raises:
            ValueError: If shapes do not fit, or `fit` did not return this
                preparation.
        """
        self._check_fitted("inverse_transform")
        scaled = np.atleast_2d(np.asarray(scaled, float))
        before = np.asarray(before, float)
        if before.shape not in ((self.lost,), (len(scaled), self.lost)):
            raise ValueError(
                f"before must be the {self.lost} values before each sequence, "
                f"got the shape {before.shape}"
            )
        column = self.scaler.inverse_transform(scaled.reshape(-1, 1))
        found = np.empty((len(scaled), self.lost + scaled.shape[1]))
        found[:, : self.lost] = before
        steps, past = column.reshape(scaled.shape), -self.weights[:0:-1]
        for t in range(scaled.shape[1]):
            known = found[:, t : t + self.lost]
            found[:, self.lost + t] = steps[:, t] + known @ past
        return found[:, self.lost :]

    def _difference(self, values: np.ndarray) -> np.ndarray:
        for lag in self.differences:
            values = values[lag:] - values[:-lag]
        return values

    def _check_fitted(self, method: str) -> None:
        if self.scaler is None:
            raise ValueError(
                f"{method} needs the scale of a training part: call "
                f"preparation = preparation.fit(train) first"
            )
