"""Layouts of the slide figures of series and of digits, for the catalogue."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from matplotlib.figure import Figure

from memnets.plots import series as plots
from memnets.records import series as records
from memnets.tasks.synthetic import River, random_walk

# Titles of the panels, with units.
TITLES = {
    "sunspots": "sunspots a year",
    "nile": "Nile, 10$^8$ m$^3$ a year",
    "co2": "CO$_2$ in ppm",
    "elnino": "sea surface, \N{DEGREE SIGN}C",
}
# The synthetic series of data/results/series.csv, as they were drawn.
WALK, RIVER = 500, 6000


def data(figure: Figure) -> None:
    """Draw all measured series."""
    axes = figure.subplots(2, 2)
    for ax, (name, title) in zip(axes.flat, TITLES.items()):
        plots.plot_series(records.load_series(name), ax).set_title(title)
    for ax in axes[0]:
        ax.set_xlabel("")
    handles = axes[0, 0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=2)


def errors(figure: Figure) -> None:
    """Draw the error of all forecasters, relative to persistence."""
    frame = records.recorded_errors()
    ax = plots.plot_series_errors(frame, list(TITLES), figure.add_subplot())
    handles = ax.get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=2)


def kept(series: str, forecaster: str, steps: int) -> tuple:
    """Return recorded forecasts.

    Args:
        series: String, the name of the series.
        forecaster: String, the name of the forecaster.
        steps: Integer, how many steps it forecasts.

    Returns:
        The index of the value that each forecast is of, and the forecasts, of
        shape `(seed, time)`.
    """
    frame = records.recorded_forecasts()
    own = frame[
        (frame["series"] == series)
        & (frame["forecaster"] == forecaster)
        & (frame["steps"] == steps)
    ]
    said = [seed["forecast"] for _, seed in own.groupby("seed", dropna=False)]
    one = own[own["seed"].isin(own["seed"].iloc[:1])]
    index = (one["origin"] + one["step"] - 1).to_numpy()
    return index, np.array(said)


def ahead(figure: Figure) -> None:
    """Draw forecasts of several steps, with a band over the seeds."""
    frame = records.recorded_errors()
    axes = figure.subplots(2, 2)
    for ax, (name, title) in zip(axes.flat, TITLES.items()):
        series = records.load_series(name)
        steps = int(frame[frame["series"] == name]["steps"].max())
        index, network = kept(name, "LSTM", steps)
        said = {"LSTM, 10 seeds": network}
        said["linear autoregression"] = kept(name, "AR", steps)[1]
        times = series.times[index]
        plots.plot_forecasts(times, series.values[index], said, ax)
        before = slice(index[0] - 2 * steps, index[0] + 1)
        past = {"color": ax.lines[0].get_color()}
        ax.plot(series.times[before], series.values[before], **past)
        ax.axvline(series.times[index[0] - 1], ls=":", **past)
        ax.set_title(title)
        ax.locator_params(axis="x", nbins=4, integer=True)
    handles = axes[0, 0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=3)


def echo(figure: Figure) -> None:
    """Draw forecasts that echo beside forecasts that do not."""
    walk = random_walk(WALK, np.random.default_rng(0))
    index, said = kept("random-walk", "LSTM, of values", 1)
    sun = records.load_series("sunspots")
    _, sun_said = kept("sunspots", "LSTM", 1)
    (left, right) = figure.subplots(1, 2, width_ratios=(3, 2))
    part = slice(40, 80)
    shown = {"network, one step ahead": said[0, part]}
    times = index[part] + 1
    plots.plot_forecasts(times, walk[index[part]], shown, left)
    left.set(xlabel="time step", ylabel="random walk")
    left.legend(loc="best")
    lines = {"random walk": (walk, said[0])}
    lines["sunspots"] = (sun.values, sun_said[0])
    plots.plot_shifts(lines, 3, right).legend(loc="upper left")
    right.set_xlabel("steps earlier")
    right.set_title("which value fits best?")


def river(figure: Figure) -> None:
    """Draw a flood of the synthetic river and its forecasts."""
    rain, level = River().sample(RIVER, np.random.default_rng(0))
    forecasts = {}
    for name, label in (
        ("LSTM with rain", "6 hours ahead, from level and rain"),
        ("LSTM", "6 hours ahead, from the level alone"),
    ):
        index, said = kept("river", name, 6)
        forecasts[label] = said
    axes = figure.subplots(2, 1, sharex=True, height_ratios=(1, 3))
    plots.plot_river(index, rain[index], level[index], forecasts, tuple(axes))
    # While the river rises to its highest level, in the middle of what is kept.
    peak = index[len(index) // 2]
    axes[1].set_xlim(peak - 40, peak + 6)
    handles = axes[1].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=2)


def digits(figure: Figure) -> None:
    """Draw how many digits are known after each row."""
    frame = records.recorded_digits()
    ax = plots.plot_rows_read(frame, figure.add_subplot())
    ax.legend(loc="lower right")


# Title, recordings and layout of each figure of the catalogue.
DRAWN: dict[str, tuple[str, tuple[str, ...], Callable[..., None]]] = {
    "series_data": (
        "Four measured series: the last fifth is only for the test",
        (),
        data,
    ),
    "series_errors": (
        "Does the LSTM beat a linear forecast? 10 seeds on four series",
        (),
        errors,
    ),
    "series_ahead": (
        "Several steps ahead: the band is the range of 10 seeds",
        (),
        ahead,
    ),
    "series_echo": (
        "An echo looks like a good forecast, one step late",
        (),
        echo,
    ),
    "river_forecast": (
        "A synthetic flood: the rain tells of it before the level does",
        (),
        river,
    ),
    "digits_rows": (
        "A digit read row by row: how soon is it known?",
        (),
        digits,
    ),
}
