# %% [markdown]
# # 03 · Inside the cell: what opens, what shuts, what stays?
#
# A network that recalls a number must have kept the number somewhere. In an
# LSTM this place is the memory cell. Three gates decide what happens to its
# content: delete, write, and read (F. Marquardt's lecture *Machine Learning
# for Physicists*, "LSTM"). In this notebook we
#
# 1. build the cell from four simple operations and compare it with Keras,
# 2. look inside a trained network and watch its gates while it remembers, and
# 3. set the weights of a memory by hand, without any training.
#
# Everything runs from top to bottom in less than a minute. Notebook 01
# explains the task and the training. The [glossary](../docs/glossary.md) lists
# all technical terms.

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
    Countdown,
    Recall,
    Recording,
    by_hand,
    find,
    join,
    lecture,
    plot_cell,
    plot_gates,
    recorded,
    recurrent,
    repeat,
    trace,
    train,
)
from memnets.scratch.lstm import forward

# %%
import keras
import matplotlib.pyplot as plt
import numpy as np

plt.style.use("memnets.plots.styles.notebook")

# %% [markdown]
# ## Which four operations make the cell?
#
# A simple recurrent network uses three operations. It joins its input with its
# own last output, it multiplies them by a matrix, and it applies a fixed
# nonlinear function. Here are the three operations for a network of two
# neurons that is told 0.9.

# %%
rng = np.random.default_rng(0)
x = np.array([1, 0.9, 0])  # tell, value, ask
h = np.zeros(2)  # its own last output
both = np.concatenate([x, h])  # 1. join
mixed = both @ rng.normal(size=(5, 2))  # 2. multiply by a matrix
new = np.tanh(mixed)  # 3. apply a nonlinear function
print(new)

# %% [markdown]
# Training determines the matrix, and then it is the same for every input. So
# such a network treats all inputs in the same way. The fourth operation
# multiplies two neurons with each other. One of them has a value between 0 and
# 1 and acts as a weight that is computed anew at every step. It is called a
# *gate*. Its values come from [$\sigma$](../docs/glossary.md#sigma), the
# logistic function (also called sigmoid), which rises from 0 to 1.


# %%
def sigmoid(z):
    """The function sigma."""
    return 1 / (1 + np.exp(-z))


gate = sigmoid(both @ rng.normal(size=(5, 2)))
print(gate, gate * new)  # 4. multiply neuron by neuron

# %% [markdown]
# Could a sum do the same? Let one neuron carry a signal $v$, and let another
# neuron $s$ say how much of this signal should pass. We compare the sum of the
# two with their product.

# %%
v = np.linspace(-1, 1, 101)
fig, axes = plt.subplots(1, 2, sharey=True)
for s in (-4, -2, 0, 2, 4):
    color = plt.cm.viridis(s / 10 + 0.45)
    axes[0].plot(v, np.tanh(v + s), color=color)
    axes[1].plot(v, np.tanh(v) * sigmoid(s), color=color, label=s)
axes[0].set(xlabel="v", ylabel="what gets through", title="sum: tanh(v + s)")
axes[1].set(xlabel="v", title="product: tanh(v) · sigmoid(s)")
axes[1].legend(title="s", loc=(1, 0.3))
plt.show()

# %% [markdown]
# **What to see.** The sum shifts the curve, so the result depends on $s$ even
# where the signal is 0. The product scales the curve, and a signal of 0 stays
# 0. At $s=-4$ next to nothing gets through, and at $s=4$ nearly everything.

# %% [markdown]
# ## How does a cell delete, write and read?
#
# A memory cell has a content $c$. Most of the time the content should not
# change. To **delete**, the cell computes a forget gate $f$ and multiplies the
# content by it:
#
# $$f_t=\sigma(W^{(f)}x_t+U^{(f)}h_{t-1}+b^{(f)}),\qquad c_t=f_t*c_{t-1}.$$
#
# To **write**, it adds a candidate $\tilde c$, multiplied by an input gate
# $i$:
#
# $$c_t=f_t*c_{t-1}+i_t*\tilde c_t,\qquad
# \tilde c_t=\tanh(W^{(c)}x_t+U^{(c)}h_{t-1}+b^{(c)}).$$
#
# To **read**, it multiplies by an output gate $o$: $h_t=o_t*\tanh(c_t)$.
# All gates are computed like $f$, and each has its own $W$, $U$ and $b$. The
# symbol $*$ is the product neuron by neuron. A gate is *open* at 1 and *shut*
# at 0. The next cell writes this in NumPy. As in Keras, one matrix holds the
# weights of all four parts side by side.


# %%
def step(x, h, c, W, U, b):
    """Take one time step of an LSTM layer."""
    i, f, g, o = np.split(x @ W + h @ U + b, 4, axis=-1)
    i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
    c = f * c + i * g  # delete, and write
    h = o * np.tanh(c)  # read
    return h, c


# %% [markdown]
# Is this all? We give the same weights and the same twenty sequences to a
# Keras layer and to our function. The line with `assert` raises an error if
# the two disagree.

# %%
task = Recall()
twenty = task.sample(20, np.random.default_rng(3)).inputs
keras.utils.set_random_seed(1)
layer = keras.layers.LSTM(5, return_sequences=True)
wanted = layer(twenty)
weights = layer.get_weights()
print("W, U, b:", *(w.shape for w in weights))

# %%
h = c = np.zeros((20, 5))
for t in range(20):
    h, c = step(twenty[:, t], h, c, *weights)
    assert np.allclose(h, wanted[:, t], atol=1e-5)

# %% [markdown]
# There is no error, so this is all. The module `memnets.scratch.lstm` contains
# the same few lines for whole sequences, and also the backward pass of the
# error through time.

# %%
states = forward(twenty, *weights)
difference = np.abs(states.hidden - wanted).max()
print(f"largest difference from Keras: {difference:.0e}")

# %% [markdown]
# ## What do the gates of a trained network do?
#
# We train the lecture's network, with five cells and two, until it masters
# recall. Four terms from notebook 01:
#
# - An [episode](../docs/glossary.md#episode) is one update of the weights on a
#   batch of 20 fresh sequences.
# - [Adam](../docs/glossary.md#adam) is a form of gradient descent that adapts
#   the size of the step for each weight; here its learning rate is 0.05.
# - The [seed](../docs/glossary.md#seed) is a number that fixes everything
#   random.
# - The [exam](../docs/glossary.md#exam) is a test on 2,000 sequences that are
#   not used for training.
#
# We choose seed 11 because it shows the gates clearly; with other seeds
# several cells share the number.

# %%
model = lecture(task, units=(5, 2), seed=11)
model.compile(keras.optimizers.Adam(0.05), loss="mean_squared_error")
recording = Recording(every=4000, exam_every=4000)
run = train(model, task, 4000, seed=11, recording=recording)
print(f"{run.scores[-1]:.3f} of 2,000 fresh sequences are correct")

# %% [markdown]
# Then `trace` runs the trained network once more and returns what was in every
# cell at every step. We use 21 sequences that differ only in the number. All
# of them are told at step 4 and asked at step 15.

# %%
values = np.linspace(0, 1, 21)
batch = join(task.sequence({4: v}, asked=[15]) for v in values)
first, second = trace(model, batch.inputs)
first

# %% [markdown]
# Which of the five cells in the first layer keeps the number? We look for a
# cell that loses nothing and takes in nothing during the wait: its forget gate
# is open and its input gate is shut. We call this cell the keeper. All
# pictures below show the sequence that was told 0.9.

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
# Until the ask the forget gate stays open and the input gate stays nearly
# shut. So the number stays, and next to nothing is added to it.

# %% [markdown]
# This is nearly the cell of the lecture. Nobody designed it; gradient descent
# found it. The next two pictures show the same cell at two of these steps,
# with all its numbers. The cell state flows along the top from left to right.
# The height of a band shows the size of a number, blue above zero and orange
# below.

# %%
plot_cell(first, task, batch, sequence=18, step=4, unit=keeper)
plt.show()

# %% [markdown]
# **What to see.** This is the step of the tell. The input gate in the middle
# lets the candidate through, and the candidate flows up into the cell state.
# There was little in the cell before, so the forget gate at the top left may
# stay open.

# %%
plot_cell(first, task, batch, sequence=18, step=10, unit=keeper)
plt.show()

# %% [markdown]
# **What to see.** This is a step of the wait. The cell state passes the open
# forget gate and loses next to nothing. The input gate is nearly shut, so next
# to nothing is added.

# %% [markdown]
# (`memnets.animate_cell` makes a film of all twenty steps.
# `IPython.display.HTML(film.to_jshtml())` plays it here.)
#
# Which cell reads? The output gates of the first layer need not be shut in the
# wait, as long as a later layer stays silent. The next picture shows the cell
# in the second layer that gives the answer.

# %%
plot_gates(second, task, batch, sequence=18, unit=0)
plt.show()

# %% [markdown]
# **What to see.** This output gate opens at the ask and is shut at nearly all
# other steps. So the content of this cell is not visible at other steps.

# %% [markdown]
# ## Is it really the number that is kept?
#
# If the keeper holds the number, then different numbers must lead to different
# cell states, and they must stay different until the ask. We draw the keeper's
# cell state for all 21 numbers.

# %%
for value, state in zip(values, first.cell_state[..., keeper]):
    plt.plot(state, color=plt.cm.viridis(value))
scale = plt.cm.ScalarMappable(plt.Normalize(0, 1), "viridis")
plt.colorbar(scale, ax=plt.gca(), label="told value")
for tell_or_ask in (4, 15):
    plt.axvline(tell_or_ask, color="k", ls=":", lw=1)
plt.gca().set(xlabel="time step", ylabel="cell state of the keeper")
plt.xticks([0, 4, 10, 15])
plt.show()

# %% [markdown]
# **What to see.** The lines separate at the tell (step 4), in the order of the
# numbers, and no line crosses another before the ask (step 15). Nearly all
# lines are flat. Only those of the largest numbers rise during the wait; this
# does not matter as long as the numbers stay distinguishable, because the next
# layer can correct for it.

# %% [markdown]
# No weight has changed during all this. The weights are the *long-term*
# memory: they are learned over thousands of episodes and then stay fixed. What
# we see here is the *short-term* memory: it lasts for one sequence and consists
# of the activity of the cells. An LSTM makes this short-term memory last long.
# This explains its name, long short-term memory.

# %% [markdown]
# ## Why is the wait safe?
#
# If $f=1$ and $i=0$, then $c_t=c_{t-1}=c_{t-2}=\dots$: the content neither
# fades nor grows, however long the wait. The error on its way back in time is
# multiplied by the same $f$; notebook 04 follows it. What if $f$ is a little
# less than 1? After one step a fraction $f$ of the content remains, and after
# ten steps a fraction $f^{10}$.

# %%
for f in (0.999, 0.99, 0.95, 0.9, 0.7):
    print(f"f = {f:5}   left after 10 steps: {f**10:.2f}")

# %% [markdown]
# So how far open are the forget gates of trained networks during the wait? And
# is it the cell that keeps the number? There is a second possibility: the
# layer could repeat the number to itself, because the gates and the candidate
# also depend on the layer's own last output, through $Uh_{t-1}$.
#
# We test this. From the tell to the ask we set the layer's own output to zero.
# Then we measure how much of the differences between the 21 numbers remains in
# the cell at the ask.


# %%
def left_without_output(weights, cell):
    """The share of the spread over all numbers that is left at the ask."""
    h = c = np.zeros((len(values), 5))
    spread = []
    for t in range(15):
        h, c = step(batch.inputs[:, t], h, c, *weights)
        h = h * (t < 4)  # no output of its own from the tell on
        spread.append(np.ptp(c[:, cell]))
    return spread[14] / spread[4]


# %% [markdown]
# We do this for eight lecture networks, 5-2, and for eight networks that end
# in a weighted sum, 5-dense. `repeat` trains a network for each seed. In each
# network we choose the cell of the first layer whose forget gate is open the
# most.


# %%
def waiting(name):
    """Train eight networks; yield f, i and the share left, for each."""
    plan = find(name)[name]
    model = plan.build()
    for run in repeat(plan, range(8), Recording(every=plan.episodes)):
        model.set_weights(run.weights)
        layer = trace(model, batch.inputs)[0]
        gates = layer.forget_gate, layer.input_gate
        f, i = (gate[:, 6:15].mean(axis=(0, 1)) for gate in gates)
        cell = f.argmax()
        yield f[cell], i[cell], left_without_output(run.weights[:3], cell)


# %%
fig, axes = plt.subplots(1, 2)
for name, mark in (("5-2", "o"), ("5-dense", "s")):
    f, i, left = np.array(list(waiting(f"recall-mastered/{name}"))).T
    axes[0].plot(f, i, mark, ms=8, label=name)
    axes[1].plot(f, left, mark, ms=8)
    print(f"{name:8} f from {f.min():.2f} to {f.max():.2f}", end=", ")
    print(f"left without own output: {left.min():.2f} to {left.max():.2f}")
axes[0].set_ylabel("input gate in the wait")
axes[1].set_ylabel("left without own output")
for ax in axes:
    ax.set(xlim=(0.6, 1.02), ylim=(-0.03, 1), xlabel="forget gate in the wait")
axes[0].legend()
plt.show()

# %% [markdown]
# **What to see.** In the left picture the lower right corner is the safe wait,
# $f=1$ and $i=0$: most cells of 5-2 are near it, and those of 5-dense are far
# away. In the right picture, a 5-dense layer cut off from its own output has
# lost nearly everything by the time of the ask. Most 5-2 layers have lost
# less.

# %% [markdown]
# So there are two ways to remember. In the first, the cell keeps its gates
# shut and its content unchanged. In the second, the layer lets the content fade
# and writes it again at every step, from its own last output. The table in
# notebook 01 shows that nearly all networks of both kinds master the task. So
# both ways work for waits of at most 19 steps, and so does a mixture of them.
# Exercise 3 makes the networks wait for longer.

# %% [markdown]
# ## Where is the ceiling in the cell?
#
# Notebook 01 found networks that never say more than $\tanh(1)\approx0.762$.
# Now we can see the reason. At the ask, the content of the answering cell has
# two parts: $f_t*c_{t-1}$ is what is left from before, and $i_t*\tilde c_t$ is
# what is written now. We compare two recorded networks. The first one was
# trained with a smaller learning rate.


# %%
def parts(network):
    """Return what is left from before and what is written, at the ask."""
    cell = network.traces[-1]
    before = cell.forget_gate[:, 15, 0] * cell.cell_state[:, 14, 0]
    written = cell.input_gate[:, 15, 0] * cell.candidate[:, 15, 0]
    return before, written


# %%
fig, axes = plt.subplots(1, 2, sharey=True)
for ax, name in zip(axes, ("recall_ceiling_inside", "recall_inside")):
    network = recorded(name)
    before, written = parts(network)
    output = network.outputs[:, 15, 0]
    ax.plot(values, before, "C3-.", label="from before")
    ax.plot(values, before + written, "k", label="cell state")
    ax.plot(values, written, "C2--", label="written now")
    ax.plot(values, output, "C1", label="output")
    ax.axhline(1, color="k", ls=":", lw=1)
    ax.axhline(np.tanh(1), color="C1", ls=":", lw=1)
    ax.set(title=f"largest output {output.max():.3f}", xlabel="told value")
axes[0].set_ylabel("at the ask")
axes[0].legend(loc="upper left")
plt.show()

# %% [markdown]
# **What to see.** On the left next to nothing is left from before: everything
# is written at the ask, where one step can write 1 at most, and the output
# ends near $\tanh(1)$ (lower dotted line). On the right a large number has
# filled the cell beforehand. Its cell state rises above 1.

# %% [markdown]
# ## Can we set a memory by hand?
#
# If the gates do the remembering, no training is needed. *Tell* must open $i$
# and shut $f$, and *ask* must open $o$. A large weight $\pm K$ opens a gate
# almost fully or shuts it almost fully. The value is multiplied by a small
# number $\varepsilon$, where $\tanh x\approx x$. The weighted sum at the end
# multiplies by $1/\varepsilon$. The cell does not need its own output, so
# $U=0$.


# %%
def memory(K, e):
    """Set the weights of one cell and one weighted sum by hand."""
    #            i       f   c   o
    tell, value, ask = [K, -K, 0, 0], [0, 0, e, 0], [0, 0, 0, K]
    bias = [-K / 2, K / 2, 0, -K / 2]
    weights = [tell, value, ask], np.zeros((1, 4)), bias, [[1 / e]], [0]
    hand = recurrent(Recall(width=1), "lstm", units=(1,), readout="dense")
    hand.set_weights([np.array(w, "float32") for w in weights])
    return hand


# %%
hand = memory(K=40, e=0.001)
told_twice = task.sequence({1: 0.3, 13: 0.8}, asked=[7, 19])
(layer,) = trace(hand, told_twice.inputs)
plot_gates(layer, task, told_twice)
plt.show()

# %% [markdown]
# **What to see.** Every gate is either fully open or fully shut. The second
# tell deletes the first number and writes its own. The ask in between reads
# the number and changes nothing.

# %% [markdown]
# Many tells, many asks and long waits were hard for the trained networks of
# notebook 01. They are easy for this memory. We test it on a thousand steps
# with five tells and five asks.

# %%
hard = Recall(timesteps=1000, tells=5, asks=5, width=1)
exam = hard.sample(200, np.random.default_rng(0))
right = hard.correct(hand.predict_on_batch(exam.inputs), exam)
print(f"{right.mean():.2f} of 200 sequences correct")

# %% [markdown]
# How large must $K$ be, and how small $\varepsilon$? On the left we vary $K$
# and ask at every step of a long wait. On the right we vary $\varepsilon$. Try
# other numbers yourself.

# %%
long = Recall(timesteps=102)
wait = long.sequence({1: 0.9}, asked=range(2, 102))
fig, axes = plt.subplots(1, 2)
for K in (4, 8, 12, 16):
    said = memory(K, 0.001).predict_on_batch(wait.inputs)
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
# **What to see.** With a small $K$ the forget gate is not fully open, and the
# number fades. With a large $\varepsilon$ the content leaves the straight part
# of $\tanh$, and the answers to large numbers are too small.

# %% [markdown]
# The function `by_hand` makes such networks for you, also for counting. Two
# cells are enough for a clock: one counts down, and the other detects zero.

# %%
clock_task = Countdown()
told_five = clock_task.sequence(tell=4, count=5)
clock = by_hand(clock_task)
counter, detector = trace(clock, told_five.inputs)
plot_gates(counter, clock_task, told_five)
plt.show()

# %% [markdown]
# **What to see.** This is the first cell. The tell deletes the old content and
# writes the count. Every step subtracts one unit, and the content passes zero
# at the signal.

# %%
plot_gates(detector, clock_task, told_five)
plt.show()

# %% [markdown]
# **What to see.** The second cell receives the output of the first. Its input
# gate is open where the count is zero or more, and its output gate is open
# where the count is zero or less. Both gates are open only at the signal.

# %%
exam = clock_task.exam(np.random.default_rng(0))
right = clock_task.correct(clock.predict_on_batch(exam.inputs), exam)
print(f"{right.sum()} of {right.size} countdowns correct")

# %% [markdown]
# ## Exercises
#
# **1. A leaky gate.** Take the memory set by hand and lower the bias of the
# forget gate from $K/2=20$ until the number fades to one half in ten steps.
# Find the bias by calculation and check it.
#
# <details><summary>Solution</summary>
#
# $f^{10}=1/2$ gives $f=0.933$, and $\sigma(b)=f$ gives $b=\ln(f/(1-f))=2.63$.
#
# ```python
# f = 0.5**0.1
# b = np.log(f / (1 - f))
# leaky = memory(40, 0.001)
# weights = leaky.get_weights()
# weights[2][1] = b  # the bias of the forget gate
# leaky.set_weights(weights)
# left = leaky.predict_on_batch(wait.inputs)[0, :, 0] / 0.9
# print(f"b = {b:.2f}: {left[2]:.3f} after 1 step, {left[11]:.3f} after 10")
# ```
#
# The number is written in full at the tell, because the forget gate acts only
# on the old content.
#
# </details>

# %% [markdown]
# **2. Make the cell forget.** The memory set by hand gives the same answer
# every time it is asked. Change one weight so that it loses the number after
# the first ask. Why does the first ask still get its answer?
#
# <details><summary>Solution</summary>
#
# The ask must not shut $f$ at its own step, because the content would be gone
# before it is read. But $f$ may shut one step later. For this the cell must
# receive its own output, and this is the purpose of $U$: an output that was
# not zero shuts $f$. The output is as small as $\varepsilon v$, so the weight
# must be large.
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
# It answers 0.8 and then 0. This works for numbers above about 0.03. For a
# smaller number the output is too small to shut the gate.
#
# </details>

# %% [markdown]
# **3. Longer waits.** The networks above never had to wait for more than 19
# steps. Train on sequences of 40 steps, where the ask comes up to 39 steps
# after the tell. How far do the forget gates open?
#
# <details><summary>Solution</summary>
#
# ```python
# patient = Recall(timesteps=40)
# for seed in range(5):
#     net = lecture(patient, seed=seed)
#     net.compile(keras.optimizers.Adam(0.05), loss="mean_squared_error")
#     run = train(net, patient, 4000, seed=seed, recording=recording)
#     f = trace(net, batch.inputs)[0].forget_gate[:, 6:15].mean(axis=(0, 1))
#     print(f"seed {seed}: {run.scores[-1]:.2f} correct, f = {f.max():.3f}")
# ```
#
# The networks that learn the task have a forget gate even closer to 1 than
# before, because the longer waits require it. Not all networks learn the task.
#
# </details>
