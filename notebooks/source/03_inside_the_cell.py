# %% [markdown]
# # 03 · Inside the cell: what opens, what shuts, what stays?
#
# A network that recalls a number must have kept it somewhere. In an LSTM that
# place is the memory cell, and three gates decide what happens to it: delete,
# write, read (F. Marquardt's lecture *Machine Learning for Physicists*,
# "LSTM"). Here we
#
# 1. make the cell from four simple operations and check it against Keras,
# 2. open a trained network and watch its gates while it remembers, and
# 3. set a memory by hand, without any training.
#
# Everything runs from top to bottom in less than a minute. The task and the
# training are explained in notebook 01.

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
from memnets.quiet import import_tensorflow

import_tensorflow()  # without the page of notices it prints

# %%
import dataclasses

import keras
import matplotlib.pyplot as plt
import numpy as np

from memnets import cell_figures, networks, numpy_lstm, recordings
from memnets.cell_plots import plot_cell, plot_gates
from memnets.experiments import find
from memnets.inspection import trace
from memnets.tasks import Countdown, Recall, join
from memnets.training import train

plt.style.use("memnets.styles.notebook")

# %% [markdown]
# ## Which four operations make the cell?
#
# A plain recurrent network takes what comes in together with what it said
# last, multiplies by a matrix and bends the result by a fixed nonlinearity.
# Those are three operations. Here they are for a network of two neurons that
# is told 0.9.

# %%
rng = np.random.default_rng(0)
x = np.array([1, 0.9, 0])  # tell, value, ask
h = np.zeros(2)  # what it said last
both = np.concatenate([x, h])  # 1. take together
mixed = both @ rng.normal(size=(5, 2))  # 2. multiply by a matrix
new = np.tanh(mixed)  # 3. bend
print(new)

# %% [markdown]
# The matrix was learned and is the same for every input. So such a network
# treats all that it is told in one and the same way. The fourth operation
# multiplies two neurons with each other. One of them, between 0 and 1, acts
# as a weight that is decided afresh at every step: it is a *gate*.

# %%
sigmoid = lambda z: 1 / (1 + np.exp(-z))  # noqa: E731
gate = sigmoid(both @ rng.normal(size=(5, 2)))
print(gate, gate * new)  # 4. multiply neuron by neuron

# %% [markdown]
# Could one not do the same with a sum? Let one neuron carry a signal $v$ and
# another say how much of it is wanted, $s$.

# %%
v = np.linspace(-1, 1, 101)
fig, axes = plt.subplots(1, 2, sharey=True)
for s in (-4, -2, 0, 2, 4):
    axes[0].plot(v, np.tanh(v + s), color=plt.cm.viridis(s / 10 + 0.45))
    axes[1].plot(
        v, np.tanh(v) * sigmoid(s), color=plt.cm.viridis(s / 10 + 0.45), label=s
    )
axes[0].set(xlabel="v", ylabel="what gets through", title="sum: tanh(v + s)")
axes[1].set(xlabel="v", title="product: tanh(v) · sigmoid(s)")
axes[1].legend(title="s", loc=(1, 0.3))
plt.show()

# %% [markdown]
# **What to see.** A sum moves the curve and bends it: what comes out depends
# on $s$ even where there is no signal. The product scales it: at $s=-4$ next
# to nothing gets through, at $s=4$ nearly all, and no signal stays no signal.

# %% [markdown]
# ## How does a cell delete, write and read?
#
# A memory cell has a content $c$. Most of the time nobody touches it. To
# **delete**, a forget gate $f$ is computed from what comes in, and multiplies
# the content:
#
# $$f_t=\sigma(W^{(f)}x_t+U^{(f)}h_{t-1}+b^{(f)}),\qquad c_t=f_t*c_{t-1}.$$
#
# To **write**, an input gate $i$ lets in a candidate $\tilde c$:
#
# $$c_t=f_t*c_{t-1}+i_t*\tilde c_t,\qquad
# \tilde c_t=\tanh(W^{(c)}x_t+U^{(c)}h_{t-1}+b^{(c)}).$$
#
# To **read**, an output gate $o$ lets the content out: $h_t=o_t*\tanh(c_t)$.
# All gates look like $f$, each with its own $W$, $U$ and $b$; $*$ is the
# product neuron by neuron. In NumPy, with the four parts side by side in one
# matrix as Keras has them:


# %%
def step(x, h, c, W, U, b):
    """Take one time step of an LSTM layer."""
    i, f, g, o = np.split(x @ W + h @ U + b, 4, axis=-1)
    i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
    c = f * c + i * g  # delete, and write
    h = o * np.tanh(c)  # read
    return h, c


# %% [markdown]
# Is that all? We give a Keras layer and our function the same weights and the
# same twenty sequences.

# %%
task = Recall()
twenty = task.sample(20, np.random.default_rng(3)).inputs
keras.utils.set_random_seed(1)
layer = keras.layers.LSTM(5, return_sequences=True)
wanted = layer(twenty)
weights = layer.get_weights()  # W, U, b
h = c = np.zeros((20, 5))
for t in range(20):
    h, c = step(twenty[:, t], h, c, *weights)
    assert np.allclose(h, wanted[:, t], atol=1e-5)
print("W, U, b:", *(w.shape for w in weights))

# %% [markdown]
# It is: nothing was raised. `memnets.numpy_lstm` has the same few lines for
# whole sequences, and the way back, the error through time.

# %%
states = numpy_lstm.forward(twenty, *weights)
print(
    f"largest difference from Keras: {np.abs(states.hidden - wanted).max():.0e}"
)

# %% [markdown]
# ## What do the gates of a trained network do?
#
# We train the lecture's network, five cells and two, until it masters recall. Seed
# 11 shows the gates clearly; others share the number among several cells.
# Then `trace` runs it once more and returns what was in every cell at every
# step. The sequences are all alike but for the number: told at step 4, asked
# at step 15.

# %%
model = networks.lecture(task, units=(5, 2), seed=11)
model.compile(keras.optimizers.Adam(0.05), loss="mean_squared_error")
run = train(model, task, 4000, seed=11, record_every=4000, examine_every=4000)
print(f"{run.scores[-1]:.3f} of 2,000 fresh sequences are correct")

# %%
values = np.linspace(0, 1, 21)
batch = join(task.sequence({4: v}, asked=[15]) for v in values)
first, second = trace(model, batch.inputs)
first

# %% [markdown]
# Five cells share the work in the first layer. Which of them keeps the number?
# One that loses nothing and takes nothing in while it waits: its forget gate is
# open and its input gate shut. We look at the sequence that was told 0.9.

# %%
kept = first.forget_gate[:, 6:15].mean(axis=(0, 1))
added = first.input_gate[:, 6:15].mean(axis=(0, 1))
keeper = int((kept - added).argmax())
print("forget gates in the wait:", kept.round(2))
print("input gates in the wait: ", added.round(2), "the keeper is cell", keeper)

# %%
plot_gates(first, task, batch, sequence=18, unit=keeper)
plt.show()

# %% [markdown]
# **What to see.** At the tell the input gate opens and the number is written.
# Until the ask the forget gate is open and the input gate is nearly shut: what
# was written stays, and next to nothing is added.

# %% [markdown]
# That is nearly the cell of the lecture, and nobody drew it: gradient descent
# found it. Here is the same cell at two of these steps with all its numbers.
# The memory flows along the top, as high as it is large, blue above zero and
# orange below.

# %%
plot_cell(first, task, batch, sequence=18, step=4, unit=keeper)
plt.show()

# %% [markdown]
# **What to see.** The tell. The middle gate lets the candidate in, and it flows
# up into the memory. Little was there before, so the forget gate at the top left
# may stay open.

# %%
plot_cell(first, task, batch, sequence=18, step=10, unit=keeper)
plt.show()

# %% [markdown]
# **What to see.** Silence. The memory passes under the open forget gate and loses next to
# nothing. The input gate is nearly shut and lets next to nothing in.

# %% [markdown]
# (`animate_cell` in `memnets.animations` makes a film of all twenty steps;
# `IPython.display.HTML(film.to_jshtml())` plays it here.)
#
# Who reads? The first layer's output gates need not be shut in the wait, as
# long as somebody later is silent. Here is the cell that answers, in the
# second layer.

# %%
plot_gates(second, task, batch, sequence=18, unit=0)
plt.show()

# %% [markdown]
# **What to see.** This output gate opens at the ask and is shut at nearly all
# other steps. What its cell holds at those other steps never gets out.

# %% [markdown]
# ## Is it really the number that is kept?
#
# Then another number must lead to another cell state, and it must stay
# different until the ask. We draw the keeper for all numbers.

# %%
shades = plt.cm.viridis(np.linspace(0, 1, 21))
for state, shade in zip(first.cell_state[..., keeper], shades):
    plt.plot(state, color=shade)
scale = plt.cm.ScalarMappable(plt.Normalize(0, 1), "viridis")
plt.colorbar(scale, ax=plt.gca(), label="told value")
for at in (4, 15):
    plt.axvline(at, color="k", ls=":", lw=1)
plt.gca().set(xlabel="time step", ylabel="cell state of the keeper")
plt.xticks([0, 4, 10, 15])
plt.show()

# %% [markdown]
# **What to see.** The lines part at the tell (step 4) according to the number,
# and up to the ask (step 15) none crosses another. Nearly all of them are level.
# Only those of the largest numbers rise on the way, which does not matter as
# long as the numbers stay distinguishable: the next layer can undo it.

# %% [markdown]
# During all this not a single weight has changed. The weights are the
# *long-term* memory: learned over thousands of episodes, and kept for good.
# What we see here is a *short-term* memory: it lasts for one sequence, in the
# activity of the cells. An LSTM makes it last long. Hence the name, long
# short-term memory.

# %% [markdown]
# ## Why is the silent interval safe?
#
# If $f=1$ and $i=0$ then $c_t=c_{t-1}=c_{t-2}=\dots$: nothing fades, nothing
# blows up, however long it lasts. The error on its way back through the
# silence is multiplied by the same $f$; notebook 04 follows it. And if $f$ is a
# little less than 1? Of the content, $f$ is left after one step and $f^{10}$
# after ten.

# %%
for f in (0.999, 0.99, 0.95, 0.9, 0.7):
    print(f"f = {f:5}   left after 10 steps: {f**10:.2f}")

# %% [markdown]
# So how far open are the forget gates of trained networks in the wait? And
# is it the cell that keeps the number, or the layer, by saying it to itself
# over and over? The candidate and the gates listen to the layer's own last
# output, $Uh_{t-1}$. We make the layer deaf to itself from the tell to the ask
# and see what is left of the differences between the numbers.


# %%
def left_when_deaf(weights, cell):
    """The share of the spread over all numbers that is left at the ask."""
    h = c = np.zeros((len(values), 5))
    spread = []
    for t in range(15):
        h, c = step(batch.inputs[:, t], h, c, *weights)
        h = h * (t < 4)  # deaf from the tell on
        spread.append(np.ptp(c[:, cell]))
    return spread[14] / spread[4]


# %% [markdown]
# We do this for eight lecture networks, 5-2, and eight that end in a weighted
# sum, 5-dense, always with the cell whose forget gate is the most open.


# %%
def waiting(name, seeds):
    """Train networks; yield f, i and what is left, for each one's keeper."""
    plan, model = find(name)[name], None
    for seed in seeds:
        fresh = dataclasses.replace(plan, seed=seed).build()
        fresh.optimizer.build(fresh.trainable_variables)
        model = model or fresh  # compiled once, and started afresh
        model.set_weights(fresh.get_weights())
        start = fresh.optimizer.variables
        for variable, value in zip(model.optimizer.variables, start):
            variable.assign(value)
        train(model, task, plan.episodes, seed=seed, record_every=plan.episodes)
        layer = trace(model, batch.inputs)[0]
        gates = layer.forget_gate, layer.input_gate
        f, i = (gate[:, 6:15].mean(axis=(0, 1)) for gate in gates)
        cell = f.argmax()
        yield f[cell], i[cell], left_when_deaf(model.get_weights()[:3], cell)


# %%
fig, axes = plt.subplots(1, 2)
for name, mark in (("5-2", "o"), ("5-dense", "s")):
    found = waiting(f"recall-mastered/{name}", range(8))
    f, i, left = np.array(list(found)).T
    axes[0].plot(f, i, mark, ms=8, label=name)
    axes[1].plot(f, left, mark, ms=8, label=name)
    print(f"{name:8} f from {f.min():.2f} to {f.max():.2f}", end=", ")
    print(f"left when deaf: {left.min():.2f} to {left.max():.2f}")
axes[0].set(ylim=(-0.03, 1), ylabel="input gate in the wait")
axes[1].set(ylim=(-0.03, 1), ylabel="left when deaf to itself")
for ax in axes:
    ax.set(xlim=(0.6, 1.02), xlabel="forget gate in the wait")
axes[0].legend()
plt.show()

# %% [markdown]
# **What to see.** The lower right corner of the left picture is the safe
# silence, $f=1$ and $i=0$: most cells of 5-2 are near it, those of 5-dense
# far away. On the right: by the time of the ask, a 5-dense layer cut off from its
# own output has lost nearly everything; most 5-2 layers have lost less.

# %% [markdown]
# So there are two ways to remember. One is the cell's: keep the doors shut and
# leave the content alone. The other is the layer's: let the content fade and
# write it anew at every step, from what the layer has just said. By the table
# in notebook 01 nearly all networks of both kinds master the task. So for waits
# of at most 19 steps either will do, or a bit of both. Exercise 3 makes them
# wait longer.

# %% [markdown]
# ## Where is the ceiling in the cell?
#
# Notebook 01 found lecture networks that never say more than
# $\tanh(1)\approx0.762$. Now we can look at the reason. At the ask, the content
# of the answering cell has two parts: $f_t*c_{t-1}$, what is left from before,
# and $i_t*\tilde c_t$, what is written now. We take two recorded networks; the
# first was trained with smaller steps.

# %%
below = recordings.load("recall_ceiling_inside")
past = recordings.load("recall_inside")
fig, axes = plt.subplots(1, 2, sharey=True)
for ax, inside in zip(axes, (below, past)):
    cell_figures.plot_ceiling(inside, ax)
    ax.set_title(f"largest output {inside.outputs[:, 15, 0].max():.3f}")
axes[1].set_ylabel("")
axes[0].legend(loc="upper left")
plt.show()

# %% [markdown]
# **What to see.** On the left next to nothing comes from before: all is written
# at the ask, where one step can write 1 at most, and the output ends at
# $\tanh(1)$. On the right the cell is loaded beforehand when the number is
# large, and its state rises above 1.

# %% [markdown]
# ## Can we set a memory by hand?
#
# If it is true that the gates do the remembering, then no training is needed:
# *tell* opens $i$ and shuts $f$, *ask* opens $o$. A large weight $\pm K$ makes
# a gate quite open or quite shut. The value is multiplied by a small
# $\varepsilon$, where $\tanh x\approx x$, and the weighted sum multiplies by
# $1/\varepsilon$. The cell need not hear itself: $U=0$.


# %%
def memory(K, e, task=task):
    """Set one cell and one weighted sum by hand."""
    hand = networks.recurrent(task, "lstm", units=(1,), readout="dense")
    #            i       f   c   o
    tell, value, ask = [K, -K, 0, 0], [0, 0, e, 0], [0, 0, 0, K]
    bias = [-K / 2, K / 2, 0, -K / 2]
    readout = np.zeros((1, task.width))
    readout[0, 0] = 1 / e
    weights = [tell, value, ask], np.zeros((1, 4)), bias, readout
    weights += (np.zeros(task.width),)
    hand.set_weights([np.array(w, "float32") for w in weights])
    return hand


# %%
hand = memory(K=40, e=0.001)
told_twice = task.sequence({1: 0.3, 13: 0.8}, asked=[7, 19])
(layer,) = trace(hand, told_twice.inputs)
plot_gates(layer, task, told_twice)
plt.show()

# %% [markdown]
# **What to see.** Every gate is quite open or quite shut. The second tell
# deletes the first number and writes its own; the ask in between reads and
# spoils nothing.

# %% [markdown]
# What trained networks found hard in notebook 01, many tells, many asks, long
# waits, is nothing to it. A thousand steps, five tells and five asks:

# %%
hard = Recall(timesteps=1000, tells=5, asks=5)
exam = hard.sample(200, np.random.default_rng(0))
right = hard.correct(hand.predict_on_batch(exam.inputs), exam)
print(f"{right.mean():.2f} of 200 sequences correct")

# %% [markdown]
# How much does it need of $K$ and $\varepsilon$? These are two knobs. On the left
# we turn $K$ and ask at every step of a long wait, on the right we turn
# $\varepsilon$. Put in numbers of your own.

# %%
long = Recall(timesteps=102)
fig, axes = plt.subplots(1, 2)
wait = long.sequence({1: 0.9}, asked=range(2, 102))
for K in (4, 8, 12, 16):
    said = memory(K, 0.001, long).predict_on_batch(wait.inputs)
    axes[0].plot(range(1, 101), said[0, 2:, 0], label=K)
for e in (2, 1, 0.5, 0.1):
    said = memory(40, e).predict_on_batch(batch.inputs)
    axes[1].plot(values, said[:, 15, 0], label=e)
axes[0].set(xlabel="steps since it was told 0.9", ylabel="output")
axes[1].set(xlabel="told value", ylabel="output at the ask")
axes[0].legend(title="K")
axes[1].legend(title="$\\varepsilon$")
plt.show()

# %% [markdown]
# **What to see.** With a small $K$ the forget gate is not quite open, and the
# number fades. With a large $\varepsilon$ the content leaves the straight part
# of $\tanh$, and the answers to large numbers fall short.

# %% [markdown]
# `networks.by_hand` makes such networks for you, for counting too. Two cells
# are enough for a clock: one counts down, one notices zero.

# %%
clock_task = Countdown()
told_five = clock_task.sequence(tell=4, count=5)
clock = networks.by_hand(clock_task)
counter, detector = trace(clock, told_five.inputs)
plot_gates(counter, clock_task, told_five)
plt.show()

# %% [markdown]
# **What to see.** The first cell. The tell deletes what was there and writes
# the count; every step takes one off, and the content passes zero at the
# signal.

# %%
plot_gates(detector, clock_task, told_five)
plt.show()

# %% [markdown]
# **What to see.** The second cell hears the first. Its input gate is open where
# the count is zero or more, its output gate where it is zero or less. At the
# signal, and only there, both are.

# %%
exam = clock_task.exam(np.random.default_rng(0))
right = clock_task.correct(clock.predict_on_batch(exam.inputs), exam)
print(f"{right.sum()} of {right.size} countdowns correct")

# %% [markdown]
# ## Exercises
#
# **1. Spoil a gate.** Take the memory set by hand and push the forget gate's
# bias down from $K/2=20$ until the number fades by half in ten steps. Where
# must it be, by calculation and by trial?
#
# <details><summary>Solution</summary>
#
# $f^{10}=1/2$ gives $f=0.933$, and $\sigma(b)=f$ gives $b=\ln(f/(1-f))=2.63$.
#
# ```python
# f = 0.5**0.1
# b = np.log(f / (1 - f))
# W, U, bias, *readout = memory(40, 0.001).get_weights()
# bias[1] = b
# spoilt = memory(40, 0.001, long)
# spoilt.set_weights([W, U, bias, *readout])
# said = spoilt.predict_on_batch(wait.inputs)[0, :, 0]
# print(f"b = {b:.2f}: {said[2] / 0.9:.3f} after 1 step, {said[11] / 0.9:.3f} after 10")
# ```
#
# The number at the tell is not touched: there the forget gate is shut anyway.
#
# </details>

# %% [markdown]
# **2. Make the cell forget.** The memory set by hand answers the same number
# as often as it is asked. Change one weight so that it gives up the number
# after it was asked once. Why does the ask itself still get its answer?
#
# <details><summary>Solution</summary>
#
# The ask must not shut $f$ at its own step: the content would be gone before it
# is read. The step after must. So the cell has to hear itself, and that is what
# $U$ is for: an output that was not zero shuts $f$. It is of the size
# $\varepsilon v$, so the weight is large.
#
# ```python
# e = 0.001
# once = memory(40, e)
# weights = once.get_weights()
# weights[1][0, 1] = -1000 / e  # U, into the forget gate
# once.set_weights(weights)
# asked_twice = task.sequence({2: 0.8}, asked=[12, 17])
# print(once.predict_on_batch(asked_twice.inputs)[0, [12, 17], 0].round(3))
# ```
#
# It answers 0.8 and then 0. It does so for numbers above 0.03 or so; a number
# near zero is hard to hear.
#
# </details>

# %% [markdown]
# **3. Longer waits, wider open.** The networks above never had to wait for
# more than 19 steps. Train on sequences of 40 steps, where the ask comes up to
# 39 steps after the tell. Where do the forget gates go?
#
# <details><summary>Solution</summary>
#
# ```python
# patient = Recall(timesteps=40)
# for seed in range(5):
#     net = networks.lecture(patient, seed=seed)
#     net.compile(keras.optimizers.Adam(0.05), loss="mean_squared_error")
#     run = train(
#         net, patient, 4000, seed=seed, record_every=4000, examine_every=4000
#     )
#     f = trace(net, batch.inputs)[0].forget_gate[:, 6:15].mean(axis=(0, 1))
#     print(f"seed {seed}: {run.scores[-1]:.2f} correct, f = {f.max():.3f}")
# ```
#
# Those that learn it have a forget gate even closer to 1 than before: what is
# asked for is what is learned. Not all of them learn it.
#
# </details>
