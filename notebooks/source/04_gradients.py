# %% [markdown]
# # 04 · Gradients: how does the error travel back in time?
#
# A network is told a number, and 59 steps later its answer is wrong. To learn
# from this error, training must follow it back to the step of the tell. This
# is backpropagation through time. It takes 59 steps, and each step multiplies
# the error by some factor. F. Marquardt's lecture *Machine Learning for
# Physicists* ("LSTM") explains why this can work. In this notebook we
#
# 1. follow the error back through one cell and check that nothing is lost,
# 2. measure how much of the error comes back in untrained networks, and
# 3. see that training lets the error through in one network and blocks it in
#    another.
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
    Recall,
    Recording,
    gradient_flow,
    plot_gradient,
    plot_gradient_study,
    plot_scores_by_gradient,
    recorded,
    trace,
    train,
)
from memnets.experiments.gradient_study import (
    build_network,
    longest_wait,
    relative_gradient,
)
from memnets.scratch.lstm import backward, forward

# %%
import matplotlib.pyplot as plt
import numpy as np

plt.style.use("memnets.plots.styles.notebook")

# %% [markdown]
# ## What happens to the error at one step?
#
# The content of a memory cell is partly deleted and partly written,
#
# $$c_t=f_t*c_{t-1}+i_t*g_t,\qquad
# g_t=\tanh(W^{(c)}x_t+U^{(c)}h_{t-1}+b^{(c)}),$$
#
# and later it is read, $h_t=o_t*\tanh(c_t)$. The gates $f$, $i$ and $o$ are
# values of [$\sigma$](../docs/glossary.md#sigma), the logistic function, which
# rises from 0 to 1.
#
# The [deviation](../docs/glossary.md#deviation) $D$ is the squared error of
# the answer, summed over the time steps and averaged over the sequences.
# Suppose that we know $\partial D/\partial c_t$, how $D$ changes with $c_t$.
# How does $D$ change with the quantities before? A sum passes the error on
# unchanged. A product has two factors, and by the product rule each factor
# gets the error times the *other* factor:
#
# $$\frac{\partial D}{\partial c_{t-1}}=\frac{\partial D}{\partial c_t}*f_t,
# \qquad
# \frac{\partial D}{\partial f_t}=\frac{\partial D}{\partial c_t}*c_{t-1}.$$
#
# The first branch continues along the memory. The second branch changes the
# gate. (The first equation holds for the path through this product alone.
# There are indirect paths as well, and we shall include them below.) We check
# both branches numerically, with a small change of each factor.

# %%
f, c, small = 0.9, 2.0, 1e-6
print(f"to the memory: {((f * (c + small)) - f * c) / small:.3f}")
print(f"to the gate:   {(((f + small) * c) - f * c) / small:.3f}")

# %% [markdown]
# ## What happens over many steps?
#
# Along the memory every step multiplies the error by its $f$. So after $n$
# steps a fraction $f_t f_{t-1}\cdots f_{t-n+1}$ remains. We set the weights of
# one cell by hand, in the NumPy code of `memnets.scratch.lstm`. A *tell* opens
# $i$, an *ask* opens $o$, and $f$ depends on a bias $b$ only. With weights as
# large as 800, $\sigma$ evaluates to exactly 0 or 1. So between tell and ask
# nothing is written or read.


# %%
def error_back(b, steps):
    """Return dD/dc at each step, from the ask back to the tell."""
    inputs = np.zeros((1, steps, 3))  # tell, value, ask
    inputs[0, 0, :2], inputs[0, -1, 2] = (1, 0.7), 1
    K = 800.0
    W = np.array([[2 * K, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 2 * K]])
    layer = W, np.zeros((1, 4)), np.array([-K, b, 0, -K])  # i, f, g, o
    states = forward(inputs, *layer)
    error = np.zeros((1, steps, 1))
    error[0, -1] = 1  # the answer at the ask is wrong
    return backward(inputs, *layer[:2], states, error).cell_state[0, ::-1, 0]


# %%
lags = np.arange(60)
for b in (0, 1, 3, 5, 800):
    f = 1 / (1 + np.exp(-b))
    back = error_back(b, steps=60)
    plt.semilogy(back / back[0], "o", ms=4, label=f"b = {b}: f = {f:.2f}")
    plt.semilogy(f**lags, "k-", lw=0.8)
plt.xlabel("time steps back from the ask")
plt.ylabel("dD/dc, 1 at the ask")
plt.legend(loc="lower left")
plt.show()

# %% [markdown]
# **What to see.** The dots are the result of backpropagation, and the thin
# lines are $f^n$. On this logarithmic scale every constant $f$ gives a
# straight line. Only the line of $f=1$ is flat.

# %% [markdown]
# Keras starts an LSTM with the bias 1, so that $f=\sigma(1)=0.73$. This looks
# large, but over 59 steps only about a hundred-millionth of the error remains.
#
# ## Is 1 exactly 1?
#
# The lecture says: "As long as memory content is not read or written, the
# backpropagation gradient is trivial". So with $f=1$, $i=0$ and $o=0$ the
# error should not change over a thousand steps. This is the
# [constant error carousel](../docs/glossary.md#constant-error-carousel) of
# 1997. We check it in double precision.

# %%
back = error_back(b=800, steps=1001)
print("the error at the ask       ", back[0])
print("and 1,000 steps before that", back[1000])
print("different values:", len(set(back)))

# %% [markdown]
# The numbers are not just close; they are the same, bit for bit. The error was
# multiplied by 1 a thousand times. How close to 1 must $f$ be?

# %%
for b in (5, 7, 9, 800):
    back = error_back(b, steps=1001)
    leak = 1 - 1 / (1 + np.exp(-b))  # 1 - f
    plt.plot(back / back[0], label=f"b = {b}: 1 - f = {leak:.1g}")
plt.xlabel("time steps back from the ask")
plt.ylabel("dD/dc, 1 at the ask")
plt.ylim(0, 1.1)
plt.legend(loc=(1, 0.4))
plt.show()

# %% [markdown]
# **What to see.** A line falls to $1/e$ after about $1/(1-f)$ steps. If $f$ is
# smaller than 1 by one part in a thousand, the error is not conserved over a
# thousand steps.

# %% [markdown]
# ## How much of the error comes back in an untrained network?
#
# Nobody sets the gates of an untrained network by hand. And there are indirect
# paths: $c_{t-1}$ also changes $h_{t-1}$, and $h_{t-1}$ changes every gate of
# the next step. From here on we use the *total* derivative, along all paths at
# once. In an LSTM it is the derivative by $c$. In the other networks, which
# have no $c$, it is the derivative by $h$. It is a vector with one entry for
# each unit. We draw its norm, divided by its norm at the ask.
#
# The task is recall as in notebook 01, but with 60 steps and one output
# neuron. We tell a number at the first step and ask at the last. The first
# network is an LSTM with 8 memory cells. The
# [seed](../docs/glossary.md#seed) is a number that fixes everything random,
# such as the initial weights.

# %%
task = Recall(timesteps=60, width=1)
wait = longest_wait(task)  # ten sequences, told 0.05 to 0.95
fresh = build_network("LSTM, bias 1", task, seed=0)
flow = gradient_flow(fresh, wait)
print(flow.cell_state.shape)  # sequence, steps back
print(flow.cell_state[0, [0, 1, 10, 59]])

# %% [markdown]
# Now we compare six kinds of network, each with 8 units and 8 seeds.
# `SimpleRNN` is $h_t=\tanh(Wx_t+Uh_{t-1}+b)$. `GRU` is a cell with two gates.
# The four LSTMs differ only in the initial bias of $f$: 0, 1 (as in Keras), 5,
# or *chrono*. Chrono draws for each unit a random time $u$ between 1 and 59
# steps. It sets the bias of $f$ to $\log u$ and the bias of $i$ to $-\log u$
# (C. Tallec and Y. Ollivier, ICLR 2018).

# %%
study = recorded("recall_flows")
ax = plt.figure().add_subplot(yscale="log", ylim=(1e-16, 1e2))
plot_gradient(dict(zip(study.networks, study.before)), ax)
ax.set(xlabel="time steps back from the ask", ylabel="gradient, 1 at the ask")
plt.show()

# %% [markdown]
# **What to see.** Lines are medians over the seeds, and bands hold the middle
# 80 %. The picture does not show that "a simple network forgets and an LSTM
# does not". The gradient of the default LSTM, bias 1, fades much faster than
# that of `SimpleRNN`; only the LSTMs with bias 5 or chrono keep as much.

# %% [markdown]
# The rule of the first pictures explains most of this. With bias 0 the forget
# gate starts half open, and so does the update gate of Keras's GRU. Then each
# step roughly halves the error. With bias 5 and chrono the forget gate starts
# open.
#
# And `SimpleRNN`? At each step its error is multiplied by $U^T$ and by the
# slope $1-h^2$ of $\tanh$. Keras draws an orthogonal matrix $U$, which rotates
# a vector and keeps its length.

# %%
simple = build_network("SimpleRNN", task, seed=0)


def describe(simple):
    """Print what multiplies the error in a simple network."""
    U = simple.layers[0].get_weights()[1]
    (found,) = trace(simple, wait.inputs)
    largest = np.abs(np.linalg.eigvals(U)).max()
    print(f"largest |eigenvalue| of U: {largest:.2f}")
    print(f"mean slope of tanh: {np.mean(1 - found.hidden**2):.2f}")


describe(simple)

# %% [markdown]
# So the untrained simple network nearly conserves the error, too, with a small
# loss at each step. Does this help it to learn?
#
# ## How does training change the gradient?
#
# We train three networks for 2,000 episodes. An
# [episode](../docs/glossary.md#episode) is one update of the weights on a
# batch of 20 fresh sequences. The updates are made by
# [Adam](../docs/glossary.md#adam), a form of gradient descent that adapts the
# size of the step for each weight. Its learning rate starts at 0.01 and decays
# to 0. Every 50 episodes we measure how much of the error at the ask reaches
# the tell, 59 steps before.


# %%
def learn(model):
    """Train; every 50 episodes, return the gradient at the tell, and D."""
    left, deviations = [relative_gradient(model, wait)[-1]], []
    for part in range(40):
        run = train(model, task, 50, seed=part, recording=Recording(every=50))
        left.append(relative_gradient(model, wait)[-1])
        deviations.append(task.timesteps * run.losses.mean())
    return left, deviations


# %%
chrono = build_network("LSTM, chrono", task, seed=0)
named = {"SimpleRNN": simple, "LSTM, bias 1": fresh, "LSTM, chrono": chrono}
fig, axes = plt.subplots(2, 1, sharex=True, figsize=(8, 6))
for name, model in named.items():
    left, deviations = learn(model)
    axes[0].semilogy(np.arange(0, 2001, 50), left, label=name)
    axes[1].semilogy(np.arange(50, 2001, 50), deviations)
axes[0].set_ylabel("gradient at the tell,\n1 at the ask")
axes[1].set(ylabel="deviation D", xlabel="learning episode")
for strategy, D in (("silence", 1 / 3), ("right time, wrong value", 1 / 12)):
    axes[1].axhline(D, color="k", ls="--", lw=0.8)
    axes[1].text(900, 0.8 * D, strategy, va="top")
fig.legend(loc="outside upper center", ncols=3)
plt.show()

# %% [markdown]
# **What to see.** All three networks first learn *when* to answer (lower
# dashed line), and meanwhile the gradient of `SimpleRNN` is lost for good. The
# LSTM with bias 1 stays on the same line with almost no gradient, until its
# gradient grows and the deviation falls. The gradient of the chrono network
# was never small.

# %% [markdown]
# What has happened to the simple network? We look at the same two factors as
# above, now after training.

# %%
describe(simple)
print(f"0.9 to the power of 59 is {0.9**59:.3f}")

# %% [markdown]
# A factor slightly below 1 matters after 59 steps. And training cannot keep
# $U$ orthogonal for the sake of the memory alone, because the same weights
# determine every answer at every step.

# %% [markdown]
# ## Does this depend on the seed?
#
# Now we look at the recorded 8 seeds of each network, after 2,000 episodes
# with a decaying learning rate. The [exam](../docs/glossary.md#exam) is a test
# on 2,000 sequences that are not used for training. *Mastered* means that at
# least 99 % of them are correct. A network that knows when to answer but not
# what to say has about 20 % correct.

# %%
print(f"{'':14} mastered   correct, seed by seed")
for name, count, scores in zip(study.networks, study.mastered, study.scores):
    row = " ".join(f"{score:4.0%}" for score in scores)
    print(f"{name:14} {count} of {len(scores)}    {row}")

# %%
fig, axes = plt.subplots(2, 3, sharex=True, sharey=True)
for ax, name in zip(axes.flat, study.networks):
    plot_gradient_study(study, name, ax)
axes[1, 1].set_xlabel("time steps back from the ask")
fig.supylabel("gradient, 1 at the ask", fontsize=11.5)
handles = {line.get_label(): line for ax in axes.flat for line in ax.lines}
fig.legend(handles.values(), handles, loc="outside lower center", ncols=3)
plt.show()

# %% [markdown]
# **What to see.** A dashed line is the median before training, and each full
# line is one seed after training. In every network that mastered the task, of
# whatever kind, the gradient is flat. Most LSTMs with bias 1 have *learned* a
# flat gradient; in all simple networks training has destroyed it.

# %% [markdown]
# The next picture has one dot for each of the 48 networks.

# %%
plot_scores_by_gradient(study)
plt.legend(loc=(1, 0.4))
plt.show()

# %% [markdown]
# **What to see.** The upper left is empty: no network here answers well unless
# the error reaches the tell. But there are dots at the lower right, so this is
# not sufficient.

# %% [markdown]
# Most of the dots at the lower right have bias 5. It is common advice to give
# the forget gate a large bias. Here this lets the error through, but all eight
# seeds fail. Seven seeds succeed with bias 1, and all eight with chrono.
# Exercise 2 shows what chrono has that bias 5 lacks.
#
# ## Have they built a carousel?
#
# We might expect that an LSTM which conserves its error has moved $f$ to 1. We
# can check this. The direct path along one cell leaves a fraction
# $f_tf_{t-1}\cdots$, as in the first pictures. Everything else that arrives has
# taken indirect paths. We choose the cell in which the product is largest.

# %%
fig, axes = plt.subplots(1, 2, sharey=True)
for ax, name in zip(axes, ("LSTM, bias 1", "LSTM, chrono")):
    number = study.networks.index(name)
    chosen = study.scores[number] >= task.pass_mark
    ax.semilogy(study.after[number, chosen].T, "C1", label="all paths")
    ax.semilogy(study.direct[number, chosen].T, "C0", label="direct path")
    ax.set(title=name, xlabel="time steps back from the ask")
axes[0].set_ylabel("gradient, 1 at the ask")
handles = {line.get_label(): line for line in axes[0].lines}
axes[0].legend(handles.values(), handles, loc="lower left")
plt.show()

# %% [markdown]
# **What to see.** Only seeds that mastered the task are drawn. In the chrono
# networks much of the error arrives along the direct path. In the networks
# that began with bias 1 next to nothing arrives along the direct path, and
# still the total is just as large.

# %%
(found,) = trace(fresh, wait.inputs)
waiting = found.forget_gate[:, 1:-1].mean(axis=(0, 1))
print("f of the 8 cells while it waits:", np.sort(waiting).round(2))

# %% [markdown]
# So the default LSTM has learned to wait, but it has not built a carousel: its
# cells forget at every step. Which indirect path carries the error? The matrix
# $U$ has columns that lead to each gate and to the candidate $g$. We set some
# of them to zero, in the backward pass only.

# %%
W, U, b, V, _ = map(np.float64, fresh.get_weights())
states = forward(wait.inputs.astype(float), W, U, b)
error = np.zeros_like(states.hidden)
error[:, -1] = V[:, 0]  # the weights of the readout

# %%
for paths in ("ifgo", "", "g", "ifo"):
    kept = np.repeat([part in paths for part in "ifgo"], 8)
    back = backward(wait.inputs, W, U * kept, states, error).cell_state
    norms = np.linalg.norm(back, axis=2)
    left = np.median(norms[:, 0] / norms[:, -1])
    print(f"paths through {paths or 'none':4} leave {left:.0e} at the tell")

# %% [markdown]
# The error is carried by the loop $c\to h\to g\to c$: what the cells forget is
# written again at every step. In the lecture's silent wait nothing is read and
# nothing is written; this is what an LSTM *can* do. But this network reads and
# writes all the time, as a simple network does. The difference is that
# training has not destroyed its loop. The chrono networks are closer to the
# lecture's picture.
#
# All this was measured for one task, one size of network and one learning
# rate. Eight seeds are evidence, but not a general law.

# %% [markdown]
# ## Exercises
#
# **1. Half of the error.** Which bias $b$ leaves one half of the error after
# 1,000 steps? Calculate it, then check it with `error_back`.
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
# The bias is a little over 7. For large $b$, $1-f\approx e^{-b}$. So adding
# three to the bias makes the memory twenty times as long.
#
# </details>

# %% [markdown]
# **2. Why does bias 5 fail?** Chrono does two things: it opens $f$ and it
# shuts $i$. Take the networks with bias 5 and let their input gate start shut,
# with bias $-5$. Train two seeds. (Keras keeps the gates in the order
# $i,f,c,o$.)
#
# <details><summary>Solution</summary>
#
# ```python
# exam = task.exam(np.random.default_rng(0))
# for bias in (0, -5):
#     for seed in range(2):
#         net = build_network("LSTM, bias 5", task, seed)
#         W, U, b, *readout = net.get_weights()
#         b[:8] = bias  # of the input gate
#         net.set_weights([W, U, b, *readout])
#         train(net, task, 2000, seed=seed, recording=Recording(every=2000))
#         right = task.correct(net.predict_on_batch(exam.inputs), exam)
#         print(f"input gate {bias:2}, seed {seed}: {right.mean():.0%}")
# ```
#
# With the input gate shut at the start, both seeds master the task. If a cell
# forgets nothing, it must not be written to at every step, or everything that
# comes later is added to the number. A gradient that flows back is not enough;
# the number must also survive on the way forward.
#
# </details>

# %% [markdown]
# **3. Smaller steps?** Perhaps the simple network lost its gradient only
# because the steps were too large. Train two seeds with a learning rate of
# 0.001 instead of 0.01 and measure the gradient again.
#
# <details><summary>Solution</summary>
#
# ```python
# exam = task.exam(np.random.default_rng(0))
# for seed in range(2):
#     net = build_network("SimpleRNN", task, seed, learning_rate=0.001)
#     train(net, task, 2000, seed=seed, recording=Recording(every=2000))
#     right = task.correct(net.predict_on_batch(exam.inputs), exam)
#     left = relative_gradient(net, wait)[-1]
#     print(f"seed {seed}: {right.mean():.0%} correct, {left:.0e} at the tell")
#     describe(net)
# ```
#
# No: the gradient is lost all the same. It is lost in two ways. Either $U$ is
# no longer orthogonal and shrinks the error, or the units saturate,
# $|h|\approx1$, and the slope of $\tanh$ shrinks it.
#
# </details>
