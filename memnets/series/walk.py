"""The walk-forward test: fit once, then forecast from origin to origin."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from memnets.records.series import check_values
from memnets.tasks.base import check_integer


@dataclasses.dataclass(frozen=True, eq=False)
class Walk:
    """Forecasts from every origin of a test part.

    Args:
        origins: int array of shape `(origin,)`, how many values were known.
        forecasts: float array of shape `(origin, step)`.
        targets: float array of the same shape, what came.
    """

    origins: np.ndarray
    forecasts: np.ndarray
    targets: np.ndarray

    @property
    def rmse(self) -> np.ndarray:
        """The root of the mean squared error of each step ahead."""
        return rmse(self.forecasts, self.targets)


def rmse(forecasts: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return the root of the mean squared error over the first axis."""
    return np.sqrt(np.square(np.subtract(forecasts, targets)).mean(axis=0))


def walk_forward(
    forecaster: Any, values: Any, split: int, covariates: Any = None
) -> Walk:
    """Fit a forecaster on the first values, then walk through the others.

    At each origin all values before it are known, the forecaster says the
    next ones, and then the next value becomes known. It is fitted only once.

    Args:
        forecaster: A `Forecaster`, or one of `memnets.series.rivals`.
        values: Numbers of shape `(time,)`.
        split: Positive integer, the length of the training part.
        covariates: As in `Forecaster.fit`. Default: `None`.

    Returns:
        A `Walk` over all origins whose forecasts can be compared with values.

    Raises:
        TypeError: If the values are not numbers.
        ValueError: If they have gaps or do not vary, or the test part is
            shorter than the steps that are forecast.
    """
    values = check_values("values", values)
    check_integer("split", split, 1)
    steps = forecaster.steps
    if split + steps > len(values):
        raise ValueError(
            f"split must leave {steps} values or more to forecast, but after "
            f"{split} of {len(values)} values {max(0, len(values) - split)} "
            f"are left"
        )
    origins = np.arange(split, len(values) - steps + 1)
    if covariates is None:
        said = forecaster.fit(values[:split]).forecast(values, origins)
    else:
        covariates = np.asarray(covariates)
        fitted = forecaster.fit(values[:split], covariates[:split])
        said = fitted.forecast(values, origins, covariates)
    targets = np.stack([values[n : n + steps] for n in origins])
    return Walk(origins, said, targets)
