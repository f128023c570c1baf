# %% [markdown]
# # 13 · Series: does a network forecast better than a line?
#
# So far every task was made for the memory. Now we forecast what was measured:
# sunspots, the flow of the Nile, CO$_2$, the temperature of the sea. In this
# notebook we
#
# 1. find out why a network echoes the last value,
# 2. prepare a series and invert every step of it,
# 3. compare small LSTMs with simple and classical forecasters,
# 4. forecast a synthetic flood from the rain, and
# 5. read images row by row.
#
# Everything runs from top to bottom in less than a minute. The
# [glossary](../docs/glossary.md) lists all technical terms.

# %% tags=["setup", "hide-input"]
# Run this first: it finds memnets near this notebook, or installs it.
import importlib.util, pathlib, subprocess, sys  # noqa: E401

ADDRESS = ""
here = pathlib.Path.cwd()
places = [here, *here.parents, *sorted(here.glob("*/"))]
found = [p for p in places if (p / "memnets" / "__init__.py").is_file()]
if found:  # a clone, or an unpacked zip
    sys.path.insert(0, str(found[0]))
elif getattr(importlib.util.find_spec("memnets"), "origin", None) is None:
    if not ADDRESS:
        raise ModuleNotFoundError(
            "memnets is not here. Open this notebook from a clone of the "
            "project; or put the project's zip beside it, run `!unzip -q "
            "NAME.zip` in a new cell, and then run this cell again."
        )
    pip = [sys.executable, "-m", "pip", "install", "-q", f"git+{ADDRESS}"]
    subprocess.run(pip, check=True)
    importlib.invalidate_caches()

# %%
from memnets import (
    Forecaster,
    Preparation,
    River,
    RowReader,
    load_series,
    plot_forecasts,
    plot_river,
    plot_rows_read,
    plot_series,
    plot_series_errors,
    plot_shifts,
    walk_forward,
)
from memnets.figures.series import RIVER, TITLES, kept
from memnets.records.series import paired_p, recorded_digits, recorded_errors

# %%
from memnets.series.digits import correct, load_digits
from memnets.series.rivals import Autoregression, Persistence
from memnets.series.study import PLANS
from memnets.series.walk import rmse

# %%
import matplotlib.pyplot as plt
import numpy as np

plt.style.use("memnets.plots.styles.notebook")

# %% [markdown]
# ## What do we forecast?
#
# Four public series come with memnets: [data/README.md](../data/README.md) says
# where they are from. We split each of them by time. The first four fifths are
# the training part. We look at the rest only to test.

# %%
fig, axes = plt.subplots(2, 2, figsize=(8, 4.5))
for ax, name in zip(axes.flat, TITLES):
    plot_series(load_series(name), ax=ax).set_title(TITLES[name])
axes[0, 0].legend(fontsize="small")
plt.show()

# %% [markdown]
# **What to see.** The sunspots come and go in eleven years, but each time in
# another height. The CO$_2$ has a trend and a season. The Nile has neither, but
# after 1898 it carries less water.

# %% [markdown]
# ## Why does my network echo the last value?
#
# This is the question that everybody asks. To answer it, we train an LSTM on a
# series that nobody can forecast: a random walk, each step of which is a new
# draw.

# %%
walk = np.random.default_rng(0).standard_normal(500).cumsum()
plan = Forecaster(window=12, differences=(), episodes=1000)
tested = walk_forward(plan, walk, split=400)
forecast, target = tested.forecasts[:, 0], tested.targets[:, 0]
plot_forecasts(np.arange(440, 480), target[40:80], {"network": forecast[40:80]})
plt.legend()
plt.show()

# %% [markdown]
# **What to see.** At first sight this is a good forecast. But the dashed line
# turns one step too late, each time. It is an echo of the last value.

# %%
last = walk[399:-1]
for name, other in (("network", forecast), ("last value", last)):
    print(f"{name:12} misses the next value by {rmse(other, target):.2f}")
print(f"the network is {rmse(forecast, last):.2f} from the last value")

# %% [markdown]
# The network has not failed. The last value is the best forecast of a random
# walk, and the network has learned this. The picture misleads: any copy of the
# series, one step late, looks like a forecast. So we always compare with the
# last value, which is called
# [persistence](../docs/glossary.md#persistence). And we look at which value the
# forecasts fit best:

# %%
sun = load_series("sunspots")
of_sun = walk_forward(PLANS["sunspots"], sun.values, sun.split)
lines = {"random walk": (walk, forecast)}
lines["sunspots"] = (sun.values, of_sun.forecasts[:, 0])
plot_shifts(lines)
plt.legend()
plt.show()

# %% [markdown]
# **What to see.** The forecasts of the random walk fit the value one step
# earlier better than the one that they were meant for. For the sunspots, a
# network forecasts the right year.

# %% [markdown]
# ## How is a series prepared?
#
# A tanh ends at 1, and CO$_2$ has risen beyond all values of the training part.
# So we forecast *differences*: those from month to month remove the trend, and
# those from year to year the season. Then we scale them to [-1, 1]. The scale
# comes from the training part only; otherwise the test part would reach the
# network.

# %%
co2 = load_series("co2")
train = co2.values[: co2.split]
preparation = Preparation(differences=(12, 1)).fit(train)
scaled = preparation.transform(co2.values)

# %%
fig, axes = plt.subplots(1, 2, figsize=(8, 3))
plot_series(co2, ax=axes[0]).set_title("CO$_2$ in ppm")
lost = preparation.lost
axes[1].plot(co2.times[lost:], scaled, lw=0.7)
axes[1].axvline(co2.times[co2.split], ls=":", color="k")
axes[1].set(title="differences, scaled", xlabel="year")
plt.show()

# %% [markdown]
# **What to see.** Trend and season are gone, and the differences look the same
# at all times. Right of the dotted line, in the test part, a few of them may
# leave [-1, 1]; nothing is clipped.

# %% [markdown]
# A forecast of differences is of no use until it is inverted. The inverse needs
# the 13 values before:

# %%
back = preparation.inverse_transform(scaled, co2.values[:lost])[0]
print("largest error of the round trip:", np.abs(back - co2.values[lost:]).max())

# %% [markdown]
# ## Does a network beat a line?
#
# We [walk](../docs/glossary.md#walk-forward-test) through the test part: forecast
# a year, then learn what came. Nothing is trained again. The rivals are
# persistence and a linear
# [autoregression](../docs/glossary.md#autoregression): a
# weighted sum of the last years. The package statsmodels fits it and chooses how
# many years it reads.

# %%
players = {"LSTM": PLANS["sunspots"], "linear": Autoregression()}
players["last value"] = Persistence()
tests = {k: walk_forward(v, sun.values, sun.split) for k, v in players.items()}
for name, own in tests.items():
    print(f"{name:12} root mean squared error {own.rmse[0]:.1f}")

# %%
years = sun.times[sun.split :]
said = {name: tests[name].forecasts[:, 0] for name in ("LSTM", "linear")}
plot_forecasts(years, sun.values[sun.split :], said)
plt.ylabel("sunspots")
plt.legend(loc="upper right", ncols=3, fontsize="small")
plt.show()

# %% [markdown]
# **What to see.** Both follow the cycle and turn in the right year. The maximum
# of 1957 is higher than all before it. The LSTM has never seen such a value and
# stays below it.

# %% [markdown]
# One seed says little. `memnets series` tests ten seeds on each series, in a few
# minutes. How we chose window, units and training time: by the error on the
# last fifth of the *training* part.

# %%
errors = recorded_errors()
ax = plot_series_errors(errors, list(TITLES))
ax.legend(loc="upper left", bbox_to_anchor=(0, -0.2), ncols=2)
plt.show()

# %% [markdown]
# **What to see.** Left of the dashed line a forecaster is better than the last
# value. Every LSTM is. But on no series do the LSTMs lie clearly left of the
# best classical forecaster, and on the sunspots all lie right of the diamond.

# %% [markdown]
# Could the differences be chance, because the test parts are short? A paired t
# test over the test part answers this for the squared errors:

# %%
for name in TITLES:
    line, last = (paired_p(name, "LSTM", k) for k in ("AR", "persistence"))
    print(f"{name:9} against the line p = {line:.2f}, the last value {last:.3f}")

# %% [markdown]
# On no series does the LSTM differ from the linear forecast by more than
# chance. This is a usual result. These series have at most 585 values for
# training, and their memory is nearly linear.
#
# ## What comes in a year?
#
# A network can also forecast several steps at once. The band is the range of
# ten seeds. It shows how much the networks disagree. It does *not* say how far
# the truth may lie from them.

# %%
fig, axes = plt.subplots(1, 2, figsize=(8, 3.2))
for ax, name in zip(axes, ("co2", "elnino")):
    series, (index, network) = load_series(name), kept(name, "LSTM", 12)
    lines = {"10 LSTMs": network, "linear": kept(name, "AR", 12)[1]}
    plot_forecasts(series.times[index], series.values[index], lines, ax)
    ax.set(title=TITLES[name], xlabel="year")
    ax.locator_params(axis="x", nbins=3)
axes[0].legend(fontsize="small")
plt.show()

# %% [markdown]
# **What to see.** Season and height are right for twelve months. For CO$_2$ the
# band is so narrow that it is hardly seen. The truth leaves it nevertheless.

# %% [markdown]
# ## Can the rain announce a flood?
#
# A network may read more than one series. We take a synthetic river, since it
# is the one whose rules we know: rain runs off, the more so the wetter the soil
# is, and the water takes six hours down the valley. Two networks forecast the
# level six hours ahead. One reads level and rain, the other only the level.

# %%
rain, level = River().sample(RIVER, np.random.default_rng(0))
index, with_rain = kept("river", "LSTM with rain", 6)
said = {"level and rain": with_rain, "level alone": kept("river", "LSTM", 6)[1]}
_, ax = plot_river(index, rain[index], level[index], said)
ax.legend(fontsize="small", loc="upper right")
plt.show()

# %% [markdown]
# **What to see.** The network that reads the rain rises with the river. The
# other one sees the flood only when it is there, and is about six hours late.

# %%
river = errors[(errors["series"] == "river") & (errors["step"] == 6)]
print(river.groupby("forecaster", sort=False)["rmse"].mean().round(3))

# %% [markdown]
# The rain brings far more than the network: a linear regression that reads the
# rain is much better than an LSTM that does not.
#
# ## Can a network read an image row by row?
#
# An image is a series, too, if we read it row by row. scikit-learn's digits
# have 8 rows of 8 pixels: eight steps of eight channels. This network learns to
# answer after every row:

# %%
train, test = load_digits()
reader = RowReader(every_row=True, episodes=1000)
answers = reader.read(train, test)
print("correct after each row:", correct(answers, test).round(2))

# %%
fig, axes = plt.subplots(2, 4, figsize=(8, 4), height_ratios=(1, 1.2))
for column, number in enumerate((0, 1, 2, 3)):
    axes[0, column].imshow(test.images[number], cmap="gray_r")
    look = {"vmin": 0, "vmax": 1, "extent": (-0.5, 9.5, 8.5, 0.5)}
    axes[1, column].imshow(answers[number], **look)
    axes[0, column].set_title(f"a {test.labels[number]}")
    axes[1, column].set_xticks(range(0, 10, 3))
    axes[0, column].set_axis_off()
axes[1, 0].set(xlabel="digit", ylabel="rows read")
plt.show()

# %% [markdown]
# **What to see.** Each row of the lower pictures is an answer, and yellow means
# sure. After one row nearly everything is possible. The network makes up its
# mind where the digit can be told from the others.

# %%
plot_rows_read(recorded_digits()).legend(loc="lower right")
plt.show()

# %% [markdown]
# **What to see.** Logistic regression on all pixels read so far is the linear
# rival. The network that is asked only at the end, the square at 8 rows, is as
# good. The one that must answer after every row loses some of what it knew when
# the last row comes.

# %% [markdown]
# ## Exercises
#
# **1. The tempting choice.** Our network for the sunspots forecasts values,
# because this was best on the last fifth of the training part. Try one that
# forecasts differences on the test part. Why can we not simply take it now?
#
# <details><summary>Solution</summary>
#
# ```python
# for seed in range(3):
#     plan = Forecaster(window=24, units=8, episodes=300, seed=seed)
#     own = walk_forward(plan, sun.values, sun.split)
#     print(f"differences, seed {seed}: {own.rmse[0]:.1f}")
# print(f"linear: {tests['linear'].rmse[0]:.1f}")
# ```
#
# It is better, even than the linear forecast: differences do not end at the
# highest value of the training part. But if we take it now, we choose by the
# test part. Then the test part no longer tells how good the network is on data
# that played no role in its making. We would need new years.
#
# </details>

# %% [markdown]
# **2. How far back must one look?** Forecast El Niño with windows of 1, 3, 12
# and 24 months. How does the error depend on the window?
#
# <details><summary>Solution</summary>
#
# ```python
# sea = load_series("elnino")
# for window in (1, 3, 12, 24):
#     plan = Forecaster(window=window, differences=(1,), episodes=500)
#     own = walk_forward(plan, sea.values, sea.split)
#     print(f"{window:2} months: {own.rmse[0]:.2f}")
# ```
#
# With a window of one month the network sees the last change only, and cannot
# know the season. Three months are better. From twelve months on it can know
# what month it is, and the error is three fifths of that with one.
#
# </details>

# %% [markdown]
# **3. Shuffled digits.** The images stand in the order in which they were
# collected, and the test images are the last ones. What happens if we shuffle
# all images before the split, as is often done?
#
# <details><summary>Solution</summary>
#
# ```python
# from memnets.series.digits import Digits, read_pixels
#
# order = np.random.default_rng(0).permutation(1797)
# images = np.concatenate([train.images, test.images])[order]
# labels = np.concatenate([train.labels, test.labels])[order]
# first = Digits(images[:1297], labels[:1297])
# other = Digits(images[1297:], labels[1297:])
# print("in order:", correct(read_pixels(train, test), test))
# print("shuffled:", correct(read_pixels(first, other), other))
# ```
#
# The share of errors falls to about a quarter. Thirteen people wrote these digits,
# and those of one person are alike. After the shuffle nearly every image of the
# test has images by the same hand in the training part. So the test no longer
# asks how well the digits of a new writer are read.
#
# </details>
