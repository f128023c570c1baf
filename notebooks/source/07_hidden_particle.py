# %% [markdown]
# # 07 · The hidden particle: what does a network infer from what it sees?
#
# Two particles hang on springs. We see the heavy one and ask a network where
# the light one is. Nothing is told and nothing is asked: the memory must
# combine what it has seen, at every step. F. Marquardt's lecture *Machine
# Learning for Physicists* uses this task as a tutorial. In this notebook we
#
# 1. calculate how well the best possible player does,
# 2. train a network and compare it with this player,
# 3. ask a trained network questions that no free motion asks, and compare its
#    answers with the physics, and
# 4. add a third particle, and predict the second half of a motion from the
#    first.
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
    Experiment,
    HiddenParticle,
    Recording,
    plot_errors,
    plot_motion,
    plot_response_matrix,
    plot_responses,
    recorded,
    results,
)
from memnets.records.data import folder
from memnets.records.probes import LEVELS, Responses
from memnets.tasks.particle import best_guess, from_acceleration

# %%
import matplotlib.pyplot as plt
import numpy as np

plt.style.use("memnets.plots.styles.notebook")

# %% [markdown]
# ## What exactly is the task?
#
# Particle 0 is heavy and hangs on a spring to the wall. Particle 1 is light
# and hangs on a spring to particle 0:
#
# $$m_0\ddot x_0=-k_0x_0+D(x_1-x_0),\qquad m_1\ddot x_1=D(x_0-x_1),$$
#
# with $m_0=2$, $m_1=1$, $k_0=0.1$ and $D=0.2$. There are two normal modes,
# with periods of 35.5 and 11.1. The two initial positions and the two initial
# velocities are drawn from a normal distribution of variance 1. The input is
# $x_0$ and the target is $x_1$, at 60 times that lie 0.5 apart. memnets
# calculates the motion exactly, by a matrix exponential.

# %%
task = HiddenParticle()
motion = task.sample(2, np.random.default_rng(5))
fig, axes = plt.subplots(1, 2, sharey=True, figsize=(8, 3))
for ax, heavy, light in zip(axes, *motion[:2]):
    ax.plot(heavy, label="heavy particle, seen")
    ax.plot(light, label="light particle, hidden")
    ax.set_xlabel("time step")
axes[0].set_ylabel("position")
fig.legend(*ax.get_legend_handles_labels(), loc="outside upper center", ncols=2)
plt.show()

# %% [markdown]
# **What to see.** The light particle swings further than the heavy one. The
# position of the heavy particle alone does not say where the light one is. Its
# whole motion does, because the light particle pulls at it.

# %% [markdown]
# ## How well can it be done at all?
#
# The state of the motion has four unknown numbers, two positions and two
# velocities. Every time step shows one number. So after four steps the state
# is determined, and with it the position of the light particle. Before that,
# even the best player errs.
#
# The best player is known exactly here. All unknown numbers are normal and all
# equations are linear, so the best guess is a linear function of everything
# seen so far. It is called the *Bayes optimum*, and a Kalman filter calculates
# it. The following numbers are mean squared errors over the 60 steps.
# *Memoryless* multiplies the current input by the best constant.

# %%
optimum = best_guess(particles=2, steps=60)
print("Bayes optimum, step by step:", optimum.variance[:5].round(3))
for player, error in task.landmarks.items():
    print(f"{player:10} {error:7.4f}")

# %% [markdown]
# The error of the Bayes optimum, 0.0513, comes from the first three steps
# only. From the fourth step on its error is 0, apart from rounding.
#
# ## How well does a network do?
#
# One LSTM layer of 20 cells reads $x_0$, and a linear
# [readout](../docs/glossary.md#readout) answers. We train it for 2,000
# [episodes](../docs/glossary.md#episode). An episode is one update of the
# weights on a batch of 20 fresh sequences. The updates are made by
# [Adam](../docs/glossary.md#adam). Its learning rate starts at 0.02 and decays
# to 0.

# %%
test = task.sample(200, np.random.default_rng(1))
experiment = Experiment(
    task,
    units=(20,),
    readout="dense",
    learning_rate=2e-2,
    schedule="cosine",
    episodes=2000,
)
run = experiment.run(Recording(test, every=1000), progress=False)

# %%
for episode, outputs in zip(run.episodes, run.outputs):
    error = np.square(outputs - test.targets).mean()
    print(f"after {episode:4} episodes: mean squared error {error:.3f}")
plt.semilogy(run.losses, lw=0.5)
for player, error in task.landmarks.items():
    plt.axhline(error, color="k", ls="--", lw=0.8)
    plt.text(2020, error, player, va="center")
plt.xlabel("learning episode")
plt.ylabel("mean squared error")
plt.xlim(0, 2000)
plt.show()

# %% [markdown]
# **What to see.** The network quickly becomes better than any memoryless
# player. After 2,000 episodes it is still well above the Bayes optimum.

# %% [markdown]
# To get closer, we must train for longer. A recorded network was trained in
# the same way for 20,000 episodes. We look at four motions on which it was not
# trained.

# %%
two = recorded("particle_two")
fig, axes = plt.subplots(2, 2, sharex=True, sharey=True)
for sequence, ax in enumerate(axes.flat):
    plot_motion(two, sequence, ax=ax).label_outer()
handles = axes[0, 0].get_legend_handles_labels()
fig.legend(*handles, loc="outside upper center", ncols=3)
plt.show()

# %% [markdown]
# **What to see.** After the first few steps the dashed line of the network
# lies on the hidden motion, in all four cases. The network has never been told
# any law of motion.

# %%
plot_errors(two)
plt.legend(loc="center right")
plt.show()

# %% [markdown]
# **What to see.** The dots are the Bayes optimum; there are only three,
# because from the fourth step on its error is 0. The network is nearly as good
# at the first two steps. Then it needs many more steps to reach the precision
# that the optimum has at once.

# %% [markdown]
# Why is it slow? The optimum needs the acceleration of the heavy particle. It
# calculates it from small differences of positions, which it multiplies by
# large numbers. These are its weights for each position seen so far:

# %%
for step in range(4):
    weights = optimum.weights[: step + 1, step]
    print(f"step {step + 1}:", *(f"{weight:8.1f}" for weight in weights))

# %% [markdown]
# Such large weights take long training. We shall see that our network has
# smaller ones, and looks at more steps.
#
# ## What does the network answer if we hold the heavy particle?
#
# Has the network learned physics? The lecture asks it some questions. We move
# the heavy particle by force, and compare the answer with the true motion of a
# light particle that was at rest. The first question is a constant input of 1,
# and the second a step from 0 to 1 at step 6.

# %%
network = Responses.of_run(recorded("particle_probes"))
physics = Responses.of_physics(task)

# %%
fig, axes = plt.subplots(1, 2, figsize=(8, 3.5))
for ax, name in zip(axes, ("constant", "step")):
    row = LEVELS.index(1) if name == "step" else 0
    answers = {"network": network, "physics": physics}
    lines = {k: own.answers[name][row] for k, own in answers.items()}
    plot_responses(lines, ax=ax).set_title(name)
axes[0].set_ylabel("answer")
axes[1].legend()
plt.show()

# %% [markdown]
# **What to see.** The network does not answer with physics. The light particle
# would swing between 0 and 2 for ever, but the answer of the network settles at
# 1.4. Before that, the step makes it jump up and down by more than 10.

# %% [markdown]
# ## Is the network linear?
#
# The physics and the Bayes optimum are both linear: twice the input gives
# twice the answer, and the answers to two inputs add up. Is the network? We
# subtract its answer to an input of 0, give it steps of the heights $-1$, 0.5,
# 1 and 2, and divide each answer by the height. Then we give it two steps at
# once, 0.5 at step 18 and $-0.7$ at step 36, and compare the answer with the
# sum of the two single answers.

# %%
fig, axes = plt.subplots(1, 2, figsize=(8, 3.5), sharey=True)
scaled = {f"height {k:g}": own for k, own in zip(LEVELS, network.scaled)}
plot_responses(scaled, ax=axes[0]).set_title("over the height of the step")
both, added = network.superposed
lines = {"sum of both": added, "both at once": both}
plot_responses(lines, "both at once", axes[1]).set_title("two steps")
axes[0].set_ylabel("answer")
for ax in axes:
    ax.legend(fontsize="small")
plt.show()

# %% [markdown]
# **What to see.** All answers agree, except in the few steps after a jump,
# where large jumps get too small an answer. The answer to two steps at once is
# the sum of the single answers. So the network is nearly linear.

# %% [markdown]
# ## What does it do instead?
#
# The light particle pulls at the heavy one. So its position can be calculated
# from the acceleration of the heavy particle, by solving Newton's law for
# $x_1$:
#
# $$x_1=\frac{m_0\ddot x_0+(k_0+D)\,x_0}{D}.$$
#
# If the heavy particle rests at 1, this is $(k_0+D)/D=1.5$, close to the 1.4 of
# the network. Is this what the network does? We collect the answers to a unit
# step at each of the 60 time steps. They make the *response matrix*: a row is
# the answer to one step. *Newton's law* in the third picture is the equation
# above, with the acceleration from the last three positions.

# %%
players = {"physics": physics, "network": network}
players["Newton's law"] = Responses.of(from_acceleration, task)
players["Bayes optimum"] = Responses.of(task.solve, task)
fig, axes = plt.subplots(1, 4, sharey=True, figsize=(8, 3))
for ax, (name, own) in zip(axes, players.items()):
    plot_response_matrix(own.matrix, ax=ax).label_outer()
    ax.set_title(name)
fig.colorbar(axes[3].images[0], ax=axes, label="answer")
plt.show()

# %% [markdown]
# **What to see.** The network answers a step in the same way whenever it comes:
# some oscillations, then a constant. This resembles Newton's law, and neither
# the physics nor the Bayes optimum. Late steps hardly impress the optimum: it
# is sure of a free motion and takes the whole past into account.

# %% [markdown]
# So the network has not learned to simulate the light particle. It has learned
# to infer it from how the heavy one has just moved, which is Newton's law with
# a smoothed acceleration. It was trained on free motions only, and for these
# both are right. The probes show the difference.
#
# ## And with a third particle?
#
# The lecture's exercise adds a second light particle, which is also hidden.
# Now the state has six numbers, and the optimum needs six steps. We still ask
# for particle 1.

# %%
three = recorded("particle_three")
fig, axes = plt.subplots(1, 2, sharey=True, figsize=(8, 3.5))
for ax, own in zip(axes, (two, three)):
    plot_errors(own, ax).label_outer()
    ax.set_title(f"{own.task.particles} particles")
axes[1].legend(loc="lower left", fontsize="small")
plt.show()

# %% [markdown]
# **What to see.** With three particles the network needs two to four times as
# many steps to be as good as with two. Now the acceleration is not
# enough: it says how strongly both light particles pull together, but not
# where each of them is.

# %% [markdown]
# ## Can it predict what it does not see?
#
# In the lecture's homework the input is the heavy particle for the first 30
# steps, and then 0. The target is the whole motion of the heavy particle. The
# first half determines the second, so the best player makes no error.

# %%
forecast = recorded("particle_forecast")
fig, axes = plt.subplots(1, 2, sharey=True, figsize=(8, 3.5))
for sequence, ax in enumerate(axes):
    plot_motion(forecast, sequence, ax=ax).label_outer()
handles = axes[0].get_legend_handles_labels()
fig.legend(*handles, loc="outside upper center", ncols=3)
plt.show()

# %% [markdown]
# **What to see.** At the dotted line the input stops. The network continues
# the motion for 30 steps. Nothing in its input tells it any more what to say;
# everything comes from its memory.

# %% [markdown]
# ## Does this depend on the seed?
#
# Five networks were trained for each of the three tasks.

# %%
table = results(folder() / "results" / "particle.csv")
for name, own in table.groupby("experiment", sort=False):
    errors = (own["deviation"] / own["timesteps"]).sort_values()
    print(f"{name:26}", *(f"{error:.4f}" for error in errors))
    median = errors.median()
    print(f"{'median':26} {median:.4f}")

# %% [markdown]
# The Bayes optimum is 0.0513 with two particles, 0.1705 with three, and 0 in
# the forecast. The first two medians are 1.4 and 2.0 times the optimum. Five seeds are few. And this is one size of network and one learning
# rate for each task.

# %% [markdown]
# ## Exercises
#
# **1. How much memory is needed?** Let a linear player see only the last $n$
# positions. Find the best one by least squares, for the 30th step. How many
# positions does it need with two particles, and how many with three?
#
# <details><summary>Solution</summary>
#
# ```python
# for particles in (2, 3):
#     many = HiddenParticle(particles=particles)
#     drawn = many.sample(5000, np.random.default_rng(4))
#     for n in range(1, 7):
#         seen = drawn.inputs[:, 30 - n : 30, 0].astype(float)
#         wanted = drawn.targets[:, 29, 0]
#         weights = np.linalg.lstsq(seen, wanted, rcond=None)[0]
#         error = np.square(seen @ weights - wanted).mean()
#         print(f"{particles} particles, {n} positions: {error:.4f}")
# ```
#
# With two particles three positions are almost enough, because they give the
# acceleration, and four are enough. With three particles even four positions
# are of little use; six are enough. Each hidden particle adds two unknown
# numbers.
#
# </details>

# %% [markdown]
# **2. What does noise do?** Add noise with a standard deviation of 0.01 to the
# input. Compare the Bayes optimum, which knows nothing of the noise, with the
# recorded network. Where are the errors?
#
# <details><summary>Solution</summary>
#
# ```python
# noise = np.random.default_rng(2).standard_normal(test.inputs.shape)
# noisy = test.inputs + 0.01 * noise
# players = {"optimum": task.solve, "network": two.model().predict_on_batch}
# for name, answer in players.items():
#     error = np.square(answer(noisy) - test.targets)
#     halves = error[:, :30].mean(), error[:, 30:].mean()
#     print(f"{name}: first half {halves[0]:.3f}, second {halves[1]:.5f}")
# ```
#
# The optimum errs more at first, because it multiplies the noise by its large
# weights. Later it averages over the whole past, and its error vanishes. The
# network does not average: it errs nearly as much at the end as at the
# beginning, because it looks at the last few steps only. It was never trained with noise.
#
# </details>

# %% [markdown]
# **3. Does it go on?** The network was trained on 60 steps. Let it answer 240
# steps. Does the error grow?
#
# <details><summary>Solution</summary>
#
# ```python
# long = HiddenParticle(timesteps=240)
# motion = long.sample(200, np.random.default_rng(3))
# answers = two.model().predict_on_batch(motion.inputs)
# error = np.square(answers - motion.targets)
# for start in range(0, 240, 60):
#     later = error[:, start : start + 60].mean()
#     print(f"steps {start} to {start + 59}: {later:.4f}")
# ```
#
# After the first 60 steps the error is small and grows only slowly. A player
# who looks at the last few steps can do this for ever.
#
# </details>
