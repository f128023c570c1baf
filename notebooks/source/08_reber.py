# %% [markdown]
# # 08 · The Reber grammars: what must be kept between two letters?
#
# Notebook 06 trains 17 cells on the embedded Reber grammar. Here we look at the
# grammar itself, and at a well-known failure: the network of J. L. Elman (1990)
# never learns it. Is this because it has no gates? In this notebook we
#
# 1. draw the grammars as graphs and follow a string through them,
# 2. find out how many letters one must remember,
# 3. look for the letter in the memories of four networks, and
# 4. find out why Elman's network fails.
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
    EmbeddedReber,
    Reber,
    find,
    gradient_flow,
    letters,
    plot_grammar,
    recurrent,
    trace,
    train,
)
from memnets.records.outcomes import recorded_cells, wilson

# %%
import keras
import matplotlib.pyplot as plt
import numpy as np

plt.style.use("memnets.plots.styles.notebook")

# %% [markdown]
# ## What is the Reber grammar?
#
# A. S. Reber used it in the 1960s, as we remember it, to study how people
# learn rules that nobody tells them. A. Cleeremans, D. Servan-Schreiber and J.
# L. McClelland (1989) gave it to a simple recurrent network. A grammar of this
# kind is a graph. A string begins on the left and follows the arrows. It reads
# one letter at each arrow, until it reaches the double circle.

# %%
plot_grammar(Reber())
plt.show()

# %% [markdown]
# **What to see.** At most two arrows leave a state, and each is taken with
# probability 1/2. Two states can be repeated with S or with T, and two arrows
# lead back, so strings can have any length.

# %% [markdown]
# We draw some strings, and follow the longest of them.

# %%
plain = Reber()
batch = plain.sample(8, np.random.default_rng(6))
strings = [letters(inputs) for inputs in batch.inputs]
walked = max(strings, key=len)
print(*strings)

# %%
plot_grammar(plain, walked)
plt.show()

# %% [markdown]
# **What to see.** The way of the string is blue. Beside each letter stand the
# time steps at which it is read. The letter alone does not tell the state: two
# arrows with a T lead to different places.

# %% [markdown]
# ## How far back must one look?
#
# At each step the network must say which letters may come next. Does this need
# memory? Suppose that a player sees only the last $k$ letters. We collect what
# may follow each group of $k$ letters in 3,000 strings. If only one set of
# letters ever follows, the player knows the answer. A string counts if the
# player knows it at all steps.


# %%
def may_follow(task, batch):
    """Return the letters that may come next, at each step of each string."""
    signs = np.array([*"BTPSXVE"])
    possible = task.solve(batch.inputs) > 0
    return [["".join(signs[row]) for row in string] for string in possible]


# %%
def share_known(strings, follow, k):
    """Return the share of strings that the last k letters decide."""
    seen, read = {}, []
    for string, after in zip(strings, follow):
        ends = range(1, len(string))
        read.append([string[max(0, end - k) : end] for end in ends])
        for group, possible in zip(read[-1], after):
            seen.setdefault(group, set()).add(possible)
    return np.mean([all(len(seen[g]) == 1 for g in groups) for groups in read])


# %%
embedded = EmbeddedReber()
for task in (plain, embedded):
    batch = task.sample(3000, np.random.default_rng(0))
    strings = [letters(inputs) for inputs in batch.inputs]
    follow = may_follow(task, batch)
    known = [share_known(strings, follow, k) for k in range(1, 17)]
    plt.plot(range(1, 17), known, "o-", label=task.name)
plt.gca().set(xlabel="letters seen, k", ylabel="share of strings decided")
plt.legend()
plt.show()

# %% [markdown]
# **What to see.** In the plain grammar the last two letters decide everything,
# so it hardly tests memory. The embedded grammar, which comes next, needs at
# least six letters even for its shortest strings. No number of letters is
# enough for all strings.

# %% [markdown]
# ## What does the embedded grammar add?
#
# S. Hochreiter and J. Schmidhuber (1997) used the embedded grammar as the
# first task of their paper. A whole Reber string stands between two equal
# letters.

# %%
example = "BTBTSXXTVVETE"
ax = plt.figure(figsize=(9, 5)).add_subplot()
plot_grammar(embedded, example, ax)
plt.show()

# %% [markdown]
# **What to see.** The graph has two equal copies of the plain grammar, and the
# second letter chooses the copy. Inside, nothing shows which copy it is. Only a
# player who has kept the orange letter knows whether T or P must come at the
# end.

# %% [markdown]
# ## Which networks learn it?
#
# We train four networks. The LSTM and the GRU are those of notebook 06, with 12
# units, the mean squared error and 2,000 [episodes](../docs/glossary.md#episode).
# The other two are [simple
# networks](../docs/glossary.md#simple-recurrent-network) with 16 units. They
# have the same equation and the same initial weights:
#
# $$h_t=\tanh(Wx_t+Uh_{t-1}+b).$$
#
# The only difference is the [gradient](../docs/glossary.md#gradient).
# `simple_rnn` has the full gradient, through all time steps. `elman` has the
# gradient of J. L. Elman (1990): it treats $h_{t-1}$ like an input that cannot
# be changed, so the error goes no step back in time.
#
# For these two we choose a loss that suits letters, the cross-entropy of a
# softmax, and a learning rate that decays from 0.01 to 0.


# %%
def learn(cell, seed, units=16, start=None):
    """Train a simple network, from given weights or from those of a seed."""
    net = recurrent(embedded, cell, (units,), seed=seed)
    if start is not None:
        net.set_weights(start)
    decaying = keras.optimizers.schedules.CosineDecay(0.01, 2000)
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    net.compile(keras.optimizers.Adam(decaying), loss)
    train(net, embedded, 2000, seed=seed, progress=False)
    return net


# %%
nets = {}
for cell in ("lstm", "gru"):
    name = f"embedded-reber-cells/{cell}"
    nets[cell] = find(name)[name].run(progress=False).model()
for cell in ("simple_rnn", "elman"):
    nets[cell] = learn(cell, seed=0)

# %% [markdown]
# We test on 2,000 strings. The first column is the share of strings with all
# steps right; the second looks only at the step that needs memory. A network
# that guesses there has about 50 %.

# %%
exam = embedded.exam(np.random.default_rng(0))


def score(net):
    """Return the shares: all steps right, and the T or P at the end right."""
    said = net.predict_on_batch(exam.inputs)
    right = embedded.correct(said, exam), embedded.remembers(said, exam)
    return "  ".join(f"{share.mean():4.0%}" for share in right)


for cell, net in nets.items():
    print(f"{cell:11}", score(net))

# %% [markdown]
# Three networks are perfect, `simple_rnn` among them, which has no gates. The
# network with Elman's gradient fails only at the step that needs memory: its
# two shares are equal. It is a little better there than a guess.
#
# ## What does each network keep between the two letters?
#
# We look for the letter in the memory. After each step we fit a linear function
# of all states to the letter, +1 for T and $-1$ for P, on half of the strings.
# On the other half we test whether its sign is right. Only strings that have
# not yet come to the second letter count.


# %%
def memory(net):
    """Return all states of a network: (string, time, number)."""
    (seen,) = trace(net, exam.inputs)
    names = [k for k in ("cell_state", "hidden") if k in seen.names]
    return np.concatenate([getattr(seen, k) for k in names], axis=-1)


# %%
def share_read(states, step):
    """Return how often a linear function of the states gives the letter."""
    inside = exam.weights.sum(axis=1) - 2 >= step
    letter = np.where(exam.inputs[inside, 1, 1] > 0, 1, -1)
    x = np.pad(states[inside, step], ((0, 0), (0, 1)), constant_values=1)
    half = len(x) // 2
    fit = np.linalg.lstsq(x[:half], letter[:half], rcond=None)[0]
    return np.mean(np.sign(x[half:] @ fit) == letter[half:])


def plot_reading(networks):
    """Draw how well the letter can be read, after each step."""
    for (name, net), line in zip(networks.items(), ("-", "--", "-.", ":")):
        states = memory(net)
        shares = [share_read(states, step) for step in range(1, 14)]
        plt.plot(range(13), shares, line, lw=2.5, label=name)
    plt.gca().set(xlabel="steps since the letter was read", ylim=(0.4, 1.05))
    plt.ylabel("share of strings read right")
    plt.legend(loc="lower left")


# %%
plot_reading(nets)
plt.show()

# %% [markdown]
# **What to see.** The three networks that succeed keep the letter for as long
# as it is needed, with gates or without. In the Elman network it can be read
# for four steps, and after eight it is gone. Its few correct answers above one
# half come from the shortest strings, which need the letter after five steps.

# %% [markdown]
# ## Why does Elman's network fail?
#
# It is not the equation, which is that of `simple_rnn`. So it should be the
# gradient. We take both networks before training, with the same weights, and
# let them read the string above. At the step where T or P must be predicted an
# error arises. How much of it reaches the steps before?

# %%
batch = embedded.sequence(example)
recall = len(example) - 3  # after this letter, T or P must come
for cell, line in (("simple_rnn", "o-"), ("elman", "s--")):
    net = recurrent(embedded, cell, (16,), seed=0)
    net.compile("adam", keras.losses.CategoricalCrossentropy(from_logits=True))
    flow = gradient_flow(net, batch, step=recall)
    plt.plot(flow.lags, flow.hidden[0] / flow.hidden[0, 0], line, label=cell)
plt.axvline(recall - 1, color="k", ls=":", lw=0.8)
plt.gca().set(xlabel="steps back", ylabel="gradient, 1 at the prediction")
plt.legend()
plt.show()

# %% [markdown]
# **What to see.** The dotted line is the step at which the letter to remember
# is read. About a quarter of the full gradient still arrives there. Of Elman's
# gradient nothing arrives at any earlier step, so this error can change how the
# memory is read, but not how the letter is written into it.

# %% [markdown]
# Two experiments test this explanation. First we copy the weights of the
# trained `simple_rnn` into the Elman network. If its equation could not hold
# the letter, it would fail now. Second, we continue the training of the Elman
# network from its own final weights, but with the full gradient.

# %%
copied = recurrent(embedded, "elman", (16,))
copied.set_weights(nets["simple_rnn"].get_weights())
print("elman, weights of simple_rnn  ", score(copied))

# %%
continued = learn("simple_rnn", seed=1, start=nets["elman"].get_weights())
print("elman, then the full gradient ", score(continued))

# %%
trained = {"simple_rnn": nets["simple_rnn"], "elman, copied": copied}
trained |= {"elman, continued": continued, "elman": nets["elman"]}
plot_reading(trained)
plt.show()

# %% [markdown]
# **What to see.** All four networks have the same equation and the same number
# of weights. With copied weights the Elman network is perfect, so it *can* hold
# the letter. With the full gradient it also *learns* to hold it.

# %% [markdown]
# ## What do many networks say?
#
# One seed proves little. The table of notebook 06 has 32 networks of each of 17
# cells at this task. How many of them passed an [exam](../docs/glossary.md#exam)?

# %%
table = recorded_cells()
found = table.at("embedded-reber")
for outcome in sorted(found, key=lambda outcome: -outcome.solved):
    low, high = wilson(outcome.solved, outcome.seeds)
    print(f"{outcome.cell:14}{outcome.solved:3}   {low:4.0%} to {high:4.0%}")

# %% [markdown]
# The three columns are the cell, the number of networks out of 32, and the 95 %
# [confidence interval](../docs/glossary.md#confidence-interval) of the share.
# `elman` passed 0 times, as expected. But `simple_rnn`, with the full gradient,
# passed only once. There it had 12 units, the mean squared error, and a
# constant learning rate. So the full gradient is necessary, and it is not
# sufficient. Exercise 1 finds out what else has helped.
#
# S. Hochreiter and J. Schmidhuber (1997) list the Elman network of Cleeremans
# and others with 0 % success after more than 200,000 strings. This result does
# not show what a network without gates cannot hold. It shows what a gradient of
# one step cannot teach.

# %% [markdown]
# ## What may one conclude?
#
# - The plain Reber grammar tests a memory of two letters. The embedded one
#   tests a memory of any length, for one bit.
# - Gates are not necessary to keep one letter for some ten steps. But they
#   help: in the setting of the table the LSTM learned it 32 times out of 32,
#   and `simple_rnn` once.
# - Our own simple networks are single seeds. They show what is possible, not
#   how often it happens.
# - If a network fails, ask first whether it *cannot* or has not *learned*.
#   Weights from elsewhere answer this.

# %% [markdown]
# ## Exercises
#
# **1. What else has helped?** In the table `simple_rnn` fails, and here it
# learns. Go back half of the way: train it with our loss and 12 units, and then
# with the mean squared error, a constant learning rate and 16 units. Use two
# seeds for the second.
#
# <details><summary>Solution</summary>
#
# ```python
# from memnets import Experiment
#
# print("12 units", score(learn("simple_rnn", seed=0, units=12)))
# for seed in range(2):
#     plan = Experiment(
#         embedded, "simple_rnn", (16,), "dense", 0.01, episodes=2000, seed=seed
#     )
#     print("mean squared error", score(plan.run(progress=False).model()))
# ```
#
# With our loss, the network of 12 units has 99 %. With the mean squared error
# and 16 units, one has 100 % and the other about 90 %. So the loss and its
# decaying rate matter, and so does the number of units. A few seeds cannot tell
# which matters more.
#
# </details>

# %% [markdown]
# **2. How many steps back are enough?** Elman's gradient goes no step back. The
# layer `Elman` has an argument `gradient_steps`: it cuts the time into segments
# of that many steps, and the error stays within its segment. Train with 4 and
# with 16 steps.
#
# <details><summary>Solution</summary>
#
# ```python
# from memnets import Elman
#
# for steps in (4, 16):
#     layer = Elman(16, gradient_steps=steps, return_sequences=True)
#     layers = [keras.Input((None, 7)), layer, keras.layers.Dense(7)]
#     net = keras.Sequential(layers)
#     net.set_weights(recurrent(embedded, "elman", (16,)).get_weights())
#     decaying = keras.optimizers.schedules.CosineDecay(0.01, 2000)
#     loss = keras.losses.CategoricalCrossentropy(from_logits=True)
#     net.compile(keras.optimizers.Adam(decaying), loss)
#     train(net, embedded, 2000, progress=False)
#     print(steps, score(net))
# ```
#
# With 4 steps the network guesses: the letter and its repetition are never in
# one segment. With 16 steps it learns the task. In most strings both letters
# are in the first segment, and what is learned from them serves the others.
#
# </details>

# %% [markdown]
# **3. What does each network expect?** Let the four networks read `BTBTXSE`.
# Then T must come. How probable are T and P for each of them? (A softmax turns
# the outputs of the two simple networks into probabilities. Those of the LSTM
# and the GRU are trained to be probabilities.)
#
# <details><summary>Solution</summary>
#
# ```python
# inputs = embedded.sequence("BTBTXSETE").inputs
# for cell, net in nets.items():
#     said = net.predict_on_batch(inputs)[0, 6]
#     if cell in ("simple_rnn", "elman"):
#         said = np.exp(said) / np.exp(said).sum()
#     print(f"{cell:11} T {said[1]:.2f}  P {said[2]:.2f}")
# ```
#
# The first three are almost sure of T. A linear output may also be slightly
# below 0, as in the GRU. The Elman network prefers T by little, about 0.6 to
# 0.4, although this string is one of the shortest.
#
# </details>
