# %% [markdown]
# # 15 · Your own task: what must it promise?
#
# So far every task and every cell came with memnets. Here you write your own,
# in a few lines, and the whole suite works with it: training, pictures, traces.
# In this notebook we
#
# 1. write a task and check what every task promises,
# 2. train a network on it and look at its memory,
# 3. break the task on purpose, and see the check fail,
# 4. write a cell and check what every cell promises, and
# 5. break the cell, too.
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
import dataclasses

import matplotlib.pyplot as plt
import numpy as np

from memnets import (
    CELLS,
    TASKS,
    Batch,
    Experiment,
    Recording,
    plot_learning,
    plot_sequence,
    plot_task,
)
from memnets.tasks import Task
from memnets.tasks.contract import check_contract

plt.style.use("memnets.plots.styles.notebook")

# %% [markdown]
# ## What is a task?
#
# A task names its inputs and its outputs, draws sequences, answers them by
# rule, and marks answers. Ours shows a number at each step. The network must
# say the one from three steps before, within 0.1. The field `delay` sets the
# difficulty.


# %%
@dataclasses.dataclass(frozen=True)
class Echo(Task):
    """Numbers come one by one: SAY the one from some steps before."""

    delay: int = 3
    name, inputs, outputs = "echo", ("value",), ("echo",)

    def solve(self, inputs):
        answers = np.roll(inputs, self.delay, axis=1)
        answers[:, : self.delay] = 0
        return answers

    def sample(self, batch_size, rng):
        inputs = rng.random((batch_size, self.timesteps, 1), np.float32)
        weights = np.ones(inputs.shape[:2], np.float32)
        return Batch(inputs, self.solve(inputs), weights)

    def correct(self, outputs, batch):
        return np.all(np.abs(outputs - batch.targets) < 0.1, axis=(1, 2))


# %%
task = Echo()
test = task.sample(200, np.random.default_rng(1))
plot_task(task, test)
plt.show()

# %% [markdown]
# **What to see.** The upper row is what the network reads, and the lower row is
# what it must say: the same numbers, three steps later. So the network must
# keep three numbers in order, and replace one of them at every step.

# %% [markdown]
# ## Which promises does it keep?
#
# The experiments of memnets trust every task to keep the same promises, and the
# tests of the project check them. `check_contract` does so for your own.

# %%
for promise in check_contract(task):
    print("kept:", promise)

# %% [markdown]
# ## Can a network learn it?
#
# Runs name their task, so we add ours to the catalogue, for this notebook. In
# the project this is a line in `memnets/tasks/__init__.py`, and with it every
# command knows the task: [CONTRIBUTING](../CONTRIBUTING.md) shows how.

# %%
TASKS["echo"] = Echo
experiment = Experiment(
    task,
    units=(10,),
    readout="dense",
    learning_rate=1e-2,
    schedule="cosine",
    episodes=1000,
)
run = experiment.run(Recording(test, exam_every=200), progress=False)
for episode, score in zip(run.exams, run.scores):
    print(f"after {episode:4} episodes: {score:6.1%} of sequences are right")

# %%
plot_learning(run)
plt.show()

# %% [markdown]
# **What to see.** A column is the answer after one episode. At the start the
# network says the same at every step, the mean of all numbers. Then rows of
# different colours appear: the numbers of this sequence, three steps late.

# %%
fig, axes = plt.subplots(1, 2, figsize=(8, 3), sharey=True)
for sequence, ax in enumerate(axes):
    plot_sequence(run, sequence, ax=ax).label_outer()
axes[1].legend(loc="upper right", ncols=2)
plt.show()

# %% [markdown]
# **What to see.** The answers lie on the targets, from the first steps to the
# last. A sequence counts as right only if all 20 answers are within 0.1.

# %% [markdown]
# ## What if a task breaks a promise?
#
# A common mistake is an index that points into the future. With one sign
# changed, the right answer is the number that comes three steps later.


# %%
@dataclasses.dataclass(frozen=True)
class Prophecy(Echo):
    """The same task, but with a sign wrong."""

    name = "prophecy"

    def solve(self, inputs):
        answers = np.roll(inputs, -self.delay, axis=1)
        answers[:, -self.delay :] = 0
        return answers


# %%
try:
    check_contract(Prophecy())
except ValueError as error:
    print(error)

# %% [markdown]
# Nothing else would have told us. The network trains without a complaint:

# %%
TASKS["prophecy"] = Prophecy
wrong = dataclasses.replace(experiment, task=Prophecy())
blamed = wrong.run(progress=False)
for own, name in ((run, "echo"), (blamed, "prophecy")):
    means = own.losses.reshape(-1, 20).mean(axis=1)
    plt.semilogy(20 * np.arange(len(means)), means, label=name)
plt.gca().set(xlabel="learning episode", ylabel="mean squared error")
plt.legend()
plt.show()

# %% [markdown]
# **What to see.** Both losses fall at first, while the networks learn the mean
# of the numbers. Then one goes on to fall, and the other cannot. The picture
# alone does not say whether the network or the task is to blame.

# %% [markdown]
# Another mistake makes results that nobody can repeat: random numbers that do
# not come from the given generator.


# %%
@dataclasses.dataclass(frozen=True)
class Unseeded(Echo):
    """The same task, but its numbers come from somewhere else."""

    def sample(self, batch_size, rng):
        return super().sample(batch_size, np.random.default_rng())


# %%
try:
    check_contract(Unseeded())
except ValueError as error:
    print(error)

# %% [markdown]
# ## How does one write a cell?
#
# A cell states its equations for one time step, in `observe`. Ours is a *leaky*
# cell: of its memory a fraction $f$ remains at each step, and the rest is
# replaced by something new,
#
# $$h_t=f*h_{t-1}+(1-f)*\tanh(Wx_t+Uh_{t-1}+b),\qquad f=\sigma(a).$$
#
# The vector $a$ is learned. So each unit has its own $f$, which is the same at
# every step: it is no gate, because nothing that is read can change it.

# %%
from keras import ops

from memnets.cells.base import CellLayer, RecurrentCell
from memnets.cells.contract import check_cell


class LeakyCell(RecurrentCell):
    def __init__(self, units, **options):
        super().__init__(units, [units], **options)

    def build(self, input_shape):
        units = self.units
        self.add("kernel", (input_shape[-1], units), self.kernel_initializer)
        self.add("recurrent", (units, units), self.recurrent_initializer)
        self.add("bias", (units,), self.bias_initializer)
        self.add("leak", (units,), "ones")


# %%
def observe(self, inputs, states):
    """Take one time step; return every gate and the new states."""
    (memory,) = states
    net = ops.matmul(inputs, self.kernel) + self.bias
    candidate = ops.tanh(net + ops.matmul(memory, self.recurrent))
    keep = ops.sigmoid(self.leak) * ops.ones_like(memory)
    hidden = keep * memory + (1 - keep) * candidate
    values = {"forget_gate": keep, "candidate": candidate, "hidden": hidden}
    return values, [hidden]


LeakyCell.observe = observe


class Leaky(CellLayer):
    cell_class = LeakyCell


# %%
for promise in check_cell(Leaky):
    print("kept:", promise)

# %% [markdown]
# Again one line adds it to the catalogue. A cell of your own is trained through
# Keras and XLA, which takes some seconds more than the kernels of the LSTM.

# %%
from memnets.cells.catalogue import Entry

CELLS["leaky"] = Entry("__main__:Leaky", "forgets at a fixed rate")
plan = dataclasses.replace(experiment, cell="leaky")
leaky = plan.run(Recording(test, every=1000, exam_every=500), progress=False)
print(f"{leaky.scores[-1]:.1%} of sequences are right")

# %%
for own, name in ((run, "LSTM"), (leaky, "leaky cell")):
    means = own.losses.reshape(-1, 20).mean(axis=1)
    plt.semilogy(20 * np.arange(len(means)), means, label=name)
plt.gca().set(xlabel="learning episode", ylabel="mean squared error")
plt.legend()
plt.show()

# %% [markdown]
# **What to see.** Our cell learns the echo as well, later and less exactly than
# the LSTM. This is one seed; the next one may look
# different.

# %%
layer = leaky.trace().traces[0]
keep = layer.forget_gate[0, 0]
print("remains after each step:", *(f"{f:.2f}" for f in np.sort(keep)))

# %% [markdown]
# ## What if a cell breaks a promise?
#
# Two cells that would train without a complaint. The first has lost its memory:
# it never looks at its state. The second one subtracts the mean over the batch,
# so what is said about one sequence depends on its neighbours.


# %%
class ForgetfulCell(LeakyCell):
    def observe(self, inputs, states):
        return observe(self, inputs, [ops.zeros_like(states[0])])


class NosyCell(LeakyCell):
    def observe(self, inputs, states):
        mean = ops.mean(inputs, axis=0, keepdims=True)
        return observe(self, inputs - mean, states)


# %%
for cell in (ForgetfulCell, NosyCell):
    broken = type("Broken", (CellLayer,), {"cell_class": cell})
    try:
        check_cell(broken)
    except ValueError as error:
        print(error)

# %% [markdown]
# ## What may one conclude?
#
# - A task and a cell are some twenty lines each.
# - A falling loss proves little. The checks change one thing, an input of the
#   past, of the future or of a neighbour, and look at what changes with it.
# - `check_contract` and `check_cell` cannot know what you meant. Whether the
#   equations are those of a paper, only a test of your own can say.

# %% [markdown]
# ## Exercises
#
# **1. A task without memory.** Which promise does our task break with a delay
# of 0?
#
# <details><summary>Solution</summary>
#
# ```python
# try:
#     check_contract(Echo(delay=0))
# except ValueError as error:
#     print(error)
# ```
#
# No answer depends on an earlier input. Such a task is useful all the same, as
# a control: a network that fails at it has not failed for lack of memory. But
# the checks want to be told, and so would a reader.
#
# </details>

# %% [markdown]
# **2. A longer delay.** How many steps can the same network, with the same
# training, look back?
#
# <details><summary>Solution</summary>
#
# ```python
# for delay in (3, 5, 7, 9):
#     plan = dataclasses.replace(experiment, task=Echo(delay=delay))
#     longer = plan.run(Recording(exam_every=1000), progress=False)
#     print(f"delay {delay}: {longer.scores[-1]:6.1%} of sequences are right")
# ```
#
# At some delay it fails. It must keep as many numbers as the delay has steps,
# each within 0.1, in ten cells. This is one seed; whoever wants to know the
# limit repeats it over many, with `memnets.repeat`.
#
# </details>

# %% [markdown]
# **3. A layer that reads backwards, too.** A bidirectional layer reads a
# sequence from both ends. Which promise does it break?
#
# <details><summary>Solution</summary>
#
# ```python
# from keras import layers
#
#
# def both_ways(units, return_sequences):
#     lstm = layers.LSTM(units // 2, return_sequences=return_sequences)
#     return layers.Bidirectional(lstm)
#
#
# try:
#     check_cell(both_ways)
# except ValueError as error:
#     print(error)
# ```
#
# It sees the future. It may label a text that is all there, but it cannot
# predict. Our prophecy would be easy for it.
#
# </details>
