# %% [markdown]
# # 05 · Cells: what does each gate do, and what does it cost?
#
# The LSTM cell was developed in steps. The first version (1997) has a memory
# that cannot forget. In 2000 it got a forget gate, and in 2002 the gates got
# access to the memory. Since 2014 most new cells have been simpler. F.
# Marquardt's lecture *Machine Learning for Physicists* ("LSTM") presents the
# version of 2000. In this notebook we
#
# 1. go through the family of cells and write each equation as NumPy code,
# 2. count the weights that each change costs, and
# 3. compare what an LSTM and a GRU can hold.
#
# Notebook 06 compares how well these cells learn. Everything runs from top to
# bottom in less than a minute. The [glossary](../docs/glossary.md) lists all
# technical terms.

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
    CELLS,
    LSTM1997,
    MemoryGated,
    MinGRU,
    PeepholeLSTM,
    Recall,
    Recording,
    find,
    plot_family,
    plot_gates,
    recurrent,
    trace,
)

# %%
import dataclasses

import keras
import matplotlib.pyplot as plt
import numpy as np

plt.style.use("memnets.plots.styles.notebook")

# %% [markdown]
# ## Which cells are there?
#
# The picture shows nine cells, all drawn in the same way. The blue line at the
# top is the memory, from one time step to the next. Inputs come from below. A
# coloured box is a gate; it stands on the line that it controls. An arrow
# leads from a cell to the cells that were derived from it.

# %%
plot_family()
plt.show()

# %% [markdown]
# **What to see.** Orange marks what is new in a cell, and dashed lines mark
# what was removed. Up to 2002 parts are added. Later they are mostly removed.

# %% [markdown]
# ## How does a simple network remember?
#
# The simple recurrent network (J. L. Elman, 1990) receives its own output of
# the step before:
#
# $$h_t=\tanh(Wx_t+Uh_{t-1}+b).$$
#
# The whole memory passes through $U$ and $\tanh$ at every step. If each step
# multiplies it by a factor below 1, little is left after twenty steps.
#
# We write one time step of each cell in NumPy. The arguments are the input,
# the list of states from the step before, and the list of weights. The
# function returns the new states, with the output $h$ first.


# %%
def simple_rnn(x, states, weights):
    """Take one time step of the simple network."""
    (h,), (W, U, b) = states, weights
    return [np.tanh(x @ W + h @ U + b)]


# %% [markdown]
# Is our code right? The next function gives random weights and 20 random
# inputs to a Keras layer of 5 units and to our code, and compares the outputs.


# %%
def compare(layer, step, states):
    """Print how far our code is from a Keras layer of 5 units."""
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(20, 3))
    layer.build((1, 20, 3))
    shapes = [w.shape for w in layer.get_weights()]
    weights = [rng.normal(scale=0.5, size=shape) for shape in shapes]
    layer.set_weights(weights)
    wanted, ours = layer(inputs[None])[0], []
    states = np.zeros((states, 5))
    for x in inputs:
        states = step(x, states, weights)
        ours.append(states[0])
    print(f"largest difference: {np.abs(ours - wanted).max():.0e}")


# %%
layer = keras.layers.SimpleRNN(5, return_sequences=True)
compare(layer, simple_rnn, states=1)

# %% [markdown]
# The difference is rounding, so our code is right.
#
# ## What did the LSTM of 1997 add?
#
# S. Hochreiter and J. Schmidhuber (1997) added a second line, the memory $c$.
# What is in the memory stays there. The input gate $i$ decides what is
# written, and the output gate $o$ decides what is read:
#
# $$c_t=c_{t-1}+i_t*g_t,\qquad h_t=o_t*\tanh(c_t/2),\qquad
# g_t=2\tanh(\tfrac12(W^{(c)}x_t+U^{(c)}s_{t-1}+b^{(c)})).$$
#
# Each gate is [$\sigma$](../docs/glossary.md#sigma) of its own weighted sum;
# $\sigma(z)=1/(1+e^{-z})$ is the logistic function, which rises from 0 (shut)
# to 1 (open). In this cell $s_{t-1}$ contains $h_{t-1}$ and also all gates of
# the step before. So the gates see each other.


# %%
def sigmoid(z):
    """The function sigma."""
    return 1 / (1 + np.exp(-z))


def lstm_1997(x, states, weights):
    """Take one time step of the LSTM of 1997."""
    (h, c, i, o), (W, U, b) = states, weights
    i, o, g = np.split(x @ W + np.concatenate([h, i, o]) @ U + b, 3)
    i, o = sigmoid(i), sigmoid(o)
    c = c + i * 2 * np.tanh(g / 2)
    return [o * np.tanh(c / 2), c, i, o]


compare(LSTM1997(5, return_sequences=True), lstm_1997, states=4)

# %%
ax = plt.figure(figsize=(8, 3)).add_subplot()
plot_family({"simple_rnn": (0, 0), "lstm_1997": (1, 0)}, True, ax)
plt.show()

# %% [markdown]
# **What to see.** The LSTM of 1997 has a memory line at the top, and there is
# no gate on it. So this cell can write and read, but it cannot delete.

# %% [markdown]
# ## How does a cell forget?
#
# F. A. Gers, J. Schmidhuber and F. Cummins (2000) put a gate on the memory
# line, the forget gate $f$. This is the cell of the lecture: delete, write,
# read.
#
# $$c_t=f_t*c_{t-1}+i_t*g_t,\qquad h_t=o_t*\tanh(c_t).$$
#
# The gates of this cell see $h_{t-1}$, but not the memory itself. If $o$ is
# shut, then $h=0$ and the gates see nothing of the memory. In 2002 F. A. Gers,
# N. N. Schraudolph and J. Schmidhuber added *peepholes*: each gate sees the
# memory of its own cell, multiplied by one weight $p$. For example,
#
# $$f_t=\sigma(W^{(f)}x_t+U^{(f)}h_{t-1}+p^{(f)}*c_{t-1}+b^{(f)}).$$
#
# With all $p=0$ this is the cell of the lecture, and Keras's `LSTM`.


# %%
def peephole_lstm(x, states, weights):
    """Take one time step of the LSTM with peepholes."""
    (h, c), (W, U, b, p) = states, weights
    i, f, g, o = np.split(x @ W + h @ U + b, 4)
    i, f = sigmoid(i + p[0] * c), sigmoid(f + p[1] * c)
    c = f * c + i * np.tanh(g)
    o = sigmoid(o + p[2] * c)
    return [o * np.tanh(c), c]


compare(PeepholeLSTM(5, return_sequences=True), peephole_lstm, states=2)

# %%
ax = plt.figure(figsize=(8, 3)).add_subplot()
plot_family({"lstm": (0, 0), "peephole_lstm": (1, 0)}, True, ax)
plt.show()

# %% [markdown]
# **What to see.** On the right, the forget gate and the input gate see the
# memory of the step before. The output gate sees the new memory.

# %% [markdown]
# ## Are all these gates necessary?
#
# K. Cho and others (2014) proposed a simpler cell, the *gated recurrent unit*
# (GRU). Its output is its memory. A single gate $z$, the update gate, divides
# between the old content and the new. In Keras's convention $z$ is the part
# that is *kept*; many papers define it the other way round:
#
# $$h_t=z_t*h_{t-1}+(1-z_t)*g_t,\qquad
# g_t=\tanh(Wx_t+b+r_t*(Uh_{t-1}+b')).$$
#
# The reset gate $r$ decides how much of the old content the new content
# depends on.


# %%
def gru(x, states, weights):
    """Take one time step of the GRU."""
    (h,), (W, U, b) = states, weights
    z, r, g = np.split(x @ W + b[0], 3)
    uz, ur, ug = np.split(h @ U + b[1], 3)
    z, r = sigmoid(z + uz), sigmoid(r + ur)
    return [z * h + (1 - z) * np.tanh(g + r * ug)]


compare(keras.layers.GRU(5, return_sequences=True), gru, states=1)

# %%
ax = plt.figure(figsize=(8, 3)).add_subplot()
plot_family({"lstm": (0, 0), "gru": (1, 0)}, True, ax)
plt.show()

# %% [markdown]
# **What to see.** The LSTM has two lines, the memory $c$ and the output $h$;
# the GRU has one line for both. The two boxes marked $z$ and $1-z$ add up to
# 1. So the GRU cannot write without deleting.

# %% [markdown]
# What do these gates do in a trained GRU? We train one on the recall task of
# notebook 01: it is told a number and must say it when it is asked. Training
# takes 1,000 [episodes](../docs/glossary.md#episode); each is one update of
# the weights on a batch of 20 sequences.
# [Adam](../docs/glossary.md#adam), a form of gradient descent that adapts the
# size of the step for each weight, makes the updates. The
# [seed](../docs/glossary.md#seed) fixes everything random. We show one unit of
# seed 4 that keeps the number.

# %%
plan = find("recall-cells/gru")["recall-cells/gru"]
plan = dataclasses.replace(plan, seed=4)
model = plan.run(Recording(every=plan.episodes)).model()

# %%
task = Recall()
batch = task.sequence({4: 0.9}, asked=[15])
(layer,) = trace(model, batch.inputs)
plot_gates(layer, task, batch, unit=3)
plt.show()

# %% [markdown]
# **What to see.** At the tell the update gate is nearly shut, so the old
# content is replaced by the new. Afterwards the gate is nearly open and the
# content stays. There is no output gate: the other units and the readout see
# this content all the time.

# %% [markdown]
# ## What else can be left out?
#
# The LSTM can also be simplified by setting $f=1-i$, as in the GRU. This is
# called *coupled input and forget gates* (`lstm_cifg`).
#
# A cell described in a blog post (`memory_gated`) has gates that see the whole
# memory, but not the output. Its candidate $g$ has no $\tanh$.
#
# L. Feng and others (2024) removed the past from the gates altogether. Their
# *minGRU* is
#
# $$h_t=(1-z_t)*h_{t-1}+z_t*(W^{(h)}x_t+b^{(h)}),\qquad
# z_t=\sigma(W^{(z)}x_t+b^{(z)}).$$
#
# Here $z$ is the part that is *written*. Neither $z_t$ nor the bracket depends
# on $h_{t-1}$. So all time steps can be computed at once (exercise 3). Their
# *minLSTM* has two gates in place of $z$.


# %%
def memory_gated(x, states, weights):
    """Take one time step of the cell whose gates see the memory."""
    (_, c), (W, U, b) = states, weights
    g, gates = np.split(x @ W, [5])
    i, f, o = np.split(sigmoid(gates + c @ U + b), 3)
    c = f * c + i * g
    return [o * c, c]


def min_gru(x, states, weights):
    """Take one time step of the minGRU."""
    (h,), (W, b) = states, weights
    z, g = np.split(x @ W + b, 2)
    z = sigmoid(z)
    return [(1 - z) * h + z * g]


compare(MemoryGated(5, return_sequences=True), memory_gated, states=2)
compare(MinGRU(5, return_sequences=True), min_gru, states=1)

# %%
shown = {"memory_gated": (0, 0), "min_gru": (1, 0), "min_lstm": (2, 0)}
ax = plt.figure(figsize=(8, 2.2)).add_subplot()
plot_family(shown, True, ax)
plt.show()

# %% [markdown]
# **What to see.** In the two cells on the right no line leads from the memory
# back to a gate. None of the three cells has a $\tanh$. If the gates are
# given, such a cell is a linear filter.

# %% [markdown]
# ## What does each change cost?
#
# With $N$ units and $D$ inputs, one gate or candidate of the lecture's cell
# has $N(D+N+1)$ weights: $N\times D$ in $W$, $N\times N$ in $U$, and $N$ in
# $b$. For each cell we count how many of these it has, and what each of them
# sees. Keras confirms the numbers.

# %%
N, D = 5, 3
formulas = {
    "simple_rnn": N * (D + N + 1),
    "lstm_1997": 3 * N * (D + 3 * N + 1),  # sees all gates, too
    "lstm": 4 * N * (D + N + 1),
    "peephole_lstm": 4 * N * (D + N + 1) + 3 * N,
    "gru": 3 * N * (D + N + 2),  # b and b'
    "lstm_cifg": 3 * N * (D + N + 1) + 2 * N,
    "memory_gated": 4 * N * D + 3 * N * (N + 1),
    "min_gru": 2 * N * (D + 1),
    "min_lstm": 3 * N * (D + 1),
}

# %%
for cell, count in formulas.items():
    layer = CELLS[cell].load()(N)
    layer.build((None, None, D))
    print(f"{cell:14} {count:3}  Keras: {layer.count_params():3}")

# %% [markdown]
# So 5 units have between 40 and 285 weights, depending on the cell. A
# comparison of cells at equal units, as in notebook 06, gives some of them
# seven times the weights of others.
#
# ## LSTM or GRU: what is different?
#
# The LSTM and the GRU are the most common cells, and introductions on the web
# compare them. One of them makes these claims: the GRU has two gates and the
# LSTM three; the LSTM keeps an internal memory and the GRU does not; the LSTM
# applies a sigmoid before its output gate; the GRU has fewer weights. We can
# check all of them.

# %%
seen = {}
for cell in ("lstm", "gru"):
    (seen[cell],) = trace(recurrent(task, cell), batch.inputs)
    print(cell, *seen[cell].names, sep=", ")

# %%
lstm = seen["lstm"]
before_gate = lstm.hidden / lstm.output_gate
for function in (np.tanh, sigmoid):
    off = np.abs(before_gate - function(lstm.cell_state)).max()
    print(f"{function.__name__:8} before the output gate: off by {off:.0e}")

# %% [markdown]
# - **Gates:** true.
# - **Weights:** true. Three sums instead of four would save a quarter. Keras's
#   GRU saves a little less, 150 weights against 180, because it has a second
#   bias.
# - **Sigmoid:** false, it is $\tanh$.
# - **Memory:** a matter of definition. The GRU has one state instead of two,
#   and this state is its memory.
#
# There is a more important difference: the range of the memory. The content of
# a GRU is an average of old $h$ and new $\tanh$, so it always stays between
# $-1$ and 1. An LSTM can add 1 to its content at every step.
#
# This matters for counting. G. Weiss, Y. Goldberg and E. Yahav (2018), as we
# remember it, say that LSTMs learn to count and GRUs do not. We compare two
# counters without any input. In the LSTM all gates are open. The GRU moves at
# each step by 1/20 of the distance that is left to 1.


# %%
def run_alone(layer, weights):
    """Run a layer of one unit for 60 steps without input."""
    model = keras.Sequential([keras.Input((None, 1)), layer])
    model.set_weights([np.array(w) for w in weights])
    return trace(model, np.zeros((1, 60, 1)))[0]


# %%
lstm = keras.layers.LSTM(1, return_sequences=True)
lstm = run_alone(lstm, [np.zeros((1, 4)), np.zeros((1, 4)), [20] * 4])
gru = keras.layers.GRU(1, return_sequences=True)
bias = [[np.log(19), 0, 20], [0, 0, 0]]  # z = 0.95, g = 1
gru = run_alone(gru, [np.zeros((1, 3)), np.zeros((1, 3)), bias])

# %%
plt.semilogy(np.diff(lstm.cell_state[0, :, 0]), label="LSTM: c")
plt.semilogy(np.diff(gru.hidden[0, :, 0]), label="GRU: h")
plt.gca().set(xlabel="time step", ylabel="change of the memory")
plt.legend()
plt.show()

# %% [markdown]
# **What to see.** The memory of the LSTM grows by the same amount at every
# step, like a clock. The steps of the GRU become smaller and smaller.

# %% [markdown]
# With $z$ closer to 1 the GRU has a longer range, but smaller steps. It must
# settle on one scale beforehand. For counts up to 8 this does not matter: in
# notebook 06 all 32 GRUs learn to count.

# %% [markdown]
# ## Exercises
#
# **1. A clock without input.** Gers and others (2002) used peepholes for
# precise timing. Set the weights of a single cell with peepholes by hand, so
# that it signals every 10 steps without any input. Why can a single cell of
# the lecture not do this?
#
# <details><summary>Solution</summary>
#
# The cell adds 0.1 at every step. When the memory has reached 1, the output
# gate opens. One step later the forget gate shuts, and the memory starts
# again.
#
# ```python
# K, step, period = 400, 0.1, 10
# threshold = K * (period - 0.5) * step
# bias = [20, threshold, np.arctanh(step), -threshold]  # i, f, g, o
# peepholes = [[0], [-K], [K]]  # i, f, o
# weights = [np.zeros((1, 4)), np.zeros((1, 4)), bias, peepholes]
# ticking = run_alone(PeepholeLSTM(1, return_sequences=True), weights)
# print(np.flatnonzero(ticking.hidden[0, :, 0] > 0.5))
# ```
#
# In the lecture's cell the gates see $h$ only. While the output gate is shut,
# $h=0$, and the gates cannot know when to open.
#
# </details>

# %% [markdown]
# **2. The reset gate of the paper.** In the first paper on the GRU the reset
# gate acts on $h_{t-1}$ before the matrix: $g_t=\tanh(Wx_t+U(r_t*h_{t-1})+b)$,
# with a single bias. Keras does this with `reset_after=False`. Change the
# code, compare it with Keras, and count the weights.
#
# <details><summary>Solution</summary>
#
# ```python
# def gru_2014(x, states, weights):
#     (h,), (W, U, b) = states, weights
#     z, r, g = np.split(x @ W + b, 3)
#     uz, ur, _ = np.split(h @ U, 3)
#     z, r = sigmoid(z + uz), sigmoid(r + ur)
#     return [z * h + (1 - z) * np.tanh(g + (r * h) @ U[:, 10:])]
#
#
# layer = keras.layers.GRU(5, reset_after=False, return_sequences=True)
# compare(layer, gru_2014, states=1)
# print(layer.count_params(), 3 * N * (D + N + 1))
# ```
#
# Without the second bias it has 135 weights, exactly a quarter less than the
# LSTM with 180.
#
# </details>

# %% [markdown]
# **3. All steps at once.** In the minGRU, $z_t$ and $g_t$ depend on the inputs
# only. Write $h_t$ as a sum over all earlier inputs, and compute it for 20
# steps without a loop. (`np.cumprod` and `np.cumsum` help.)
#
# <details><summary>Solution</summary>
#
# Let $P_t=(1-z_1)\cdots(1-z_t)$ be the product up to step $t$. What is written
# at step $s$ is multiplied by $P_t/P_s$ until step $t$, so
# $h_t=P_t\sum_{s\le t}z_sg_s/P_s$.
#
# ```python
# x = np.random.default_rng(1).normal(size=(20, 3))
# layer = MinGRU(5, return_sequences=True)
# wanted = layer(x[None])[0]
# W, b = layer.get_weights()
# z, g = np.split(x @ W + b, 2, axis=1)
# z = sigmoid(z)
# P = np.cumprod(1 - z, axis=0)
# h = P * np.cumsum(z * g / P, axis=0)
# print(f"largest difference: {np.abs(h - wanted).max():.0e}")
# ```
#
# For long sequences $P$ becomes too small for the computer. The package uses a
# parallel scan instead, which does not divide.
#
# </details>
