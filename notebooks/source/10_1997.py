# %% [markdown]
# # 10 · The experiments of 1997: do they come back?
#
# S. Hochreiter and J. Schmidhuber (1997) tried their LSTM on six groups of
# experiments, with lags of up to 1,000 steps. How well do their numbers come
# back, with their own network and with that of today? In this notebook we
#
# 1. read all results of this project from one table,
# 2. repeat one row live, exactly as in the table,
# 3. compare the numbers of training sequences with those of the paper, and
# 4. look at what did not come back, and ask why.
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
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from memnets import plot_task
from memnets.plots.reproduction import plot_reproduction
from memnets.records.classics import PUBLISHED, recorded_trials
from memnets.reproduction.rows import ROWS
from memnets.reproduction.summary import interval, summarise
from memnets.reproduction.trials import REPRODUCIBLE, Job, run_job

plt.style.use("memnets.plots.styles.notebook")

# %% [markdown]
# ## What was tried in 1997?
#
# Each row of the paper's tables is a task, a rule that says when a network has
# learned it, and the mean number of training sequences until then. We follow
# the rules, and test each network as the paper does. Two networks are tried:
#
# - **as in 1997**: memory cells without forget gates, plain gradient descent
#   after each sequence, and the truncated gradient of the paper;
# - **today's LSTM**: with forget gates and [chrono
#   initialization](../docs/glossary.md#chrono-initialization), the whole
#   gradient, and [Adam](../docs/glossary.md#adam) on batches.
#
# The table of the project has one line for each training. We sum it up.

# %%
trials = recorded_trials()
found = summarise(trials)
hours = trials["seconds"].sum() / 3600
print(f"{len(trials):,} trainings, {hours:.1f} hours of one processor")


# %%
def told(own):
    """Return how many trials were solved, and their mean sequences."""
    if own is None:
        return "-"
    return f"{own.solved}/{own.trials}" + f"{own.mean:10,.0f}" * (
        own.solved > 0
    )


# %%
print(f"{'row':13} {'published':>9} {'as in 1997':>17} {'today':>17}")
for name, published in PUBLISHED.items():
    both = [told(found.get((name, m))) for m in ("1997", "today")]
    print(f"{name:13} {published.sequences:9,} {both[0]:>17} {both[1]:>17}")
    print(f"  {ROWS[name].title}")

# %% [markdown]
# A column of ours holds the number of solved trials and their mean training
# sequences. A minus sign stands for trainings that the table does not hold.

# %%
rows = list(PUBLISHED)
fig, axes = plt.subplots(1, 2, figsize=(9.5, 6))
for ax, part in zip(axes, (rows[:12], rows[12:])):
    plot_reproduction(trials, ax, part)
    ax.set_xlim(3e2, 3e7)
names = axes[0].get_legend_handles_labels()
fig.legend(*names, loc="outside lower center", ncols=4)
plt.show()

# %% [markdown]
# **What to see.** The axis is logarithmic. Today's LSTM needs fewer sequences
# than published in most rows, often ten times fewer. A hollow mark is a row in
# which some trials are not solved.

# %% [markdown]
# In which rows does today's LSTM *not* need fewer sequences?

# %%
for name, published in PUBLISHED.items():
    own = found.get((name, "today"))
    if own and not own.mean < published.sequences:
        print(f"{name}: {told(own)}, published {published.sequences:,}")

# %% [markdown]
# ## Can we repeat a row before our eyes?
#
# We choose row 6a, temporal order. Two symbols, each X or Y, stand at random
# places among distractors. At the end the network must tell the order: XX, XY,
# YX or YY.

# %%
row = ROWS["6a"]
plot_task(row.task, row.task.sample(1, np.random.default_rng(0)))
plt.show()

# %% [markdown]
# **What to see.** The two symbols come somewhere near steps 10 to 20 and 50 to
# 60, and the answer is due only at the end. The network must keep both, and
# which one came first.

# %% [markdown]
# We train four networks as in 1997. The same seeds are in the table, so all
# results should be the same, to the last digit.

# %%
live = run_job(Job("6a", "1997", (0, 1, 2, 3)))
own = trials[(trials["row"] == "6a") & (trials["method"] == "1997")]
kept = own.set_index("seed", drop=False)


def plain(value):
    """Return a value of the table as text, a missing one as empty."""
    return "" if pd.isna(value) else str(value)


for new in sorted(live, key=lambda new: new["seed"]):
    old = kept.loc[new["seed"]]
    same = all(plain(old[k]) == plain(new[k]) for k in REPRODUCIBLE)
    print(f"seed {new['seed']}: {new['sequences']:6,} sequences, same: {same}")

# %%
several = np.sort(own[own["solved"]]["sequences"])
plt.step(several, np.arange(1, len(several) + 1) / len(own), where="post")
for new in live:
    plt.axvline(new["sequences"], ymax=0.1, color="C1", lw=3)
plt.axvline(PUBLISHED["6a"].sequences, color="k", ls="--")
plt.axvline(several.mean(), color="C0", ls=":")
plt.gca().set(xlabel="training sequences", ylabel="share of trials solved")
plt.ylim(0, 1.03)
plt.show()

# %% [markdown]
# **What to see.** The blue line rises by one step for each trial of the table,
# and the short orange lines are ours. The published mean is dashed, that of the
# table dotted. The slowest trial needs several times as long as the fastest,
# and the paper gives only the mean.

# %% [markdown]
# ## How close are the means?
#
# A mean of ten or twenty such trials is uncertain. So we divide it by the
# published one, and draw the 95 % [confidence
# interval](../docs/glossary.md#confidence-interval) of the mean, by bootstrap.
# Rows in which some trials fail are left out: their mean is too small.


# %%
def ratios(method):
    """Return the mean over the published one, and its interval, by row."""
    ratio = {}
    for name, published in PUBLISHED.items():
        own = found.get((name, method))
        if own and own.solved == own.trials and interval(own.sequences):
            ends = own.mean, *interval(own.sequences)
            ratio[name] = np.array(ends) / published.sequences
    return ratio


# %%
def plot_ratios(method, color, ax):
    """Draw the ratios of all rows that one method solves."""
    for y, (mean, low, high) in enumerate(ratios(method).values()):
        ax.plot([low, high], [-y, -y], color=color)
        ax.plot(mean, -y, "o", color=color)
    names = [*ratios(method)]
    ax.set_yticks(range(0, -len(names), -1), names)
    ax.axvline(1, color="k", ls=":")
    ax.set(xscale="log", xlim=(0.007, 60))
    ax.set_xticks([0.01, 0.1, 1, 10], ["0.01", "0.1", "1", "10"])
    ax.set_xlabel("mean sequences, published = 1")


# %%
fig, axes = plt.subplots(1, 2, figsize=(9, 6))
plot_ratios("1997", "C1", axes[0])
plot_ratios("today", "C0", axes[1])
axes[0].set_title("as in 1997")
axes[1].set_title("today's LSTM")
plt.show()

# %% [markdown]
# **What to see.** An interval that touches the dotted line agrees with the
# paper. On the left only some of the means do. On the right most means are far
# below 1.

# %% [markdown]
# ## Are the networks as good as those of 1997?
#
# A rule that stops earlier would need fewer sequences, and the networks would
# be worse. So we compare the final tests: how many of 2,560 fresh sequences are
# wrong?

# %%
tested = [k for k, v in PUBLISHED.items() if v.wrong is not None]
fig, ax = plt.subplots(figsize=(8, 5))
for y, name in enumerate(tested):
    bar = 1 + PUBLISHED[name].wrong
    ax.plot(bar, -y, "k|", ms=14, mew=2, label=None if y else "published")
names = {"1997": "as in 1997", "today": "today's LSTM"}
for method, look in (("1997", "C1o"), ("today", "C0s")):
    own = {name: found.get((name, method)) for name in tested}
    own = {k: v for k, v in own.items() if v and len(v.wrong)}
    y = [-tested.index(name) for name in own]
    means = [1 + v.wrong.mean() for v in own.values()]
    ax.plot(means, y, look, label=names[method], alpha=0.8)
ax.set(xscale="log", xlabel="1 + wrong answers of 2,560")
ax.set_yticks(range(0, -len(tested), -1), tested)
ax.legend(loc="upper right")
plt.show()

# %% [markdown]
# **What to see.** We add 1, so that 0 has a place on the axis. Marks to the
# left of the bar have fewer wrong answers than published. Marks to the right
# have paid for their speed with errors.

# %% [markdown]
# ## What came back, and what did not?
#
# We sort the rows of the network of 1997 by how many of its trials are solved.


# %%
def group(own):
    """Return the group of a row: all, some or none of the trials solved."""
    if own is None:
        return "not in the table"
    return {own.trials: "all", 0: "none"}.get(own.solved, "some")


for wanted in ("all", "some", "none", "not in the table"):
    names = [n for n in PUBLISHED if group(found.get((n, "1997"))) == wanted]
    print(f"{wanted + ':':18}", ", ".join(names) or "no row")

# %% [markdown]
# The paper solves all trials in these rows. Why do we not, with its network?
# The paper leaves choices open, for example
#
# - whether gates receive the outputs of other gates, or only those of cells,
# - which units have a bias,
# - whether the weights change after each step or after each sequence,
# - whether the output unit is linear,
# - when the memory cell is added to the network, and
# - how the sequences were drawn.
#
# We tried other readings of the paper. A reading may be wrong, and a solved
# trial does not prove that the paper did it in this way.

# %%
tried = {}
for (name, method), own in found.items():
    if method.startswith("1997, "):
        tried[f"{name}: {method[6:]}"] = own
        if (name, "1997") in found:
            tried[f"{name}: the paper's"] = found[name, "1997"]
for name, own in sorted(tried.items()):
    print(f"{name:50} {told(own)}")

# %%
names = sorted(tried, reverse=True)
shares = [tried[name].solved / tried[name].trials for name in names]
plt.barh(names, shares, color=["C1" if "paper" in k else "C2" for k in names])
plt.gca().set(xlabel="share of trials solved", xlim=(0, 1.02))
plt.show()

# %% [markdown]
# **What to see.** Orange is our reading of the paper's own words, green are
# other readings. One small choice can decide between no trial and every trial.
# Such choices are usually not written down.

# %% [markdown]
# ## What may one conclude?
#
# - The main result of 1997 comes back: memory cells without forget gates,
#   trained by the truncated gradient, learn tasks with lags of 100 steps.
# - The numbers of training sequences agree only in some rows, and some rows fail
#   in our reading.
# - It is open whether we misread the paper there, or whether the numbers
#   depended on something that the paper does not say. No code of 1997 decides
#   this.
# - Today's LSTM mostly needs far fewer sequences. But it changes many things at
#   once, so this does not say which of them helps. And a rule that stops so
#   early can let worse networks pass.

# %% [markdown]
# ## Exercises
#
# **1. Another seed.** Repeat row 6a with a seed that is not in the table.
# Is its number of sequences within the range of the others?
#
# <details><summary>Solution</summary>
#
# ```python
# (new,) = run_job(Job("6a", "1997", (1000,)))
# print(new["solved"], f"{new['sequences']:,} sequences")
# print(f"the others: {several.min():,} to {several.max():,}")
# ```
#
# A new seed can lie outside of the range of twenty others: with equal chances
# it is the fastest or the slowest of 21 in two of 21 cases.
#
# </details>

# %% [markdown]
# **2. Then and now.** Train today's LSTM on row 6a with three seeds. By which
# factor is it faster, in sequences and in seconds?
#
# <details><summary>Solution</summary>
#
# ```python
# news = run_job(Job("6a", "today", (0, 1, 2)))
# for name in ("sequences", "seconds"):
#     now = np.mean([new[name] for new in news])
#     then = np.mean([new[name] for new in live])
#     print(f"{name}: {then:,.1f} then, {now:,.1f} now")
# ```
#
# It needs several times fewer sequences. But each of them costs more, because
# the whole gradient goes back through all steps, and the network is larger. So
# the seconds differ less, or not at all.
#
# </details>

# %% [markdown]
# **3. Mean and median.** The paper gives means. Compute the ratio of the mean
# to the median for all rows and both networks. What does a ratio above 1 mean?
#
# <details><summary>Solution</summary>
#
# ```python
# for (name, method), own in found.items():
#     if method in ("1997", "today") and own.solved == own.trials:
#         ratio = own.mean / np.median(own.sequences)
#         print(f"{name:13} {method:6} {ratio:.2f}")
# ```
#
# Above 1, a few slow trials raise the mean. Then the typical trial is faster
# than the mean says, and a single slow trial changes the mean of ten a lot.
#
# </details>
