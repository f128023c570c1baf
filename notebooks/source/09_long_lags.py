# %% [markdown]
# # 09 · Long lags: how does a network remember for 1,000 steps?
#
# The networks of the notebooks before had to remember for 10 to 20 steps. S.
# Hochreiter and J. Schmidhuber (1997) went to lags of 1,000. Today an LSTM
# learns this in seconds, if its [forget gates](../docs/glossary.md#forget-gate)
# begin nearly open. In this notebook we
#
# 1. train an LSTM on a lag of 1,000 steps and look at its memory,
# 2. calculate how much of a cell state remains after a lag,
# 3. compare initial biases of the forget gates over many lags, and
# 4. repeat a part of this comparison live.
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

from memnets import LongLagTrigger, plot_task, recurrent, trace
from memnets.plots.reproduction import plot_lags
from memnets.records.classics import PUBLISHED, recorded_trials
from memnets.reproduction.rows import ROWS

plt.style.use("memnets.plots.styles.notebook")

# %% [markdown]
# ## What is the task?
#
# A sequence begins with b and then x or y. Then distractors follow, symbols
# drawn at random. At last comes the trigger e, and the network must say
# whether it has read x or y. Here is a sequence with a lag of only 12 steps.

# %%
small = LongLagTrigger(timesteps=30, lag=12, symbols=4)
plot_task(small, small.sample(1, np.random.default_rng(3)))
plt.show()

# %% [markdown]
# **What to see.** Each row is a symbol, and the two last rows are the targets.
# The second symbol decides the answer at the trigger. Nothing in between helps,
# and the step of the trigger is not known beforehand.

# %% [markdown]
# ## Can an LSTM learn a lag of 1,000 steps?
#
# We take the hardest row of this experiment in the paper: at least 1,000
# distractors out of 50 symbols. The memory must survive them all, and each
# symbol appears often, which makes it harder to ignore. The paper needed this
# many training sequences:

# %%
row = ROWS["2c-1000-50"]
print(f"{PUBLISHED['2c-1000-50'].sequences:,} sequences in 1997")

# %% [markdown]
# Today's LSTM has [chrono
# initialization](../docs/glossary.md#chrono-initialization), 8 units, and
# learns by Adam on batches of 16. The rule of the row is strict. After 500
# correct training sequences in a row the network must answer 10,000 fresh ones
# without an error.

# %%
usual = row.attempts["today"]
course = usual.method.train(row.task, usual.rule, usual.cap, seed=0)
trial = course.trial
print(f"{trial.sequences:,} sequences, {trial.seconds:.0f} s of computing")
print(trial.verdict.wrong, "of", f"{trial.verdict.tested:,} wrong in the test")


# %%
def plot_course(course, label=None, **style):
    """Draw the mean error of each 100 training sequences."""
    count = len(course.errors) // 100
    means = course.errors[: 100 * count].reshape(count, 100).mean(axis=1)
    plt.plot(100 * np.arange(1, count + 1), means, label=label, **style)
    plt.gca().set(xlabel="training sequences", ylim=(-0.02, 0.6))
    plt.ylabel("mean error of the answers")


# %%
plot_course(course)
plt.axhline(0.5, color="k", ls=":", lw=0.8)
plt.show()

# %% [markdown]
# **What to see.** The dotted line is the error of a guess. For most of the
# training the network only guesses, as if it learned nothing. Then it finds the
# symbol that matters, and the error falls to almost nothing.

# %% [markdown]
# ## Where is the memory?
#
# We put the learned weights into the same network in Keras, and let it read
# eight fresh sequences. The picture shows the cell state of the unit that tells
# x from y best.

# %%
net = recurrent(row.task, "lstm", (8,))
net.set_weights(course.weights)
batch = row.task.sample(8, np.random.default_rng(1))
(learned,) = trace(net, batch.inputs)
told = batch.inputs[:, 1]
states = learned.cell_state
means = [states[told == k, 1000].mean(axis=0) for k in (0, 1)]
unit = np.abs(means[0] - means[1]).argmax()

# %%
for symbol, name, color in ((0, "x", "C0"), (1, "y", "C1")):
    own = states[told == symbol, :1000, unit]
    plt.plot(own.T, color=color, label=[name, *[None] * (len(own) - 1)])
plt.gca().set(xlabel="time step", ylabel=f"cell state of unit {unit}")
plt.legend()
plt.show()

# %% [markdown]
# **What to see.** Just after the second symbol x and y differ only a little.
# After x the state then grows until the end, and after y it stays small. So the
# network does not only keep the difference: it makes it larger.

# %% [markdown]
# ## How much of a cell state remains?
#
# At each step the cell state is multiplied by the forget gate:
#
# $$c_t=f_t*c_{t-1}+i_t*\tilde c_t.$$
#
# So after a lag of $n$ steps the share $f_1f_2\cdots f_n$ of it remains. On
# its way back through the cell states, the error is multiplied by the same
# product. A forget gate before training is about $\sigma(b)$, where $b$ is its
# [bias](../docs/glossary.md#forget-gate). Then the share is $\sigma(b)^n$.


# %%
def sigma(b):
    """Return the logistic function."""
    return 1 / (1 + np.exp(-b))


# %%
lags = np.geomspace(1, 1000, 100)
for b, line in zip((0, 1, 3, 5, 7), ("-", "--", "-.", ":", "-")):
    plt.loglog(lags, sigma(b) ** lags, line, label=f"b = {b}")
plt.gca().set(xlabel="lag in time steps", ylabel="share that remains")
plt.ylim(1e-7, 2)
plt.legend(loc="lower left")
plt.show()

# %% [markdown]
# **What to see.** Both axes are logarithmic. A forget gate with $b=0$ halves
# the state at every step, and after 20 steps a millionth remains. Each unit
# more of $b$ makes the memory about $e$ times as long, and only $b=7$ keeps a
# good part for 1,000 steps.

# %% [markdown]
# Chrono initialization draws each bias as $\ln u$ with a random $u$ between 1
# and the longest lag. So the cells remember for different times, up to that
# lag. The input gates get the same bias with the other sign, so that little is
# written over the memory. How much remains in each of the eight cells, before
# and after training?


# %%
def remaining(weights):
    """Return the share of each cell state that is left after 1,000 steps."""
    net.set_weights(weights)
    (layer,) = trace(net, batch.inputs)
    return layer.forget_gate[:, 2:1002].prod(axis=1).mean(axis=0)


# %%
before = remaining(usual.method.weights(row.task, seed=0))
after = remaining(course.weights)
order = np.argsort(before)
plt.plot(before[order], "o", color="C0", label="before training")
plt.plot(after[order], "s", color="C1", label="after training")
plt.gca().set(xlabel="cell, in order", ylim=(-0.03, 1))
plt.ylabel("share left after 1,000 steps")
plt.legend()
plt.show()

# %% [markdown]
# **What to see.** Already before training some cells keep a good part of their
# state for 1,000 steps. So the error can reach the second symbol from the first
# sequence on. The training opens the forget gates further.

# %% [markdown]
# ## What does the forget bias decide?
#
# The table of the project holds trials of several networks at each lag, with
# eight distractors and eight units. It compares initial biases of the LSTM, and
# other cells. Each training is given up after this many sequences:

# %%
for name in ("lag-10", "lag-100", "lag-1000"):
    print(f"{name:9}{ROWS[name].attempts['LSTM, chrono'].cap:7,}")

# %%
trials = recorded_trials()
plot_lags(trials)
plt.show()

# %% [markdown]
# **What to see.** The marks of one lag stand side by side. The further open the
# forget gates of an LSTM begin, the longer are the lags that it learns, and
# chrono initialization, which knows the lag, goes furthest. The network with
# Elman's gradient of one step learns none.

# %% [markdown]
# Which is the longest lag at which at least half of the trials succeed?

# %%
own = trials[trials["row"].str.startswith("lag-")]
lag = own["row"].str.removeprefix("lag-").astype(int).rename("lag")
share = own.groupby(["method", lag])["solved"].mean()
for name, solved in share.groupby("method"):
    reached = solved[solved >= 0.5].index.get_level_values("lag")
    print(f"{name:22}{max(reached, default=0):6,}")

# %% [markdown]
# ## Does this happen before our eyes?
#
# We repeat the lag of 30 steps with four starts and three seeds. Each training
# is one line, and it ends when the rule is met.

# %%
middle = ROWS["lag-30"]
courses = {}
for name in ("forget bias 0", "forget bias 1", "forget bias 3", "chrono"):
    attempt = middle.attempts[f"LSTM, {name}"]
    plan = middle.task, attempt.rule, attempt.cap
    courses[name] = [attempt.method.train(*plan, seed=s) for s in range(3)]

# %%
colors, widths = ("C3", "C2", "C1", "C0"), (5, 1.5, 1.5, 1.5)
for (name, own), color, wide in zip(courses.items(), colors, widths):
    for seed, one in enumerate(own):
        plot_course(one, None if seed else name, color=color, lw=wide)
plt.legend(loc="lower right")
plt.show()

# %% [markdown]
# **What to see.** With chrono initialization or a bias of 3 the error falls
# within a few thousand sequences. With a bias of 0 or 1 it stays at that of a
# guess to the end. All networks have the same cells and the same training: only
# the initial biases of their gates differ.

# %% [markdown]
# We print the share $\sigma(b)^{30}$ of each start beside the number of
# solved trials, for chrono that of the cell that keeps most.

# %%
method = middle.attempts["LSTM, chrono"].method
drawn = method.weights(middle.task, seed=0)[2][8:16]  # the forget gates
for name, b in zip(courses, (0, 1, 3, drawn.max())):
    solved = sum(one.trial.verdict is not None for one in courses[name])
    print(f"{name:15}{sigma(b) ** 30:10.1e}   {solved} of 3")

# %% [markdown]
# ## What may one conclude?
#
# - An LSTM can carry one bit over 1,000 random symbols, and today's training
#   finds this within a few thousand sequences.
# - What remains of a state, and of the error, is the product of the forget
#   gates. A gate of 0.9 is *shut* when the lag is 100 steps.
# - So the initial bias must suit the lag. Chrono initialization does it for all
#   lags up to a given one, but one must know this number.
# - The LSTM of 1997 had no forget gate. Its cells multiplied by exactly 1, so
#   no bias was needed. Notebook 10 trains it.

# %% [markdown]
# ## Exercises
#
# **1. One bias for all cells.** Which bias keeps one half of the state for
# 1,000 steps? Calculate it, and train with this bias in all cells. Is it as
# good as chrono?
#
# <details><summary>Solution</summary>
#
# $f^{1000}=1/2$ gives $b=\ln(f/(1-f))=7.27$.
#
# ```python
# import dataclasses
#
# f = 0.5 ** (1 / 1000)
# b = np.log(f / (1 - f))
# method = dataclasses.replace(usual.method, forget_bias=b)
# one = method.train(row.task, usual.rule, 8000, seed=0)
# print(f"b = {b:.2f}: solved", one.trial.verdict is not None)
# print("error at the end", one.errors[-500:].mean().round(3))
# ```
#
# It only guesses, though half of each state remains. Now the input gates are
# half open: each of the 1,000 distractors is written into the cells and
# remains, too, and among them the second symbol is lost. Chrono initialization
# also shuts the input gates, with the same bias and the other sign.
#
# </details>

# %% [markdown]
# **2. A longer lag than ever trained.** The network has never seen a lag of
# more than about 1,100 steps. Does it still know x from y after 2,000 or 4,000?
#
# <details><summary>Solution</summary>
#
# ```python
# from memnets.tasks.base import one_hot
#
# net.set_weights(course.weights)
# for lag in (1000, 2000, 4000):
#     task = LongLagTrigger(timesteps=lag + 113, lag=lag, symbols=50)
#     exam = task.sample(100, np.random.default_rng(0))
#     said = net.predict_on_batch(one_hot(exam.inputs, len(task.inputs)))
#     step = np.arange(100), exam.weights.argmax(axis=1)
#     right = said[step].argmax(-1) == exam.targets[step].argmax(-1)
#     print(f"lag {lag:,}: {right.mean():4.0%} right")
# ```
#
# It does. The difference between x and y does not fade, as we have seen: it
# grows with every step.
#
# </details>

# %% [markdown]
# **3. Chrono for the wrong lag.** Chrono initialization must be given the
# longest lag. Give it 100 instead of 1,000. What happens?
#
# <details><summary>Solution</summary>
#
# ```python
# import dataclasses
#
# method = dataclasses.replace(usual.method, longest=100)
# one = method.train(row.task, usual.rule, 8000, 0)
# print("solved", one.trial.verdict is not None, one.trial.sequences)
# print("error at the end", one.errors[-500:].mean().round(3))
# print("most that remains", sigma(np.log(99)) ** 1000)
# ```
#
# It only guesses. The forget gate that is most open leaves less than a
# thousandth of its state, and of the error, after 1,000 steps.
#
# </details>
