"""Measured series, in `data/series/`, and the tables of their forecasts."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np
import pandas as pd

from memnets.records import data
from memnets.records.tables import Schema, results
from memnets.tasks.base import check_integer

ERRORS = Schema(
    {
        "series": str,
        "forecaster": str,
        # Missing where nothing is drawn at random.
        "seed": "Int64",
        # How many steps it forecasts, and which of them this is.
        "steps": int,
        "step": int,
        "origins": int,
        "rmse": float,
    },
    ("series", "forecaster", "seed", "steps", "step"),
)
FORECASTS = Schema(
    {
        "series": str,
        "forecaster": str,
        "seed": "Int64",
        "steps": int,
        # How many values are known; the first step is the next value.
        "origin": int,
        "step": int,
        "forecast": float,
    },
    ("series", "forecaster", "seed", "steps", "origin", "step"),
)
DIGITS = Schema(
    {
        "model": str,
        "seed": "Int64",
        "rows": int,
        "correct": float,
        "weights": int,
    },
    ("model", "seed", "rows"),
)


@dataclasses.dataclass(frozen=True, eq=False)
class Series:
    """A series of measurements at equal intervals.

    Args:
        name: String, the name of its file.
        about: String, what was measured, with its unit.
        times: float array of shape `(time,)`, the year of each value; months
            are twelfths.
        values: float array of shape `(time,)`, without gaps.
        season: Integer, the number of values in a period.
        filled: int array, the indices of the values that were not measured
            but interpolated.
    """

    name: str
    about: str
    times: np.ndarray
    values: np.ndarray
    season: int
    filled: np.ndarray

    def __len__(self):
        return len(self.values)

    @property
    def split(self) -> int:
        """How many values come before the test part: the first four fifths."""
        return 4 * len(self) // 5


# Column with the values, what they are, and the length of a period.
SERIES = {
    "sunspots": ("sunspots", "yearly number of sunspots", 11),
    "nile": ("flow", "flow of the Nile at Aswan in 10^8 m^3 a year", 1),
    "co2": ("co2", "CO2 in the air at Mauna Loa in ppm", 12),
    "elnino": ("temperature", "sea surface at Nino 1+2 in degrees Celsius", 12),
}


def load_series(name: str) -> Series:
    """Read a measured series that comes with memnets.

    The weekly CO2 data have 59 weeks without a measurement. Their monthly
    means are returned, and the five months without any measurement, all
    before May 1964, are interpolated on a straight line between their
    neighbours.

    Args:
        name: `"sunspots"`, `"nile"`, `"co2"` or `"elnino"`.

    Returns:
        A `Series`.

    Raises:
        ValueError: If there is no such series.
    """
    if name not in SERIES:
        raise ValueError(
            f"name must be one of {', '.join(SERIES)}, got {name!r}"
        )
    column, about, season = SERIES[name]
    frame = pd.read_csv(data.folder() / "series" / f"{name}.csv")
    measured = frame[column].astype(float)
    if name in ("sunspots", "nile"):
        times = frame["year"].to_numpy(float)
    else:
        measured.index = pd.to_datetime(frame.iloc[:, 0])
        measured = measured.resample("MS").mean()
        months = pd.DatetimeIndex(measured.index)
        times = (months.year + (months.month - 1) / 12).to_numpy(float)
    missing = np.flatnonzero(measured.isna())
    values = measured.interpolate().to_numpy(float)
    return Series(name, about, times, values, season, missing)


def check_values(
    argument: str, values: object, least: int = 2, varying: bool = True
) -> np.ndarray:
    """Return a series as a float array, or refuse it.

    Args:
        argument: String, the name of the argument for messages.
        values: Sequence of numbers, or what should be one.
        least: Integer, the least length. Default: 2.
        varying: Boolean, whether equal values are refused. Default: `True`.

    Returns:
        A float64 array of shape `(time,)`.

    Raises:
        TypeError: If the values are not numbers.
        ValueError: If they are not one series, too few, have gaps, or are all
            equal.
    """
    array = np.asarray(values)
    if array.dtype.kind not in "fiu":
        raise TypeError(
            f"{argument} must be numbers, got the type {array.dtype}"
        )
    if array.ndim != 1:
        raise ValueError(
            f"{argument} must be one series of shape (time,), got the shape "
            f"{array.shape}"
        )
    gaps = np.flatnonzero(~np.isfinite(array))
    if len(gaps):
        raise ValueError(
            f"{argument} must have no gaps, but {len(gaps)} of {len(array)} "
            f"values are missing or infinite, the first at index {gaps[0]}; "
            f"fill them first, for example with pandas.Series.interpolate"
        )
    if len(array) < least:
        raise ValueError(
            f"{argument} must have at least {least} values, got {len(array)}"
        )
    if varying and len(array) and np.ptp(array) == 0:
        raise ValueError(
            f"{argument} must not be constant, but all {len(array)} values "
            f"are {array[0]}"
        )
    return array.astype(float)


def check_origins(
    origins: Sequence[int] | np.ndarray, first: int, last: int
) -> np.ndarray:
    """Return forecast origins as an int array, or refuse them.

    Args:
        origins: Integers, how many values are known at each forecast.
        first: Integer, the least that will do.
        last: Integer, the most.
    """
    for origin in (checked := list(np.atleast_1d(np.asarray(origins)))):
        check_integer("origins", origin, first)
        if origin > last:
            raise ValueError(
                f"origins must be at most {last}, the values there are, got "
                f"{origin}"
            )
    return np.array(checked, int)


def interval(errors: Sequence[float] | np.ndarray) -> tuple[float, ...]:
    """Return the mean over seeds and the ends of its 95 % interval.

    The interval is Student's. It says how far the mean depends on the seeds,
    not how far it depends on the years that were tested.

    >>> print(*(f"{end:.2f}" for end in interval([1.0, 2.0, 3.0])))
    2.00 -0.48 4.48
    """
    from scipy.stats import t

    values = np.asarray(errors, float)
    mean = float(values.mean())
    if len(values) < 2:
        return mean, mean, mean
    spread = values.std(ddof=1) / np.sqrt(len(values))
    wide = float(t.ppf(0.975, len(values) - 1) * spread)
    return mean, mean - wide, mean + wide


def recorded_errors() -> pd.DataFrame:
    """Read the errors of all forecasts, `data/results/series.csv`."""
    return results(data.folder() / "results" / "series.csv", ERRORS)


def recorded_forecasts() -> pd.DataFrame:
    """Read some of the forecasts, `data/results/series_forecasts.csv`."""
    return _forecasts().copy()


@functools.cache
def _forecasts() -> pd.DataFrame:
    # Thousands of rows: pictures need some of them, again and again.
    path = data.folder() / "results" / "series_forecasts.csv"
    return results(path, FORECASTS)


def paired_p(series: str, one: str, other: str) -> float:
    """Return the p value of two forecasters' squared errors being equal.

    A paired t test over the origins of the test part, one step ahead, with
    the squared errors averaged over the seeds.

    Args:
        series: String, the name of a measured series.
        one: String, a forecaster of the table, such as `"LSTM"`.
        other: String, another one, such as `"AR"`.
    """
    from scipy.stats import ttest_rel

    frame, values = recorded_forecasts(), load_series(series).values
    frame = frame[(frame["series"] == series) & (frame["steps"] == 1)]
    squared = (frame["forecast"] - values[frame["origin"]]) ** 2
    errors = squared.groupby([frame["forecaster"], frame["origin"]]).mean()
    for name in (one, other):
        if name not in errors.index.levels[0]:
            raise ValueError(
                f"forecasters must be out of "
                f"{', '.join(errors.index.levels[0])}, got {name!r}"
            )
    return float(ttest_rel(errors[one], errors[other]).pvalue)


def recorded_digits() -> pd.DataFrame:
    """Read what is known of digits row by row, `data/results/digits.csv`."""
    return results(data.folder() / "results" / "digits.csv", DIGITS)
