"""Series: read, prepared and inverted, forecast without a look ahead."""

import re
import sys

import hypothesis.extra.numpy as arrays
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memnets import Forecaster, Preparation, River, load_series, walk_forward
from memnets.__main__ import main
from memnets.plots import series as plots
from memnets.records import data
from memnets.records import series as records
from memnets.records.series import (
    SERIES,
    interval,
    recorded_errors,
    recorded_forecasts,
)
from memnets.series import rivals, study
from memnets.series.network import LinearForecaster
from memnets.series.preparation import needs
from memnets.series.walk import rmse
from memnets.tasks.synthetic import random_walk

pytestmark = pytest.mark.versions
pytest.importorskip("sklearn")
pytest.importorskip("statsmodels")
SMALL = Forecaster(8, 2, units=3, episodes=5)
LENGTHS = {"sunspots": 309, "nile": 100, "co2": 526, "elnino": 732}


@pytest.mark.parametrize("name", SERIES)
def test_a_series_is_the_one_of_its_origin(name):
    import statsmodels.api

    series = load_series(name)
    assert len(series) == len(series.times) == LENGTHS[name]
    assert np.isfinite(series.values).all() and series.split < len(series)
    assert np.all(np.diff(series.times) > 0)
    bundled = getattr(statsmodels.api.datasets, name)
    assert "public domain" in bundled.COPYRIGHT
    frame = bundled.load_pandas().data
    if name == "co2":
        wanted = frame["co2"].resample("MS").mean().to_numpy()
    elif name == "elnino":
        wanted = frame.iloc[:, 1:].to_numpy().ravel()
    else:
        wanted = frame.iloc[:, -1].to_numpy(float)
    measured = np.setdiff1d(np.arange(len(series)), series.filled)
    np.testing.assert_allclose(series.values[measured], wanted[measured])
    assert np.isnan(wanted[series.filled]).all()


def test_gaps_are_filled_in_the_training_part_only():
    weekly = pd.read_csv(data.folder() / "series" / "co2.csv")["co2"]
    assert len(weekly) == 2284 and weekly.isna().sum() == 59
    series = load_series("co2")
    assert len(series.filled) == 5
    assert series.times[series.filled].max() < 1964.4
    assert series.filled.max() < series.split
    # On a straight line, between the neighbours.
    for k in series.filled[:2]:
        middle = (series.values[k - 1] + series.values[k + 1]) / 2
        assert series.values[k] == pytest.approx(middle)
    for name in set(SERIES) - {"co2"}:
        assert not len(load_series(name).filled)


LAGS = st.lists(st.integers(1, 12), max_size=3).map(tuple)
VALUES = arrays.arrays(
    float,
    st.integers(45, 60),
    elements=st.floats(-1e6, 1e6, width=32),
    unique=True,
)


@settings(max_examples=40)
@given(VALUES, LAGS)
def test_all_transforms_are_inverted(values, lags):
    if np.ptp(Preparation(lags)._difference(values[:42])) == 0:
        return
    fitted = Preparation(lags).fit(values[:42])
    lost, scaled = fitted.lost, fitted.transform(values)
    assert scaled.shape == (len(values) - lost,)
    back = fitted.inverse_transform(scaled, values[:lost])[0]
    # Rounding grows with the largest number and with each summation.
    size = np.abs(values).max() * len(values) ** len(lags)
    np.testing.assert_allclose(back, values[lost:], atol=1e-12 * size)


@settings(max_examples=40)
@given(VALUES, LAGS)
def test_the_scale_is_that_of_the_training_part(values, lags):
    train, later = values[:42], values[42:]
    if np.ptp(Preparation(lags)._difference(train)) == 0:
        return
    scaled = Preparation(lags).fit(train).transform(train)
    assert scaled.min() == pytest.approx(-1)
    assert scaled.max() == pytest.approx(1)
    # Nothing is clipped: what lies outside stays outside.
    far = np.concatenate([train, later + 1e8])
    assert np.abs(Preparation(lags).fit(train).transform(far)).max() > 1


def test_several_sequences_are_inverted_at_once():
    values = load_series("co2").values
    fitted = Preparation((12, 1)).fit(values[:400])
    origins = np.array([410, 450, 500])
    scaled = fitted.transform(values)
    ahead = np.array([scaled[n - 13 : n - 8] for n in origins])
    before = np.array([values[n - 13 : n] for n in origins])
    back = fitted.inverse_transform(ahead, before)
    wanted = np.array([values[n : n + 5] for n in origins])
    np.testing.assert_allclose(back, wanted)


SUNSPOTS = load_series("sunspots").values[100:180]
FORECASTERS = {
    "network": SMALL,
    "network of values": Forecaster(8, 2, (), units=3, episodes=5),
    "linear": LinearForecaster(8, 2),
    "mean": rivals.Mean(2),
    "persistence": rivals.Persistence(2),
    "seasonal naive": rivals.SeasonalNaive(11, 2),
    "seasonal drift": rivals.SeasonalNaive(11, 2, drift=True),
    "AR": rivals.Autoregression(2, longest=3),
    "smoothing": rivals.Smoothing(2),
}


@pytest.mark.parametrize("name", FORECASTERS)
def test_no_forecast_moves_when_a_later_value_moves(name):
    forecaster, split = FORECASTERS[name], 64
    whole = walk_forward(forecaster, SUNSPOTS, split)
    fitted = forecaster.fit(SUNSPOTS[:split])
    for moved in range(split, len(SUNSPOTS)):
        other = SUNSPOTS.copy()
        other[moved] += 1000.0
        said = fitted.forecast(other, whole.origins)
        earlier = whole.origins <= moved
        np.testing.assert_array_equal(said[earlier], whole.forecasts[earlier])
        # The next one that knows it does move, unless nothing moves it.
        after = whole.origins == moved + 1
        if after.any() and name not in ("mean", "seasonal naive"):
            assert np.all(said[after] != whole.forecasts[after])


@pytest.mark.parametrize("name", ["network", "linear", "AR"])
def test_no_later_value_moves_what_is_fitted(name):
    other = SUNSPOTS.copy()
    other[64:] *= -7
    one, two = (
        walk_forward(FORECASTERS[name], values, 64).forecasts[0]
        for values in (SUNSPOTS, other)
    )
    np.testing.assert_array_equal(one, two)


def test_a_forecast_reads_no_further_back_than_its_window():
    fitted = SMALL.fit(SUNSPOTS[:64])
    other = SUNSPOTS.copy()
    other[: 70 - SMALL.reach] = 0
    one, two = (fitted.forecast(v, [70]) for v in (SUNSPOTS, other))
    np.testing.assert_array_equal(one, two)
    other[70 - SMALL.reach] += 50
    assert np.all(fitted.forecast(other, [70]) != one)


def test_one_seed_gives_one_network():
    one, two, three = (
        Forecaster(8, 2, units=3, episodes=5, seed=seed)
        .fit(SUNSPOTS[:64])
        .forecast(SUNSPOTS)
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, two)
    assert np.all(one != three)


def test_a_network_learns_what_persistence_cannot_know():
    values = np.sin(0.7 * np.arange(200.0))
    plan = Forecaster(8, 3, units=8, episodes=300)
    said, last = (
        walk_forward(forecaster, values, 160).rmse
        for forecaster in (plan, rivals.Persistence(3))
    )
    assert np.all(said < 0.1 * last)
    linear = walk_forward(LinearForecaster(8, 3), values, 160).rmse
    np.testing.assert_allclose(linear, 0, atol=1e-5)


def test_naive_forecasts_are_what_they_say():
    values = np.arange(40.0) + np.tile([0.0, 5.0, 1.0, 2.0], 10)
    drift = walk_forward(rivals.SeasonalNaive(4, 9, True), values, 20)
    np.testing.assert_allclose(drift.forecasts, drift.targets)
    plain = walk_forward(rivals.SeasonalNaive(4, 9), values, 20)
    short = drift.targets - plain.forecasts
    np.testing.assert_allclose(short[0], [4, 4, 4, 4, 8, 8, 8, 8, 12])


def test_statsmodels_forecasts_are_those_of_its_coefficients():
    walk = walk_forward(rivals.Autoregression(1, longest=2), SUNSPOTS, 60)
    fitted = rivals.Autoregression(1, longest=2).fit(SUNSPOTS[:60]).fitted
    constant, *weights = fitted.params
    for n, said in zip(walk.origins, walk.forecasts[:, 0]):
        past = SUNSPOTS[n - len(weights) : n][::-1]
        assert said == pytest.approx(constant + past @ np.array(weights))


# The synthetic river.


def test_rain_raises_the_river_later_and_never_before():
    river = River(noise=0.0)
    rain = np.zeros(400)
    dry = river._level(rain)
    rain[100:106] = 10.0
    wet = river._level(rain) - dry
    np.testing.assert_array_equal(wet[:100], 0)
    assert wet.max() > 0.1 and 106 < wet.argmax() < 140
    # Wet soil makes the second storm a higher flood than the first.
    rain[180:186] = 10.0
    second = river._level(rain) - dry
    assert second[180:].max() > 1.3 * wet.max()


def test_rain_is_read_up_to_the_origin_and_no_further():
    rain, level = River().sample(300, np.random.default_rng(1))
    rain = rain[:, None] + np.random.default_rng(2).random((300, 1))
    fitted = Forecaster(24, 3, units=3, episodes=5).fit(level, rain)
    before = fitted.forecast(level, [200], rain)
    later, earlier = rain.copy(), rain.copy()
    later[200:] += 30
    earlier[199] += 30
    np.testing.assert_array_equal(fitted.forecast(level, [200], later), before)
    assert np.all(fitted.forecast(level, [200], earlier) != before)


def test_synthetic_series_come_from_their_generator():
    one, two = (River().sample(50, np.random.default_rng(s)) for s in (3, 3))
    np.testing.assert_array_equal(one, two)
    assert one[0].min() >= 0 and one[1].min() > 0
    assert random_walk(5, np.random.default_rng(0)).shape == (5,)


# What is refused.

GAPS = [1.0, 2.0, np.nan, 4.0, np.inf, 6.0] * 10
TINY, SOME = Forecaster(3, 2, episodes=1), np.sin(np.arange(30.0))
FITTED = Preparation().fit(SOME)
REFUSED = {
    "a gap": (
        lambda: TINY.fit(GAPS),
        ValueError,
        "train must have no gaps, but 20 of 60 values are missing or infinite, "
        "the first at index 2; fill them first",
    ),
    "a gap later": (
        lambda: walk_forward(TINY, [*SOME, np.nan], 20),
        ValueError,
        "values must have no gaps, but 1 of 31",
    ),
    "a constant": (
        lambda: TINY.fit(np.full(50, 7.0)),
        ValueError,
        "train must not be constant, but all 50 values are 7.0",
    ),
    "a line": (
        lambda: TINY.fit(np.arange(50.0)),
        ValueError,
        "train must vary after differencing at the lags",
    ),
    "words": (
        lambda: TINY.fit(["a", "b"] * 20),
        TypeError,
        "train must be numbers, got the type <U1",
    ),
    "a table": (
        lambda: TINY.fit(np.zeros((20, 2))),
        ValueError,
        r"train must be one series of shape \(time,\), got the shape \(20, 2\)",
    ),
    "too short": (
        lambda: Forecaster(24).fit(np.sin(np.arange(20.0))),
        ValueError,
        "train must have at least 27 values, got 20",
    ),
    "a horizon past the data": (
        lambda: walk_forward(Forecaster(3, 12, episodes=1), SOME, 25),
        ValueError,
        "split must leave 12 values or more to forecast, but after 25 of 30 "
        "values 5 are left",
    ),
    "an origin past the data": (
        lambda: rivals.Persistence().fit(SOME).forecast(SOME, [31]),
        ValueError,
        "origins must be at most 30, the values there are, got 31",
    ),
    "an origin within the training part": (
        lambda: rivals.Smoothing().fit(SOME[:20]).forecast(SOME, [10]),
        ValueError,
        "origins must be at least 20, got 10",
    ),
    "falling origins": (
        lambda: rivals.Smoothing().fit(SOME[:20]).forecast(SOME, [25, 22]),
        ValueError,
        "origins must rise, got 22 after 25",
    ),
    "inverted before fitted": (
        lambda: Preparation().inverse_transform([0.5], [1.0]),
        ValueError,
        "inverse_transform needs the scale of a training part",
    ),
    "transformed before fitted": (
        lambda: Preparation().transform(SOME),
        ValueError,
        "transform needs the scale of a training part",
    ),
    "too few values before": (
        lambda: FITTED.inverse_transform([[0.5]], []),
        ValueError,
        "before must be the 1 values before each sequence",
    ),
    "no lag": (
        lambda: Preparation((0,)),
        ValueError,
        "differences must be at least 1, got 0",
    ),
    "one number": (
        lambda: Preparation(12),
        TypeError,
        r"differences must be a tuple of lags, such as \(1,\), got 12",
    ),
    "a name": (
        lambda: load_series("gold"),
        ValueError,
        "name must be one of sunspots, nile, co2, elnino, got 'gold'",
    ),
    "a cell": (
        lambda: Forecaster(cell="brain"),
        ValueError,
        "cell must be one of lstm, gru, simple_rnn, elman, got 'brain'",
    ),
    "a learning rate": (
        lambda: Forecaster(learning_rate=0),
        ValueError,
        "learning_rate must be a positive finite number, got 0",
    ),
    "rain of another length": (
        lambda: TINY.fit(SOME, np.zeros((29, 1))),
        ValueError,
        r"covariates must be of shape \(30, channel\), as long as train",
    ),
    "a constant covariate": (
        lambda: TINY.fit(SOME, np.zeros((30, 1))),
        ValueError,
        "must not be constant",
    ),
    "rain that was not trained with": (
        lambda: TINY.fit(SOME).forecast(SOME, None, np.ones((30, 1))),
        ValueError,
        "covariates must have 0 channels, as in the training, got 1",
    ),
    "noise": (
        lambda: River(noise=-1.0),
        ValueError,
        "noise must be at least 0, got -1.0",
    ),
    "no values before the forecasts": (
        lambda: plots.shifted_errors(SOME, SOME),
        ValueError,
        "values must begin 4 steps or more before the forecasts",
    ),
    "forecasts of other times": (
        lambda: plots.plot_forecasts(SOME, SOME, {"a": SOME[1:]}),
        ValueError,
        "forecasts must have 30 times, as the values, got 29 of 'a'",
    ),
    "no table": (
        lambda: plots.plot_series_errors(pd.DataFrame(), ["nile"]),
        ValueError,
        "frame must have the columns series, forecaster",
    ),
    "no series": (
        lambda: plots.plot_series(SOME),
        TypeError,
        "series must be a Series, as from load_series, got ndarray",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_is_refused_in_one_line(case):
    act, kind, message = REFUSED[case]
    with pytest.raises(kind, match=message) as caught:
        act()
    assert "\n" not in str(caught.value)
    plt.close("all")


@pytest.mark.parametrize("package", ["sklearn", "statsmodels"])
def test_a_missing_package_is_named(package, monkeypatch, capsys):
    for name in [n for n in sys.modules if n.split(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ModuleNotFoundError, match=r"memnets\[series\]"):
        needs(f"{package}.any", "it")
    assert main(["series", "nile", "--seeds", "1"]) == 2
    said = capsys.readouterr().err
    assert "memnets[series]" in said and said.count("\n") == 1


# The tables, and what is said of them.


def test_the_table_is_whole():
    frame = recorded_errors()
    for name, length in LENGTHS.items():
        own = frame[frame["series"] == name]
        series, steps = load_series(name), (1, study.HORIZONS[name])
        assert tuple(own["steps"].unique()) == steps
        for count in steps:
            part = own[own["steps"] == count]
            names = [*study.rivals_of(series), study.NETWORK, study.ENSEMBLE]
            assert list(part["forecaster"].unique()) == names
            seeds = part[part["forecaster"] == study.NETWORK]["seed"]
            assert sorted(seeds.unique()) == list(range(10))
            assert set(part["step"]) == set(range(1, count + 1))
            assert set(part["origins"]) == {length - series.split - count + 1}


def test_the_errors_are_those_of_the_recorded_forecasts():
    errors = recorded_errors()
    said = recorded_forecasts()
    one = said[(said["steps"] == 1) & said["series"].isin(list(SERIES))]
    keys = ["series", "forecaster", "seed"]
    checked = 0
    for key, own in one.groupby(keys, dropna=False):
        values = load_series(key[0]).values[own["origin"].to_numpy()]
        table = errors[(errors["steps"] == 1) & (errors["series"] == key[0])]
        table = table[table["forecaster"] == key[1]]
        if not pd.isna(key[2]):
            table = table[table["seed"] == key[2]]
        found = rmse(own["forecast"].to_numpy(), values)
        assert table["rmse"].item() == pytest.approx(found, rel=1e-3)
        checked += 1
    assert checked == 4 * (5 + 10 + 1) - 1  # the Nile has no season


def test_the_table_comes_back():
    """The network bit for bit, a model of statsmodels nearly so."""
    series = load_series("nile")
    frame = recorded_errors()
    own = frame[(frame["series"] == "nile") & (frame["steps"] == 1)]
    again = walk_forward(study.PLANS["nile"], series.values, series.split)
    first = own[own["forecaster"] == study.NETWORK]["rmse"].iloc[0]
    assert f"{again.rmse[0]:.6g}" == f"{first:.6g}"
    line = study.rivals_of(series)["AR"]
    again = walk_forward(line, series.values, series.split).rmse[0]
    first = own[own["forecaster"] == "AR"]["rmse"].item()
    assert again == pytest.approx(first, rel=1e-3)


def test_the_synthetic_series_of_the_pictures_are_those_of_the_study():
    from memnets.figures import series as figures

    assert (figures.WALK, figures.RIVER) == (study.WALKED, study.HOURS)
    assert study.RIVER == River()


def test_the_choice_is_the_best_on_the_last_fifth_of_the_training_part(
    monkeypatch,
):
    monkeypatch.setitem(study.CHOICES, "nile", (((), (1,)), (5,)))
    monkeypatch.setattr(study, "UNITS", (2,))
    monkeypatch.setattr(study, "EPISODES", (3, 30))
    monkeypatch.setattr(study, "TRIALS", (100,))
    found = study.choose("nile")
    assert len(found) == 4
    assert [error for error, _ in found] == sorted(e for e, _ in found)
    values = load_series("nile").values[:80]
    error, plan = found[0]
    plan = Forecaster(**{**vars(plan), "seed": 100})
    assert walk_forward(plan, values, 64).rmse[0] == pytest.approx(error)


def test_an_interval_covers_the_mean_as_often_as_it_says():
    rng = np.random.default_rng(0)
    drawn = [interval(rng.normal(3, 2, 5)) for _ in range(400)]
    covered = np.mean([low <= 3 <= high for _, low, high in drawn])
    assert 0.92 < covered < 0.98
    assert interval([2.0]) == (2.0, 2.0, 2.0)


def test_the_command_replaces_its_own_rows_only(tmp_path, capsys):
    words = ["series", "random-walk", "--seeds", "1", "--out", str(tmp_path)]
    assert main(words) == 0
    assert "persistence" in capsys.readouterr().out
    path = tmp_path / "series.csv"
    before = path.read_text().splitlines()
    assert len(before) == 4
    other = before[1].replace("random-walk", "other")
    path.write_text("\n".join([before[0], other, *before[1:], ""]))
    assert main(words) == 0
    assert path.read_text().splitlines() == [before[0], other, *before[1:]]
    frame = records.results(path, records.ERRORS)
    whole = recorded_errors()
    whole = whole[whole["series"] == "random-walk"]
    mine = frame[frame["series"] == "random-walk"]
    kept = whole[whole["seed"].isna() | (whole["seed"] == 0)]
    np.testing.assert_allclose(mine["rmse"], kept["rmse"], rtol=1e-4)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("gold", "names must be out of sunspots, nile"),
        ("nile --seeds 0", "--seeds must be at least 1, got 0"),
        (
            "nile --out nowhere",
            "--out must be a folder that exists, got nowhere",
        ),
    ],
)
def test_the_command_refuses_bad_input(
    words, message, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    assert main(["series", *words.split()]) == 2
    said = capsys.readouterr().err
    assert message in said and said.count("\n") == 1
    assert not list(tmp_path.iterdir())


# The page docs/series.md.

PAGE = (data.folder().parent / "docs" / "series.md").read_text("utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def test_the_page_answers_in_ten_lines_that_run(capsys):
    first, *others = BLOCKS
    assert len([line for line in first.splitlines() if line]) == 10
    space = {}
    exec(first, space)
    said = re.findall(r"[\d.]+", capsys.readouterr().out)
    network, last, between = (f"{float(number):.2f}" for number in said)
    line = f"misses the next value by {network} and the last value does so by"
    text = " ".join(PAGE.split())
    assert f"{line} {last}" in text
    assert f"is only {between} from the last value" in text
    # What the page says: an echo, and no better than the last value.
    assert float(between) < 0.5 * float(network)
    assert float(network) >= float(last)
    for block in others:
        exec(block, space)
    assert space["ahead"].shape == (10, 12)
    # The next months of a rising series with a season.
    after = space["values"][-12:] + 1.5
    assert np.abs(space["middle"] - after).max() < 3
    plt.close("all")


def test_a_network_echoes_a_random_walk_and_not_the_sunspots():
    frame = recorded_forecasts()
    walk = random_walk(study.WALKED, np.random.default_rng(0))
    echoes = {"random-walk": (walk, "LSTM, of values")}
    echoes["sunspots"] = (load_series("sunspots").values, study.NETWORK)
    fits = {}
    for name, (values, forecaster) in echoes.items():
        own = frame[(frame["series"] == name) & (frame["steps"] == 1)]
        own = own[own["forecaster"] == forecaster]
        fits[name] = [
            plots.shifted_errors(values, seed["forecast"].to_numpy()).argmin()
            for _, seed in own.groupby("seed")
        ]
    assert fits == {"random-walk": [1] * 10, "sunspots": [0] * 10}
    errors = recorded_errors()
    own = errors[errors["series"] == "random-walk"].groupby("forecaster")
    last = own["rmse"].min()["persistence"]
    assert np.all(own["rmse"].min() > 0.99 * last)


def stated(own):
    """Return an entry of the page's tables."""
    mean, low, high = interval(own["rmse"])
    alone = f"{mean:.4g}"
    return alone if len(own) == 1 else f"{alone} ({low:.4g} to {high:.4g})"


def test_the_page_states_what_the_tables_hold():
    errors = recorded_errors()
    one = errors[errors["steps"] == 1]
    for name in ("training mean", *plots.MARKS, study.ENSEMBLE, "persistence"):
        row = [name]
        for series in SERIES:
            own = one[one["series"] == series]
            own = own[own["forecaster"] == name]
            row.append(stated(own) if len(own) else "none")
        assert f"| {' | '.join(row)} |" in PAGE
    river = errors[(errors["series"] == "river") & (errors["step"] == 6)]
    for name, own in river.groupby("forecaster"):
        assert f"| {name} | {stated(own)} |" in PAGE
    frame = records.recorded_digits()
    share = 100 * frame[frame["rows"] == 8].groupby("model")["correct"].mean()
    for model, words in (
        ("logistic regression", "% of the test right"),
        ("LSTM, asked at the end", "% ("),
        ("LSTM, after every row", "% if it must answer"),
    ):
        assert f"{share[model]:.1f} {words}" in " ".join(PAGE.split())


def test_the_page_says_who_beats_whom():
    errors = recorded_errors()
    better, ahead = {}, []
    for name in SERIES:
        own = errors[errors["series"] == name]
        one = own[own["steps"] == 1].groupby("forecaster")["rmse"]
        network, others = one.get_group(study.NETWORK), one.min()
        better[name] = int((network < others["AR"]).sum())
        simple = others.drop(["AR", "exponential smoothing"])
        simple = simple.drop([study.NETWORK, study.ENSEMBLE, "training mean"])
        assert network.max() < simple.min(), name
        last = own[(own["steps"] > 1) & (own["step"] == own["steps"])]
        ahead.append(last.groupby("forecaster")["rmse"].mean().idxmin())
    assert better == {"sunspots": 0, "nile": 6, "co2": 0, "elnino": 9}
    assert ahead == ["AR"] * 4
    line = [f"{records.paired_p(name, 'LSTM', 'AR'):.2f}" for name in SERIES]
    assert line == ["0.14", "0.97", "0.48", "0.39"]
    assert "p is 0.14, 0.97, 0.48 and 0.39" in PAGE
    nile = records.paired_p("nile", "LSTM", "persistence")
    assert f"(p = {nile:.2f})" in PAGE
    river = errors[(errors["series"] == "river") & (errors["step"] == 6)]
    river = river.groupby("forecaster")["rmse"]
    rain = river.get_group("LSTM with rain")
    assert rain.max() < river.min()["linear regression with rain"]
    assert rain.max() < 0.3 * river.min()["LSTM"]
    with pytest.raises(ValueError, match="forecasters must be out of AR"):
        records.paired_p("nile", "LSTM", "me")


def test_classical_errors_are_those_measured_elsewhere():
    """Bars measured with other code, on the same split."""
    errors = recorded_errors()
    one = errors[errors["steps"] == 1].groupby(["series", "forecaster"])["rmse"]
    found = one.first()
    for key, bar in {
        ("sunspots", "persistence"): 33.28,
        ("sunspots", "training mean"): 60.73,
        ("sunspots", "AR"): 19.44,
        ("nile", "persistence"): 153.1,
        ("nile", "training mean"): 133.3,
        ("co2", "persistence"): 1.268,
        ("co2", "seasonal naive"): 0.390,
        ("elnino", "persistence"): 1.164,
        ("elnino", "seasonal naive"): 1.438,
    }.items():
        assert found[key] == pytest.approx(bar, rel=1e-3)


# The pictures.


@pytest.mark.usefixtures("settings_stay")
def test_pictures_draw_what_they_are_given():
    figure, axes = plt.subplots(3, 2)
    series = load_series("nile")
    ax = plots.plot_series(series, axes[0, 0])
    assert ax is axes[0, 0]
    test = next(x for x in ax.lines if x.get_label() == "test part")
    np.testing.assert_array_equal(test.get_ydata(), series.values[80:])
    band = np.stack([SOME, SOME + 2, SOME + 1])
    ax = plots.plot_forecasts(SOME, SOME, {"many": band}, axes[0, 1])
    (many,) = (x for x in ax.lines if x.get_label() == "many")
    np.testing.assert_array_equal(many.get_ydata(), SOME + 1)
    assert len(ax.collections) == 1
    # An echo fits the value before exactly.
    values = random_walk(60, np.random.default_rng(1))
    echo = {"echo": (values, values[9:-1])}
    ax = plots.plot_shifts(echo, ax=axes[1, 0])
    (line,) = (x for x in ax.lines if x.get_label() == "echo")
    assert line.get_ydata()[0] == 1 and line.get_ydata()[1] == 0
    ax = plots.plot_series_errors(recorded_errors(), ["nile"], axes[1, 1])
    drawn = {x.get_label(): x.get_xdata() for x in ax.lines}
    assert len(drawn["LSTM, each seed"]) == 10
    above, _ = plots.plot_river(SOME, SOME, SOME, {}, tuple(axes[2]))
    assert above.get_ylim()[1] == 0 and len(above.patches) == len(SOME)
    plt.close(figure)
