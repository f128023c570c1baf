# %% [markdown]
# # 02 · Countdown: how does a network count?
#
# A network is told a number $n$. It must wait exactly $n$ steps and then
# signal, once. No clock runs at the input: whatever counts down, counts
# inside. This is the second example of memory in F. Marquardt's lecture
# *Machine Learning for Physicists* ("LSTM"). Here we
#
# 1. see how little 300 episodes teach, and how much 5,000 do,
# 2. open the network and look at its clock, and
# 3. find out what the clock cannot do, and how a skill gets lost again.
#
# Everything runs from top to bottom in less than a minute. The equations and
# the training loop are explained in notebook 01.

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
import keras
import matplotlib.pyplot as plt
import numpy as np

from memnets import networks, paths, plots, results
from memnets.experiments import Experiment
from memnets.runs import Ensemble
from memnets.tasks import Countdown, draw, join
from memnets.training import train

plt.style.use("memnets.styles.notebook")

# %% [markdown]
# ## What exactly is the task?
#
# There are two input neurons. At a random step of the first half, *tell* goes
# to 1 and *count* to an integer $n$ from 0 to 8, just as it is, not scaled.
# The first output neuron must say 1 exactly $n$ steps later and 0 at all
# other steps; the second must always stay silent.

# %%
task = Countdown()
told_five = task.sequence(tell=4, count=5)
print(draw(task, told_five))

# %%
plots.plot_task(task, told_five)
plt.show()

# %% [markdown]
# **What to see.** At step 9 nothing arrives from outside. The signal must
# come from within.

# %% [markdown]
# There are only 10 · 9 = 90 different sequences, so we can mark them all: a
# sequence is *correct* if the output is above 0.5 at the right step and at no
# other, and the task is *mastered* when all 90 are.
#
# What do simple players pay? The deviation of the lecture is
# $D=\sum_t(h_t-\mathrm{target}_t)^2$ for the signalling neuron, on average
# over sequences. Silence costs 1. A player who notices the tell but cannot
# count does best to say 1/9 at each of the nine possible steps, and pays
# $(8/9)^2+8\,(1/9)^2=8/9$. (The loss of Keras is a mean over 20 steps and 2
# neurons, $D/40$ when the second is silent.)

# %%
for player, loss in task.landmarks.items():
    print(f"{player:12} D = {40 * loss:.3f}")

# %% [markdown]
# ## Are 300 episodes enough?
#
# The lecture's network has two LSTM layers of two cells each, 80 weights. We
# train it as the lecture does, with Adam at its usual 0.001 and 300 batches of
# 20, and record on the way what it answers to all 90 sequences.

# %%
network = networks.lecture(task, units=(2, 2), seed=0)
all_ninety = task.exam(np.random.default_rng(0))
run = train(network, task, 300, probe=all_ninety)
print(f"{network.count_params()} weights, D = {run.deviations[-1]:.2f}")

# %%
plots.plot_learning(run, sequence=41)  # told 5 at step 4
plt.show()

# %% [markdown]
# **What to see.** No signal at step 9, only a faint glow over all the steps at
# which a signal could come. This is the player who cannot count.

# %%
plots.plot_losses(Ensemble.load(paths.run("countdown_lecture_loss")))
plt.legend()
plt.show()

# %% [markdown]
# **What to see.** The same training from 32 seeds. All of them end between
# *silence* and a little below *no counting*: after 300 episodes there is next
# to nothing to see in this task, and that is no one's bad luck.

# %% [markdown]
# ## When does it count?
#
# We give it 5,000 episodes and begin with larger steps, 0.01, that fade to
# zero along a cosine. (Why they must fade we shall see.) On the way we also
# record what the two cells of the first layer put out: `watch`.

# %%
model = networks.lecture(task, units=(2, 2), seed=2)
fading = keras.optimizers.schedules.CosineDecay(0.01, decay_steps=5000)
model.compile(keras.optimizers.Adam(fading), loss="mean_squared_error")
probe = {"probe": all_ninety, "record_every": 10, "watch": "lstm_1"}
run = train(model, task, 5000, seed=2, **probe)
plots.plot_learning(run, sequence=41)  # told 5 at step 4
plt.show()

# %% [markdown]
# **What to see.** Within the first tenth of the training the glow contracts to
# one bright line at step 9. The rest of the time makes it sharp.

# %%
fig, axes = plt.subplots(1, 2, sharey=True)
plots.plot_sequences(run, "target", ax=axes[0])
plots.plot_sequences(run, "output", ax=axes[1])
axes[0].set_title("target")
axes[1].set(title="output", ylabel="")
plt.show()

# %% [markdown]
# **What to see.** All 90 sequences, one a row, a dot at each tell: ten blocks of
# nine counts. Every signal stands where it should; those at once, $n=0$, are
# the palest.

# %%
right = task.correct(run.outputs[-1], all_ninety)
print(f"{right.sum()} of {right.size} correct, D = {run.deviations[-1]:.3f}")

# %% [markdown]
# So 80 weights are enough. For 32 seeds each, and for a first layer of ten
# cells:

# %%
table = results.read_table(paths.data() / "results" / "lecture.csv")
print(results.summary([row for row in table if row["task"] == "countdown"]))

# %% [markdown]
# ## Where is the clock?
#
# Something in the network must know at each step how far it is. Its first
# layer has only two cells; here are their outputs $h$ while it counts to 5.

# %%
plots.plot_units(run, sequence=41)
plt.legend(loc="center right")
plt.show()

# %% [markdown]
# **What to see.** Both units are at rest until the tell throws them out. Then
# they slide, step by step, and one of them flips just at the signal.

# %% [markdown]
# Is this a clock? Then the hand should show how many steps are *left*, whatever
# was told. We draw each unit for all counts at once: on the left against the
# steps since the tell, on the right against the steps to the signal.

# %%
shades = plt.cm.viridis(np.linspace(0, 0.9, 9))
fig, axes = plt.subplots(2, 2, sharex="col", sharey=True)
for count, color in enumerate(shades):
    hidden = run.hidden[-1, 36 + count, 4:]  # told at step 4
    for unit, (left, right) in enumerate(axes):
        left.plot(hidden[:, unit], color=color, label=count)
        steps = np.arange(-count, 1)
        right.plot(steps, hidden[: count + 1, unit], "o-", color=color)
        left.set_ylabel(f"unit {unit + 1}")
axes[1, 0].set_xlabel("steps since the tell")
axes[1, 1].set_xlabel("steps to the signal")
handles = axes[0, 0].get_legend_handles_labels()
fig.legend(*handles, title="told", loc="outside right center")
plt.show()

# %% [markdown]
# **What to see.** On the left nine curves, on the right nearly one: the curves
# collapse. What a unit says depends on the steps that are left, and little on
# the count that was told.

# %% [markdown]
# Two units are two coordinates, so we can also draw the state in its plane, as
# in mechanics, from the tell to the signal (star).

# %%
for count, color in enumerate(shades):
    path = run.hidden[-1, 36 + count, 4 : 5 + count]
    plt.plot(*path.T, "o-", color=color, label=count)
    plt.plot(*path[-1], "*", color=color, ms=14)
plt.gca().set(xlabel="output of unit 1", ylabel="output of unit 2")
plt.legend(title="told", loc=(1, 0.2))
plt.show()

# %% [markdown]
# **What to see.** The tell places the state on a track; the larger the count,
# the farther from the bend it starts. From there the trajectories run side by
# side around the bend and jump across at the end.

# %% [markdown]
# So the count is a place, and counting is a flow. Another seed finds another
# track (change `seed=2` above and see).

# %% [markdown]
# ## Does a skill stay?
#
# Now the question that we put off. We train eight seeds with steps that fade
# and the same eight with steps that stay at 0.01, and mark all 90 sequences
# every 100 episodes. At the end each network also answers some sequences of 60
# steps that we need below: counts up to 20, and a tell that comes very late.

# %%
long = Countdown(timesteps=60)
strange = join([long.sequence(4, count) for count in range(21)])
strange = join([strange, long.sequence(59, 0)])
cosine = Experiment(
    task, units=(2, 2), learning_rate=0.01, schedule="cosine", episodes=5000
)
constant = Experiment(task, units=(2, 2), learning_rate=0.01, episodes=10_000)
hues = [*(f"C{k}" for k in range(6)), "0.1", "0.6"]  # one for each seed

# %%
fig, axes = plt.subplots(1, 2, sharey=True)
for ax, plan in zip(axes, (cosine, constant)):
    notes = {"examine_every": 100, "record_every": plan.episodes}
    runs = list(plan.repeat(range(8), strange, **notes))
    for seed, run in enumerate(runs):
        ax.plot(run.exams, run.scores, color=hues[seed], lw=1)
    ax.set(title=f"learning rate: {plan.schedule}", xlabel="learning episode")
    lost = sum(min(run.scores[run.exams >= run.mastery]) < 1 for run in runs)
    at_end = sum(run.scores[-1] == 1 for run in runs)
    print(f"{plan.schedule}: {lost} lose it again, {at_end} have it at the end")
    if plan is cosine:
        clocks = runs
axes[0].set_ylabel("share of the 90 sequences")
plt.show()

# %% [markdown]
# **What to see.** Every network learns to count. With steps that stay large
# several lose the skill again, one of them over and over.
# With steps that fade it stays once they are small. (The right picture is twice as long.)

# %% [markdown]
# Steps that are large enough to learn quickly are large enough to undo what was
# learned. How often that happens depends on the seeds; the remedies are steps
# that fade, as here, or to keep the network that did best in the exams.

# %% [markdown]
# ## What was never trained?
#
# Take the eight good clocks, all with 90 of 90, and tell them counts up to 20.
# Nobody ever told them more than 8.

# %%
for seed, run in enumerate(clocks):
    after_tell = run.outputs[-1, :21, 4:, 0]
    delay = np.argmax(after_tell > 0.5, axis=1)
    plt.plot(delay, "o-", ms=4, lw=1, color=hues[seed], label=seed)
plt.plot([0, 20], [0, 20], "k--", lw=1)
plt.axvspan(0, 8, color="0.9")
plt.gca().set(xlabel="told count", ylabel="steps until the first signal")
plt.gca().set(xticks=range(0, 21, 4), yticks=range(0, 21, 4))
plt.legend(title="seed", loc=(1, 0.2))
plt.show()

# %% [markdown]
# **What to see.** In the grey band, which was trained, all dots are on the
# dashed line. Beyond it most clocks go on for a count or two, one for several,
# and then they saturate: a large number is just *many*.

# %% [markdown]
# It is what one expects of $\sigma$ and $\tanh$: a gate that is open cannot
# open further, so ever larger counts set the clock to ever more similar places.
#
# And silence? In training the tell comes by step 9 at the latest. Here it does
# not come for 59 steps.

# %%
quiet = np.array([run.outputs[-1, 21, :59, 0] for run in clocks])
plt.imshow(quiet, aspect="auto", vmin=0, vmax=1)
plt.colorbar(label="output")
plt.axvline(9.5, color="w", ls=":")  # never longer in training
plt.gca().set(xlabel="time step, nothing was told", ylabel="seed")
plt.show()

# %% [markdown]
# **What to see.** To the right of the dotted line silence is new to them. Most
# stay dark; one signals again and again without having been told anything.

# %%
alarms = np.sum(quiet.max(axis=1) > 0.5)
perfect = sum(run.scores[-1] == 1 for run in clocks)
print(f"of 8: {alarms} signal by themselves, {perfect} pass the exam")

# %% [markdown]
# The exam has 90 questions and they answer all of them. It never asked what
# they do when left alone.

# %% [markdown]
# ## Exercises
#
# **1. Teach it silence.** `Countdown(timesteps=60, longest=8)` has tells up to
# step 29 and the same counts. Train eight seeds on it. Do they still signal by
# themselves? Can they now count beyond 8?
#
# <details><summary>Solution</summary>
#
# ```python
# patient = Countdown(timesteps=60, longest=8)
# plan = Experiment(
#     patient, units=(2, 2), learning_rate=0.01, schedule="cosine", episodes=3000
# )
# for run in plan.repeat(range(8), strange, record_every=3000, examine_every=3000):
#     signals = run.outputs[-1, :, :, 0] > 0.5
#     delays = np.argmax(signals[:21, 4:], axis=1)
#     print(run.scores[-1], signals[21, :59].any(), delays)
# ```
#
# All eight keep silent now. Most of them still count little farther than 8: each
# network learns what its sequences ask for, and nothing here asked for a nine.
# One goes on to 19, but not quite correctly.
#
# </details>

# %% [markdown]
# **2. Half a step.** Tell `model` the count 4.5, which no clock can obey, and
# everything between 4 and 5. What does it do?
#
# <details><summary>Solution</summary>
#
# ```python
# for count in np.linspace(4, 5, 11):
#     inputs = told_five.inputs.copy()
#     inputs[0, 4, 1] = count
#     answer = model.predict_on_batch(inputs)[0, :, 0]
#     print(f"{count:.1f}", answer[7:11].round(2))  # steps 7 to 10
# ```
#
# The signal moves over from step 8 to step 9. In between, at 4.5, both steps are
# above 0.5, so it signals twice: the hand of this clock is
# continuous, only its ticks are not.
#
# </details>

# %% [markdown]
# **3. Be the clock.** Two cells and one weighted sum can count: the first cell
# holds the steps that are left, the second notices when none are. Write down
# the weights without any training and mark them on 60 steps. (Keras keeps the
# gates in the order $i, f, c, o$.)
#
# <details><summary>Solution</summary>
#
# The first cell adds $\varepsilon(n-1)+\varepsilon$ when it is told and
# $-\varepsilon$ at every step, so that $k$ steps after the tell
# $c=\varepsilon(n-k)$; the tell also deletes what was there before. For small
# $\varepsilon$ it puts out $h\approx c$. The second cell opens $i$ if
# $h>-\varepsilon/2$ and $o$ if $h<\varepsilon/2$: both are open at zero only.
#
# ```python
# e, K = 1e-3, 4e4
# clock = Countdown(timesteps=60, width=1)
# hand = networks.recurrent(clock, "lstm", units=(1, 1), readout="dense")
# W1 = [[0, -80, e, 0], [0, 0, e, 0]]  # tell, count
# W2 = [[K, 0, 0, -K]]
# b1, b2 = [20, 40, -e, 20], [K * e / 2, -40, 20, K * e / 2]
# none = np.zeros((1, 4))
# weights = W1, none, b1, W2, none, b2, [[1 / np.tanh(1)]], [0]
# hand.set_weights([np.array(w, "float32") for w in weights])
# exam = clock.exam(np.random.default_rng(0))
# right = clock.correct(hand.predict_on_batch(exam.inputs), exam)
# print(f"{right.sum()} of {right.size} correct")
# ```
#
# All 870 sequences of 60 steps are correct, with counts up to 28. After the
# signal, and before the first tell, this clock runs on below zero. Why does
# that do no harm?
#
# </details>
