"""Pictures of series, of their forecasts, and of images read row by row.

Every `plot_*` draws in the axes `ax`, or in those of a new figure if `ax` is
`None`, and returns them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from memnets.plots import annotations
from memnets.records.series import Series, check_values

NETWORK = "LSTM"
# The forecasters: names in the legend, colours and markers.
MARKS = {
    "seasonal naive": ("seasonal naive", "C2", "s"),
    "exponential smoothing": ("exponential smoothing", "C3", "^"),
    "AR": ("linear autoregression", "C0", "D"),
    NETWORK: ("LSTM, each seed", "C1", "o"),
}


def plot_series(series: Series, ax: Axes | None = None) -> Axes:
    """Draw a series; the test part is drawn in another colour.

    Args:
        series: The `Series`.
        ax: The axes. Default: `None`.
    """
    _check(series)
    ax, split = _axes(ax), series.split
    thin = 0.5 * plt.rcParams["lines.linewidth"]
    style = {"linewidth": thin}
    train, test = slice(split + 1), slice(split, None)
    for part, color, name in (
        (train, "C0", "training part"),
        (test, "C1", "test part"),
    ):
        times, values = series.times[part], series.values[part]
        ax.plot(times, values, color=color, label=name, **style)
    ax.set_xlabel("year")
    annotations.integer_ticks(ax.xaxis)
    return ax


def plot_forecasts(
    times: np.ndarray,
    values: np.ndarray,
    forecasts: Mapping[str, np.ndarray],
    ax: Axes | None = None,
) -> Axes:
    """Draw values, and what was forecast for the same times.

    Args:
        times: Array of shape `(time,)`.
        values: Array of the same shape, what came.
        forecasts: Dictionary from a label to an array of the same shape, or of
            shape `(seed, time)`, of which the range over the seeds is drawn
            as a band.
        ax: The axes. Default: `None`.

    Raises:
        ValueError: If the shapes do not fit.
    """
    ax, ink = _axes(ax), plt.rcParams["text.color"]
    wide = plt.rcParams["lines.linewidth"]
    ax.plot(times, values, color=ink, linewidth=wide, label="what came")
    colors = {name: color for name, color, _ in MARKS.values()}
    others = iter(("C1", "C0", "C2", "C3", "C4", "C5"))
    for name, said in forecasts.items():
        said = np.atleast_2d(said)
        if said.shape[1] != len(times):
            raise ValueError(
                f"forecasts must have {len(times)} times, as the values, got "
                f"{said.shape[1]} of {name!r}"
            )
        color = colors.get(name, next(others))
        if len(said) > 1:
            low, high = said.min(axis=0), said.max(axis=0)
            band = {"color": color, "alpha": 0.3, "linewidth": 0}
            ax.fill_between(times, low, high, **band)
        middle = np.median(said, axis=0)
        ax.plot(times, middle, "--", color=color, linewidth=wide, label=name)
    # Years stay years.
    ax.ticklabel_format(useOffset=False)
    return ax


def plot_shifts(
    lines: Mapping[str, tuple[np.ndarray, np.ndarray]],
    most: int = 4,
    ax: Axes | None = None,
) -> Axes:
    """Draw how well forecasts fit the values some steps earlier.

    A forecast that echoes fits the value one step earlier best: the last one
    that was known.

    Args:
        lines: Dictionary from a label to values and the forecasts of the last
            of them, one step ahead each.
        most: Positive integer, the largest shift. Default: 4.
        ax: The axes. Default: `None`.
    """
    ax = _axes(ax)
    shifts = np.arange(most + 1)
    for number, (name, (values, said)) in enumerate(lines.items()):
        errors = shifted_errors(values, said, most)
        style = {"color": f"C{1 - number}" if number < 2 else f"C{number}"}
        marker = "os^Dv"[number % 5]
        ax.plot(shifts, errors / errors[0], marker, ls="-", label=name, **style)
    ax.set_xticks(shifts)
    ax.set_xlabel("compared with the value so many steps earlier")
    ax.set(ylabel="error, 1 at no shift", ylim=(0, None))
    ax.axhline(1, color=plt.rcParams["text.color"], lw=0.8, ls=":")
    return ax


def shifted_errors(
    values: np.ndarray, forecasts: np.ndarray, most: int = 4
) -> np.ndarray:
    """Return the root mean squared error against values some steps earlier.

    Args:
        values: Array of shape `(time,)`.
        forecasts: Array, one step ahead, of the last values.
        most: Positive integer, the largest shift. Default: 4.

    Returns:
        A float array of shape `(most + 1,)`, for shifts of 0, 1, ...
    """
    values = check_values("values", values)
    said = check_values("forecasts", forecasts, varying=False)
    first = len(values) - len(said)
    if first < most:
        raise ValueError(
            f"values must begin {most} steps or more before the forecasts, "
            f"got {len(values)} values and {len(said)} forecasts"
        )
    ends = [len(values) - shift for shift in range(most + 1)]
    errors = [said - values[end - len(said) : end] for end in ends]
    return np.sqrt(np.square(errors).mean(axis=1))


def plot_series_errors(
    frame: pd.DataFrame, names: Sequence[str], ax: Axes | None = None
) -> Axes:
    """Draw the errors one step ahead, relative to that of persistence.

    Args:
        frame: A table of errors, as from
            `memnets.records.series.recorded_errors`.
        names: The names of the series, from above.
        ax: The axes. Default: `None`.
    """
    _check_table(frame, ("series", "forecaster", "steps", "rmse"))
    ax, ink = _axes(ax), plt.rcParams["text.color"]
    size = plt.rcParams["lines.markersize"]
    one = frame[frame["steps"] == 1]
    for row, name in enumerate(names):
        own = one[one["series"] == name]
        errors = own.groupby("forecaster")["rmse"].apply(np.array)
        last = errors["persistence"][0]
        for forecaster, (label, color, marker) in MARKS.items():
            if forecaster not in errors.index:
                continue
            ratios = errors[forecaster] / last
            # Networks stand a little lower, so that nothing is hidden.
            place = -row - 0.2 * (forecaster == NETWORK)
            shown = {"color": color, "label": "" if row else label}
            shown |= {"markersize": size * (0.8 if len(ratios) > 1 else 1.2)}
            ax.plot(ratios, np.full(len(ratios), place), marker, **shown)
    ax.axvline(1, color=ink, ls="--", lw=0.5 * size / 3)
    ax.set(xlim=(0, 1.45), ylim=(0.4 - len(names), 0.6))
    ax.set_xlabel("error one step ahead; 1 = repeat the last value")
    annotations.name_rows(ax, tuple(names))
    return ax


def plot_river(
    times: np.ndarray,
    rain: np.ndarray,
    level: np.ndarray,
    forecasts: Mapping[str, np.ndarray],
    axes: tuple[Axes, Axes] | None = None,
) -> tuple[Axes, Axes]:
    """Draw rain above, and below it level and forecasts.

    Args:
        times: Array of shape `(time,)`, hours.
        rain: Array of the same shape, mm an hour.
        level: Array of the same shape, metres.
        forecasts: As in `plot_forecasts`.
        axes: Two axes. Default: `None`, those of a new figure.
    """
    if axes is None:
        options = {"sharex": True, "height_ratios": (1, 3)}
        axes = plt.subplots(2, 1, layout="constrained", **options)[1]
    above, below = axes
    above.bar(times, rain, 1.0, color="C0")
    # Rain falls from above, as hydrologists draw it.
    above.set(ylabel="rain\nin mm/h", ylim=(max(5, rain.max()), 0))
    above.tick_params(labelbottom=False)
    plot_forecasts(times, level, forecasts, below)
    below.set(xlabel="hour", ylabel="level in m")
    return above, below


def plot_rows_read(frame: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw the share of correct digits over the number of rows read.

    Args:
        frame: A table, as from `memnets.records.series.recorded_digits`.
        ax: The axes. Default: `None`.
    """
    _check_table(frame, ("model", "rows", "correct"))
    ax = _axes(ax)
    styles = dict(
        zip(frame["model"].unique(), (("C0", "D"), ("C2", "s"), ("C1", "o")))
    )
    for name, own in frame.groupby("model", sort=False):
        color, marker = styles[name]
        grouped = own.groupby("rows")["correct"]
        rows, middle = grouped.median().index, grouped.median()
        low, high = grouped.min(), grouped.max()
        ends = middle - low, high - middle
        # A single mark stands beside those of others.
        rows = rows + 0.2 * (len(rows) == 1)
        ax.errorbar(
            rows, middle, ends, fmt=f"{marker}-", color=color, label=name
        )
    ax.set(xlabel="rows read", ylabel="share of correct digits", ylim=(0, 1))
    ax.set_xlim(0.7, 8.3)
    annotations.integer_ticks(ax.xaxis)
    return ax


def _axes(ax: Axes | None) -> Axes:
    return plt.subplots(layout="constrained")[1] if ax is None else ax


def _check(series: Series) -> None:
    if not isinstance(series, Series):
        raise TypeError(
            f"series must be a Series, as from load_series, got "
            f"{type(series).__name__}"
        )


def _check_table(frame: pd.DataFrame, columns: Sequence[str]) -> None:
    """Refuse what is no table with some columns."""
    if not isinstance(frame, pd.DataFrame):
        raise TypeError(
            f"frame must be a pandas DataFrame, got {type(frame).__name__}"
        )
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        raise ValueError(
            f"frame must have the columns {', '.join(columns)}, but "
            f"{', '.join(missing)} is missing"
        )
