# %% [markdown]
# # 04 · Gradients: how does the error travel back in time?
#
# A network is told a number, and 59 steps later its answer is wrong. To learn
# from that, the error must find its way back to the step of the tell: through
# 59 steps, and every one of them multiplies it by something. F. Marquardt's
# lecture *Machine Learning for Physicists* ("LSTM") says why that can go well.
# Here we
#
# 1. follow the error back through one cell, and prove that nothing is lost,
# 2. see what really comes back in networks that are fresh, and
# 3. watch training open the way in one network and block it in another.
#
# Everything runs from top to bottom in less than a minute.

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
import matplotlib.pyplot as plt
import numpy as np

from memnets import cell_plots, flow_plots, highways, inspection, recordings
from memnets.numpy_lstm import backward, forward
from memnets.tasks import Recall
from memnets.training import train

plt.style.use("memnets.styles.notebook")

# %% [markdown]
# ## What happens to the error at one step?
#
# The memory content of a cell is partly deleted and partly written,
#
# $$c_t=f_t*c_{t-1}+i_t*g_t,\qquad
# g_t=\tanh(W^{(c)}x_t+U^{(c)}h_{t-1}+b^{(c)}),$$
#
# and later read, $h_t=o_t*\tanh(c_t)$. Suppose we know how the deviation $D$
# changes with $c_t$. How does it change with what came before? A sum hands the
# error on as it is. A product splits it into two branches (product rule): each
# factor gets the error times the *other* factor,
#
# $$\frac{\partial D}{\partial c_{t-1}}=\frac{\partial D}{\partial c_t}*f_t,
# \qquad
# \frac{\partial D}{\partial f_t}=\frac{\partial D}{\partial c_t}*c_{t-1}.$$
#
# One branch goes on along the memory, the other teaches the gate. (The first
# equation is the branch through this product alone; there are detours, and we
# shall count them in later.) Believe it by nudging:

# %%
f, c, nudge = 0.9, 2.0, 1e-6
print(f"to the memory: {((f * (c + nudge)) - f * c) / nudge:.3f}")
print(f"to the gate:   {(((f + nudge) * c) - f * c) / nudge:.3f}")

# %% [markdown]
# ## And at many steps?
#
# Along the memory every step multiplies the error by its $f$, so $n$ steps
# leave $f_t f_{t-1}\cdots f_{t-n+1}$ of it. We set one cell by hand, in the
# NumPy of `memnets.numpy_lstm`: a *tell* opens $i$, an *ask* opens $o$, and $f$
# has a bias $b$ and nothing else. With 800 behind them $\sigma$ is exactly 0 or
# 1, so in between nothing is written or read.


# %%
def error_back(b, steps):
    """Return dD/dc from the ask back to the tell, at the other end."""
    inputs = np.zeros((1, steps, 3))  # tell, value, ask
    inputs[0, 0, :2], inputs[0, -1, 2] = (1, 0.7), 1
    K = 800.0
    W = np.array([[2 * K, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 2 * K]])
    layer = W, np.zeros((1, 4)), np.array([-K, b, 0, -K])  # i, f, g, o
    states = forward(inputs, *layer)
    error = np.zeros((1, steps, 1))
    error[0, -1] = 1  # the answer at the ask is off
    return backward(inputs, *layer[:2], states, error).cell_state[0, ::-1, 0]


# %%
lags = np.arange(60)
for b in (0, 1, 3, 5, 800):
    f = 1 / (1 + np.exp(-b))
    back = error_back(b, steps=60)
    plt.semilogy(back / back[0], "o", ms=4, label=f"b = {b}: f = {f:.2f}")
    plt.semilogy(f**lags, "k-", lw=0.8)
plt.gca().set(
    xlabel="time steps back from the ask", ylabel="dD/dc, 1 at the ask"
)
plt.legend(loc="lower left")
plt.show()

# %% [markdown]
# **What to see.** The dots are what backpropagation gives, the thin lines are
# $f^n$. On this scale every constant $f$ is a straight line, and only $f=1$ is
# flat.

# %% [markdown]
# The bias 1 is what Keras gives a fresh LSTM, $f=\sigma(1)=0.73$. It looks
# generous, and over 59 steps it leaves about a hundred-millionth.
#
# ## Is 1 exactly 1?
#
# "As long as memory content is not read or written, the backpropagation
# gradient is trivial", says the lecture. So with $f=1$, $i=0$ and $o=0$ it
# should arrive after a thousand steps as it set out. This is the constant error
# carousel of 1997. In double precision:

# %%
back = error_back(b=800, steps=1001)
print("the error sets out as  ", back[0])
print("and arrives, 1,000 back", back[1000])
print("different values:", len(set(back)))

# %% [markdown]
# Not nearly the same number but the same, bit for bit: it was multiplied by 1
# a thousand times. How close to 1 must $f$ be?

# %%
for b in (5, 7, 9, 800):
    back = error_back(b, steps=1001)
    leak = 1 / (1 + np.exp(b))  # 1 - f
    plt.plot(back / back[0], label=f"b = {b}: 1 - f = {leak:.1g}")
plt.gca().set(
    xlabel="time steps back from the ask", ylabel="dD/dc, 1 at the ask"
)
plt.gca().set(ylim=(0, 1.1))
plt.legend(loc=(1, 0.4))
plt.show()

# %% [markdown]
# **What to see.** A line falls to $1/e$ after about $1/(1-f)$ steps. A gate
# that is open to a part in a thousand is no carousel over a thousand steps.

# %% [markdown]
# ## What does a fresh network keep?
#
# Nobody sets the gates of a fresh network. And there are detours: $c_{t-1}$
# also acts on $h_{t-1}$, and that on every gate of the next step. From here on
# we plot the *total* derivative, along all paths at once: by $c$ in an LSTM, by
# $h$ in the others, which have no $c$. It is a vector with an entry for each
# unit; we draw its norm, divided by its norm at the ask.
#
# The task is recall as in notebook 01, but with 60 steps and one output neuron.
# We tell a number at the first step, ask at the last, and look at one network
# with 8 memory cells.

# %%
task = Recall(timesteps=60, width=1)
wait = highways.longest_wait(task)  # ten sequences, told 0.05 to 0.95
fresh = highways.build("LSTM, bias 1", task, seed=0)
flow = inspection.gradient_flow(fresh, wait)
print(flow.cell_state.shape)  # sequence, steps back
print(flow.cell_state[0, [0, 1, 10, 59]])

# %% [markdown]
# And now six kinds of network, 8 units and 8 seeds each. `SimpleRNN` is
# $h_t=\tanh(Wx_t+Uh_{t-1}+b)$. The LSTMs differ in nothing but the bias of $f$
# at the start: 0, 1 as in Keras, 5, and *chrono*, which draws for each unit a
# time $u$ between 1 and 59 steps and sets the biases of $f$ to $\log u$ and of
# $i$ to $-\log u$ (C. Tallec and Y. Ollivier, ICLR 2018).

# %%
flows = recordings.load("recall_flows")
kept = dict(zip(flows.networks, flows.before))
ax = plt.figure().add_subplot(yscale="log", ylim=flow_plots.LIMITS)
cell_plots.plot_gradient(kept, ax)
ax.set(xlabel="time steps back from the ask", ylabel="gradient, 1 at the ask")
plt.show()

# %% [markdown]
# **What to see.** Lines are medians of the seeds, bands hold the middle 8 of
# 10. "A simple network forgets and an LSTM does not" is not what is here: the
# default LSTM, bias 1, fades much faster than `SimpleRNN`, and only the LSTMs
# with bias 5 or chrono keep as much.

# %% [markdown]
# The rule of the first pictures explains most of it. With bias 0, and in the
# update gate of Keras's GRU, the gate starts half open and each step halves the
# error, or nearly. Bias 5 and chrono start open. And `SimpleRNN`? Its error is
# multiplied by $U^T$ and by the slope $1-h^2$ of $\tanh$ at each step. Keras
# draws an orthogonal $U$, which turns a vector and leaves its length:

# %%
simple = highways.build("SimpleRNN", task, seed=0)


def describe(simple):
    """Print what multiplies the error in a simple network."""
    U = simple.layers[0].get_weights()[1]
    (found,) = inspection.trace(simple, wait.inputs)
    turn = np.abs(np.linalg.eigvals(U)).max()
    print(f"largest |eigenvalue| of U: {turn:.2f}")
    print(f"mean slope of tanh: {np.mean(1 - found.hidden**2):.2f}")


describe(simple)

# %% [markdown]
# So the fresh simple network has a carousel too, with a small leak. Is it good
# for anything?
#
# ## What does training do to the way back?
#
# We train, and every 50 episodes we measure how much of the error at the
# ask reaches the tell, 59 steps back.


# %%
def learn(network, model):
    """Train for 2,000 episodes; draw the way back, and the deviation."""
    left, deviations = [highways.kept(model, wait)[-1]], []
    for part in range(40):
        run = train(model, task, 50, seed=part, record_every=50)
        left.append(highways.kept(model, wait)[-1])
        deviations.append(task.timesteps * run.losses.mean())
    axes[0].semilogy(np.arange(0, 2001, 50), left, label=network)
    axes[1].semilogy(np.arange(50, 2001, 50), deviations)


# %%
fig, axes = plt.subplots(2, 1, sharex=True, figsize=(8, 6))
learn("SimpleRNN", simple)
learn("LSTM, bias 1", fresh)
chrono = highways.build("LSTM, chrono", task, seed=0)
learn("LSTM, chrono", chrono)
axes[0].set_ylabel("gradient at the tell,\n1 at the ask")
axes[1].set(ylabel="deviation D", xlabel="learning episode")
for player, height in (("silence", 1 / 3), ("right time, wrong value", 1 / 12)):
    axes[1].axhline(height, color="k", ls="--", lw=0.8)
    axes[1].text(600, height * 0.9, player, va="top")
fig.legend(loc="outside upper center", ncols=3)
plt.show()

# %% [markdown]
# **What to see.** All three first learn *when* to speak, down to the lower
# dashed line, and meanwhile `SimpleRNN` loses its way back for good. The LSTM
# with bias 1 waits on the same line with almost nothing coming back, until its
# way opens and the deviation falls; chrono's was never closed.

# %% [markdown]
# What did that to the simple network? The same two factors as above, now after
# training:

# %%
describe(simple)
print(f"0.9 to the power of 59 is {0.9**59:.3f}")

# %% [markdown]
# A factor that is a little below 1 is no small matter after 59 steps. And $U$
# is not left alone to be a memory: the same weights shape every answer at every
# step.

# %% [markdown]
# ## Is that luck?
#
# The same for the recorded 8 seeds of each network, 2,000 episodes with steps
# that fade to 0. *Mastered* means that 99 % of 2,000 fresh sequences are right;
# a network that knows when and not what has 20 %.

# %%
print(f"{'':14} mastered   correct, seed by seed")
for network, count, scores in zip(flows.networks, flows.mastered, flows.scores):
    row = " ".join(f"{score:4.0%}" for score in scores)
    print(f"{network:14} {count} of {len(scores)}    {row}")

# %%
fig, axes = plt.subplots(2, 3, sharex=True, sharey=True)
for ax, network in zip(axes.flat, flows.networks):
    flow_plots.plot_flow(flows, network, ax)
axes[1, 1].set_xlabel("time steps back from the ask")
fig.supylabel("gradient, 1 at the ask", fontsize=11.5)
handles = {line.get_label(): line for ax in axes.flat for line in ax.lines}
fig.legend(handles.values(), handles, loc="outside lower center", ncols=3)
plt.show()

# %% [markdown]
# **What to see.** A dashed line is the median before training, full lines are
# seeds after it. Every network that mastered the task, of whatever kind, has a
# flat way back; most LSTMs with bias 1 have *learned* theirs, and in all of
# the simple networks training has blocked it.

# %% [markdown]
# One dot for each of the 48 networks:

# %%
flow_plots.plot_open_ways(flows)
plt.legend(loc=(1, 0.4))
plt.show()

# %% [markdown]
# **What to see.** There is nothing at the upper left: nobody here answers well
# without a way back. But there are dots at the lower right, so an open way is
# not enough.

# %% [markdown]
# Those at the lower right have mostly bias 5. "Give the forget gate a large
# bias" is common advice; here it opens the way and still all eight seeds fail,
# seven succeed with bias 1, and chrono is the surest. Exercise 2 shows what
# chrono has that bias 5 lacks.
#
# ## Have they built a carousel?
#
# We expect that an LSTM which keeps its error has pushed $f$ to 1. That can be
# checked: the direct path along one cell leaves $f_tf_{t-1}\cdots$, as in our
# first pictures, and whatever else arrives took the detours. We take the cell
# in which the product is largest.

# %%
fig, axes = plt.subplots(1, 2, sharey=True)
for ax, network in zip(axes, ("LSTM, bias 1", "LSTM, chrono")):
    number = flows.networks.index(network)
    chosen = flows.scores[number] >= task.pass_mark
    ax.semilogy(flows.after[number, chosen].T, "C1", label="all paths")
    ax.semilogy(flows.direct[number, chosen].T, "C0", label="direct path")
    ax.set(title=network, xlabel="time steps back from the ask")
axes[0].set_ylabel("gradient, 1 at the ask")
handles = {line.get_label(): line for line in axes[0].lines}
axes[0].legend(handles.values(), handles, loc="lower left")
plt.show()

# %% [markdown]
# **What to see.** Only seeds that mastered the task are drawn. In chrono's
# networks much of what arrives came along the direct path; in those that began
# with bias 1 next to nothing did, and yet as much arrives.

# %%
(found,) = inspection.trace(fresh, wait.inputs)
waiting = found.forget_gate[:, 1:-1].mean(axis=(0, 1))
print("f of the 8 cells while it waits:", np.sort(waiting).round(2))

# %% [markdown]
# So the default LSTM that learned to wait has built no carousel: its cells go
# on forgetting. Which detour brings the error home? In the backward pass, and
# only there, we cut the columns of $U$ that lead to a gate or to the candidate.

# %%
W, U, b, V, _ = map(np.float64, fresh.get_weights())
states = forward(wait.inputs.astype(float), W, U, b)
error = np.zeros_like(states.hidden)
error[:, -1] = V[:, 0]  # the weights of the readout
for detours in ("ifgo", "", "g", "ifo"):
    uncut = np.repeat([part in detours for part in "ifgo"], 8)
    back = backward(wait.inputs, W, U * uncut, states, error).cell_state
    norms = np.linalg.norm(back, axis=2)
    left = np.median(norms[:, 0] / norms[:, -1])
    print(f"detours by {detours or 'nothing':8} leave {left:.0e} at the tell")

# %% [markdown]
# It is the loop $c\to h\to g\to c$: what the cells forget is written again at
# every step. The lecture's silent interval, nothing read and nothing written,
# is what an LSTM *can* do. This one reads and writes all the time, much as a
# simple network would, but its loop is one that training did not break.
# Chrono's networks come nearer to the lecture's picture.
#
# The size of the networks, the task and the learning rate are part of all
# this: 8 seeds of one task are evidence and no law.

# %% [markdown]
# ## Exercises
#
# **1. Half of it.** Which bias $b$ leaves one half of the error after 1,000
# steps? Calculate it, then check with `error_back`.
#
# <details><summary>Solution</summary>
#
# $f^{1000}=1/2$ and $f=\sigma(b)$, so $b=\log\frac{f}{1-f}$ with
# $f=2^{-1/1000}$.
#
# ```python
# f = 2 ** (-1 / 1000)
# b = np.log(f / (1 - f))
# back = error_back(b, steps=1001)
# print(f"b = {b:.2f} leaves {back[1000] / back[0]:.3f}")
# ```
#
# A bias of a little over 7, then: $1-f\approx e^{-b}$, so three more make the
# memory twenty times as long.
#
# </details>

# %% [markdown]
# **2. Why does bias 5 fail?** Chrono does two things: it opens $f$ and it
# closes $i$. Give the networks with bias 5 an input gate that starts closed, at
# $-5$, and train two seeds. (Keras keeps the gates in the order $i,f,c,o$.)
#
# <details><summary>Solution</summary>
#
# ```python
# exam = task.exam(np.random.default_rng(0))
# for bias in (0, -5):
#     for seed in range(2):
#         net = highways.build("LSTM, bias 5", task, seed)
#         W, U, b, *readout = net.get_weights()
#         b[:8] = bias  # of the input gate
#         net.set_weights([W, U, b, *readout])
#         train(net, task, 2000, seed=seed, record_every=2000)
#         right = task.correct(net.predict_on_batch(exam.inputs), exam)
#         print(f"input gate {bias:2}, seed {seed}: {right.mean():.0%}")
# ```
#
# With the input gate closed both master it. A cell that forgets nothing
# must not be written to at every step, or what it was told drowns in what came
# after: a flat way back is worth little if there is no quiet way forward.
#
# </details>

# %% [markdown]
# **3. Smaller steps?** Perhaps the simple network only lost its way because
# the steps were too large. Train two seeds of it with a learning rate of
# 0.001 instead of 0.01 and look what is left.
#
# <details><summary>Solution</summary>
#
# ```python
# exam = task.exam(np.random.default_rng(0))
# for seed in range(2):
#     net = highways.build("SimpleRNN", task, seed, learning_rate=0.001)
#     train(net, task, 2000, seed=seed, record_every=2000)
#     right = task.correct(net.predict_on_batch(exam.inputs), exam)
#     left = highways.kept(net, wait)[-1]
#     print(f"seed {seed}: {right.mean():.0%} correct, {left:.0e} at the tell")
#     describe(net)
# ```
#
# No: the way closes all the same, and it closes in two manners. Either $U$ is
# no longer orthogonal and shortens, or the units saturate, $|h|\approx1$, and
# the slope of $\tanh$ does it.
#
# </details>
