"""All forecasters on all series, over seeds: the tables in `data/results/`."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from memnets.records.series import Series, load_series
from memnets.series import rivals
from memnets.series.network import Forecaster, LinearForecaster
from memnets.series.walk import Walk, walk_forward
from memnets.tasks.synthetic import River, random_walk

# The network of each series: of `CHOICES`, the one with the least mean error on
# the last fifth of the training part, as `choose` finds it. The test part, the
# last fifth of all, plays no role in this.
PLANS: dict[str, Forecaster] = {
    "sunspots": Forecaster(22, 1, (), units=4, episodes=3000),
    "nile": Forecaster(15, 1, (), units=16, episodes=100),
    "co2": Forecaster(12, 1, (1,), units=16, episodes=1000),
    "elnino": Forecaster(36, 1, (), units=16, episodes=1000),
}
# Differences, windows, units and episodes to choose from.
CHOICES: dict[str, tuple[tuple, ...]] = {
    "sunspots": (((), (1,)), (11, 22, 33)),
    "nile": (((), (1,)), (5, 10, 15)),
    "co2": (((1,), (12,), (12, 1)), (12, 24, 36)),
    "elnino": (((), (1,), (12,)), (12, 24, 36)),
}
UNITS, EPISODES, TRIALS = (4, 16), (30, 100, 300, 1000, 3000), range(100, 104)
# How many steps the forecasts of several steps reach.
HORIZONS = {"sunspots": 12, "nile": 5, "co2": 12, "elnino": 12}
NETWORK, ENSEMBLE = "LSTM", "mean of LSTMs"
# Of the random walk: its length, and that of the training part.
WALKED, WALKED_IN_TRAINING = 500, 400
WALK_PLANS = {
    f"{NETWORK}, of values": Forecaster(12, 1, (), episodes=1000),
    f"{NETWORK}, of differences": Forecaster(12, 1, (1,), episodes=300),
}
# Of the synthetic river: hours in all and in training, and how far ahead.
RIVER = River()
HOURS, TRAINED, AHEAD = 6000, 4500, 6
RIVER_PLAN = Forecaster(36, AHEAD, (1,), units=16, episodes=3000)
# Around the highest level of the test part, whose forecasts are kept.
AROUND = 60
Row = dict[str, object]


def rivals_of(series: Series, steps: int = 1) -> dict[str, Any]:
    """Return the simple and classical forecasters for a series.

    Args:
        series: The `Series`.
        steps: Positive integer, how many steps ahead. Default: 1.

    Returns:
        Dictionary from their names to them.
    """
    rising = series.name == "co2"
    found = {
        "training mean": rivals.Mean(steps),
        "persistence": rivals.Persistence(steps),
    }
    if series.season > 1:
        season = series.season
        found["seasonal naive"] = rivals.SeasonalNaive(season, steps, rising)
    trend = "ct" if rising else "c"
    found["AR"] = rivals.Autoregression(steps, trend=trend)
    # Only a calendar fixes a season; the sun's period varies.
    season = series.season if series.season == 12 else 1
    name = "exponential smoothing"
    return found | {name: rivals.Smoothing(steps, season, rising)}


def study(
    name: str, seeds: Sequence[int] = range(10)
) -> tuple[list[Row], list[Row]]:
    """Test all forecasters on a series, one step ahead and several.

    Args:
        name: String, the name of the series.
        seeds: The seeds of the networks. Default: 0 to 9.

    Returns:
        The rows of `memnets.records.series.ERRORS` and of `FORECASTS`: all
        forecasts of one step, and those of several steps from the beginning
        of the test part.

    Raises:
        ValueError: If there is no such series.
    """
    series = load_series(name)
    errors: list[Row] = []
    forecasts: list[Row] = []
    for steps in (1, HORIZONS[series.name]):
        for forecaster, seed, walk in walks(series, steps, seeds):
            where: Row = {"series": name, "forecaster": forecaster}
            where["seed"] = "" if seed is None else seed
            errors += _errors(where, walk)
            forecasts += _forecasts(where, walk)
    return errors, forecasts


def walks(
    series: Series, steps: int, seeds: Sequence[int]
) -> Iterator[tuple[str, int | None, Walk]]:
    """Walk through the test part with every forecaster.

    Args:
        series: The `Series`.
        steps: Positive integer, how many steps ahead.
        seeds: The seeds of the networks.

    Yields:
        The forecaster's name, its seed or `None`, and its `Walk`. The last is
        the mean forecast of all networks.
    """
    test = series.values, series.split
    for name, rival in rivals_of(series, steps).items():
        yield name, None, walk_forward(rival, *test)
    plan = dataclasses.replace(PLANS[series.name], steps=steps)
    said = []
    for seed in seeds:
        walk = walk_forward(dataclasses.replace(plan, seed=seed), *test)
        said.append(walk.forecasts)
        yield NETWORK, seed, walk
    mean = np.mean(said, axis=0)
    yield ENSEMBLE, None, dataclasses.replace(walk, forecasts=mean)


def choose(name: str) -> list[tuple[float, Forecaster]]:
    """Compare networks on the last fifth of a training part.

    It takes some minutes.

    Args:
        name: String, the name of a series.

    Returns:
        Mean errors one step ahead over four seeds, and the networks, the best
        first.
    """
    series, found = load_series(name), []
    train = series.values[: series.split]
    grid = itertools.product(*CHOICES[name], UNITS, EPISODES)
    for differences, window, units, episodes in grid:
        plan = Forecaster(
            window, 1, differences, units=units, episodes=episodes
        )
        errors = [
            walk_forward(
                dataclasses.replace(plan, seed=seed), train, 4 * len(train) // 5
            ).rmse[0]
            for seed in TRIALS
        ]
        found.append((float(np.mean(errors)), plan))
    return sorted(found, key=lambda pair: pair[0])


def study_river(
    seeds: Sequence[int] = range(10),
) -> tuple[list[Row], list[Row]]:
    """Forecast the level of a synthetic river, with the rain and without.

    Args:
        seeds: The seeds of the networks. Default: 0 to 9.

    Returns:
        Rows as in `study`. The forecasts that are kept are those of the last
        step and the first seed, around the highest level.
    """
    rain, level = RIVER.sample(HOURS, np.random.default_rng(0))
    linear = LinearForecaster(RIVER_PLAN.window, AHEAD)
    jobs = [("persistence", "", rivals.Persistence(AHEAD), None)]
    for name, plan, own in (
        ("linear regression", linear, [""]),
        (NETWORK, RIVER_PLAN, seeds),
    ):
        for ending, read in (("", None), (" with rain", rain[:, None])):
            for seed in own:
                job = dataclasses.replace(plan, seed=seed or 0)
                jobs.append((name + ending, seed, job, read))
    peak = TRAINED + int(level[TRAINED:].argmax())
    errors: list[Row] = []
    forecasts: list[Row] = []
    for name, drawn, forecaster, read in jobs:
        walk = walk_forward(forecaster, level, TRAINED, read)
        where: Row = {"series": "river", "forecaster": name, "seed": drawn}
        errors += _errors(where, walk)
        near = np.abs(walk.origins + AHEAD - 1 - peak) <= AROUND
        if drawn in ("", seeds[0]):
            for n, said in zip(walk.origins[near], walk.forecasts[near]):
                at = {**where, "steps": AHEAD, "origin": int(n), "step": AHEAD}
                forecasts.append({**at, "forecast": f"{said[-1]:.6g}"})
    return errors, forecasts


def study_walk(
    seeds: Sequence[int] = range(10),
) -> tuple[list[Row], list[Row]]:
    """Forecast a random walk, of which nothing can be forecast.

    Args:
        seeds: The seeds of the networks. Default: 0 to 9.

    Returns:
        Rows as in `study`.
    """
    values = random_walk(WALKED, np.random.default_rng(0))
    jobs: list[tuple] = [("persistence", "", rivals.Persistence())]
    for name, plan in WALK_PLANS.items():
        for seed in seeds:
            jobs.append((name, seed, dataclasses.replace(plan, seed=seed)))
    errors: list[Row] = []
    forecasts: list[Row] = []
    for name, drawn, forecaster in jobs:
        walk = walk_forward(forecaster, values, WALKED_IN_TRAINING)
        where: Row = {"series": "random-walk", "forecaster": name}
        where["seed"] = drawn
        errors += _errors(where, walk)
        forecasts += _forecasts(where, walk)
    return errors, forecasts


def _errors(where: Row, walk: Walk) -> list[Row]:
    steps = walk.forecasts.shape[1]
    return [
        {
            **where,
            "steps": steps,
            "step": step,
            "origins": len(walk.origins),
            "rmse": f"{error:.6g}",
        }
        for step, error in enumerate(walk.rmse, start=1)
    ]


def _forecasts(where: Row, walk: Walk) -> list[Row]:
    """Return the forecasts to keep: all of one step, or one of several."""
    steps = walk.forecasts.shape[1]
    kept = walk.forecasts if steps == 1 else walk.forecasts[:1]
    return [
        {
            **where,
            "steps": steps,
            "origin": int(origin),
            "step": step,
            "forecast": f"{value:.6g}",
        }
        for origin, said in zip(walk.origins, kept)
        for step, value in enumerate(said, start=1)
    ]
