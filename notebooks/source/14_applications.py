# %% [markdown]
# # 14 · Applications: what do people use such networks for?
#
# Handwriting, speech, music, translation, captions of images and videos,
# answers to questions: recurrent networks have done all of this. In this
# notebook we train a very small network on a very small version of each. We
#
# 1. look at the seven applications,
# 2. train a network for each, in a few seconds,
# 3. take the translator apart into an encoder and a decoder, in plain Keras,
#    and
# 4. compare all networks with simple players, over five seeds.
#
# All data are synthetic: memnets draws them from a seed. So every application
# is a toy. [A page](../docs/applications.md) says what each toy leaves out.
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

from memnets.experiments.applications import APPLICATIONS
from memnets.figures.applications import samples
from memnets.plots.applications import plot_sample, plot_scores
from memnets.records.applications import TASKS, as_text, recorded_applications

plt.style.use("memnets.plots.styles.notebook")

# %% [markdown]
# ## What are the seven applications?
#
# In each of them a network reads a sequence, step by step, and must then say
# something about it. The pictures show one sequence of each. The text after the
# arrow is the right answer.

# %%
samples(plt.figure(figsize=(8.5, 4.8)))
plt.show()

# %% [markdown]
# **What to see.** A date, a story and a melody are sequences of symbols. A
# letter is a sequence of pen moves, which starts at the large dot, and speech,
# an image and a video are sequences of pixels or loudnesses. An image is read
# row by row from the top.

# %% [markdown]
# Textbooks sort such problems by what is asked:
#
# | kind | what is asked | here |
# | --- | --- | --- |
# | classification | one of a few answers, at the end | handwriting, speech, questions |
# | prediction | what comes next, at every step | music |
# | sequence to sequence | a sequence, after a sequence | translation, captions, video |
# | regression | a number | the particles of [notebook 07](07_hidden_particle.ipynb) |
#
# ## How are they trained?
#
# Every application is a [task](../CONTRIBUTING.md) of memnets. So all networks
# have one LSTM layer and a linear [readout](../docs/glossary.md#readout), and
# they learn by [Adam](../docs/glossary.md#adam) on fresh sequences. Only the
# sizes and the numbers of episodes differ.

# %%
for name, application in APPLICATIONS.items():
    print(f"{name:12} {application.experiment}")


# %%
def learn(name):
    """Train a network; return its task, test sequences and its answers."""
    task, rng = TASKS[name], np.random.default_rng(7)
    test = task.sample(1000, rng)
    answers = APPLICATIONS[name].learn(0, test)
    return task, test, answers


# %% [markdown]
# ## Handwriting and speech: which one was it?
#
# A pen writes one of eight letters. The inputs are its moves, and at the last
# one the network must name the letter. No single move shows the letter.

# %%
task, test, answers = learn("handwriting")
right = task.correct(answers, test)
said = answers.sum(axis=1).argmax(axis=1)
print(f"{right.mean():.1%} of the letters are recognised")

# %%
fig, axes = plt.subplots(2, 4, figsize=(8, 4.5))
last = test.weights.argmax(axis=1)
for sequence, ax in enumerate(axes.flat):
    plot_sample(task, test, sequence, ax)
    output = answers[sequence, last[sequence]]
    ax.set_title(f"{ax.get_title()}, says “{task.outputs[output.argmax()]}”")
plt.show()

# %% [markdown]
# **What to see.** Size, slant and the places of the dots differ: where the dots
# are close together, the pen was slow. The network names the letters all the
# same. It never sees the picture, only one move after the other.

# %% [markdown]
# Spoken digits are the same kind of problem. A network hears 16 to 24 spectra
# of 12 frequency bands, with much noise. Several digits share their sounds.

# %%
task, test, answers = learn("speech")
print(f"{task.correct(answers, test).mean():.1%} of the digits are recognised")
fig, axes = plt.subplots(1, 3, figsize=(8, 3))
for sequence, ax in enumerate(axes):
    plot_sample(task, test, sequence, ax)
plt.show()

# %% [markdown]
# **What to see.** The bright bands are the formants, the peaks of the spectrum
# that make one vowel differ from another. They move when one sound follows
# another. These sounds are made by a formula; no voice was recorded.

# %% [markdown]
# ## Music: which note comes next?
#
# A melody walks up and down one of six modes on D. It usually goes on in its
# direction, and sometimes it turns. So the next note is never certain, and
# even the perfect player guesses only this share of notes:

# %%
task, test, answers = learn("music")
print(f"best possible: {task.ceiling:.3f}")
print(f"network:       {task.guessed(answers, test).mean():.3f}")

# %%
fig, axes = plt.subplots(1, 2, figsize=(8, 3.6), sharey=True)
for ax, own in zip(axes, (task.solve(test.inputs), answers)):
    image = ax.imshow(own[0].T, vmin=0, vmax=1, cmap="Greys", origin="lower")
    ax.plot(test.targets[0].argmax(axis=1), "o", ms=4, color="C1")
    ax.set(xlabel="time step", aspect="auto")
axes[0].set(yticks=range(0, 13, 2), yticklabels=task.inputs[::2])
axes[0].set(title="perfect player", ylabel="next note")
axes[1].set_title("network")
fig.colorbar(image, ax=axes, label="output")
plt.show()

# %% [markdown]
# **What to see.** The dots are the notes that came, and grey is the probability
# that a player gave them. At first several modes are possible, so more notes
# can be next. Later the network remembers the mode and the direction, and its
# answers look like those of the perfect player.

# %% [markdown]
# ## Questions: where is the lamp?
#
# A story tells who enters which place and who takes what. The answer needs two
# facts: who has the thing, and where is this person now?

# %%
task, test, answers = learn("questions")
print(f"{task.correct(answers, test).mean():.1%} of the answers are right")
for sequence in range(2):
    words = [task.inputs[k] for k in test.inputs[sequence]]
    place = task.outputs[answers[sequence, -1].argmax()]
    print(*words, "?", place)

# %% [markdown]
# ## Captions and videos: how to say what is seen?
#
# After the last row of an image, or the last frame of a video, the network
# says one word at each of three steps.

# %%
for name in ("captions", "video"):
    task, test, answers = learn(name)
    right = task.correct(answers, test).mean()
    print(f"{name}: {right:.1%} of the sentences are right")

# %%
fig, axes = plt.subplots(3, 1, figsize=(8, 4.8))
for sequence, ax in enumerate(axes):
    plot_sample(task, test, sequence, ax)
    said = task.sentences(answers[sequence : sequence + 1])[0]
    ax.set_title(f"the network says: {said}")
plt.show()

# %% [markdown]
# **What to see.** The first three moves are of one kind and the last three of
# another, and what leaves the screen returns on the other side. A single frame
# shows no motion, so the network must compare each frame with its memory.

# %% [markdown]
# ## Translation: what passes from the encoder to the decoder?
#
# A date is read letter by letter, and then said in the standard form. First we
# train one network as before. It reads for 22 steps and says for 10.

# %%
from memnets.training.recording import Recording

task = TASKS["translation"]
test = task.sample(1000, np.random.default_rng(7))
experiment = APPLICATIONS["translation"].experiment
recording = Recording(test, every=experiment.episodes)
run = experiment.run(recording, progress=False)
print(f"{task.correct(run.outputs[-1], test).mean():.1%} of dates are right")

# %% [markdown]
# Now we take it apart, in plain Keras. The *encoder* reads the date. With
# `return_state=True` an LSTM also returns its hidden state `h` and its cell
# state `c` after the last step. The *decoder* begins with these states,
# `initial_state=[h, c]`, and says the translation. Both get the weights that
# were learned.

# %%
import keras
from keras import layers

letters = len(task.inputs)
read = keras.Input((22, letters))
_, h, c = layers.LSTM(64, return_state=True)(read)
encoder = keras.Model(read, [h, c])

begin = [keras.Input((64,)), keras.Input((64,))]
said = keras.Input((10, letters))
outputs = layers.LSTM(64, return_sequences=True)(said, initial_state=begin)
decoder = keras.Model([said, *begin], layers.Dense(11)(outputs))

encoder.set_weights(run.weights[:3])
decoder.set_weights(run.weights)

# %% [markdown]
# Do encoder and decoder say the same as the whole network? The largest
# difference of all outputs is only due to rounding.

# %%
from memnets.tasks.base import one_hot

inputs = one_hot(test.inputs, letters)
h, c = encoder.predict(inputs[:, :22], verbose=0)
answers = decoder.predict([inputs[:, 22:], h, c], verbose=0)
print(f"{np.abs(answers - run.outputs[-1][:, 22:]).max():.0e}")


# %%
def translate(*dates):
    """Return the encoder's states and the translations of some dates."""
    symbols = np.full((len(dates), 32), task.inputs.index("="))
    for row, date in zip(symbols, dates):
        row[:22] = [*[-1] * (22 - len(date)), *map(task.inputs.index, date)]
    inputs = one_hot(symbols, letters)
    states = encoder.predict(inputs[:, :22], verbose=0)
    outputs = decoder.predict([inputs[:, 22:], *states], verbose=0)
    padded = np.pad(outputs, [(0, 0), (22, 0), (0, 0)])
    return states, task.texts(symbols, padded)[1]


# %%
dates = "7 March 2021", "March 7, 2021", "7 Mar 2021", "7.3.2021", "8.4.2030"
states, said = translate(*dates)
for date, translation in zip(dates, said):
    print(f"{date:14} -> {translation}")

# %% [markdown]
# Everything that the decoder knows of the date has passed through these states.
# How similar are the states of the same date in different forms?

# %%
together = np.concatenate(states, axis=1)
away = np.linalg.norm(together[:, None] - together[None], axis=2)
fig, ax = plt.subplots(figsize=(6, 4))
image = ax.imshow(away, cmap="cividis")
ax.set_xticks(range(5), dates, rotation=30, ha="right")
ax.set_yticks(range(5), dates)
fig.colorbar(image, label="distance of the states")
plt.show()

# %% [markdown]
# **What to see.** The first four dates are the same day, and their states are
# nearly the same, too: the encoder has removed the form. Another day has
# different states. The decoder needs nothing else.

# %% [markdown]
# ## How good are simple players?
#
# A score says little without another one beside it. *Guess* gives always the
# most frequent answer. *Linear* sees all steps at once and adds up what each
# says for an answer, by least squares. It has no memory and needs none, but it
# cannot combine two steps.

# %%
table = recorded_applications()
plot_scores(table, {"music": TASKS["music"].ceiling})
plt.legend(loc="upper center", bbox_to_anchor=(0.45, -0.15), ncols=4)
plt.show()

# %% [markdown]
# **What to see.** Each application has five dots a player, one for each seed.
# Where sequences shift and stretch, as in captions and videos, the linear player
# fails and the LSTM does not. In music no player can pass the black line.

# %%
print(as_text(table))

# %% [markdown]
# ## What may one conclude?
#
# - One layer with 24 to 64 cells learns each of these toys in seconds, if
#   enough data can be drawn.
# - Linear players come close at handwriting, speech and music. There a network
#   with a memory is comfortable, but hardly needed.
# - Nothing follows for the real applications: they have more classes, longer
#   sequences, far more noise, and too few data.

# %% [markdown]
# ## Exercises
#
# **1. The video backwards.** Play the videos backwards. What should the network
# say? How often does it say so?
#
# <details><summary>Solution</summary>
#
# The shape stays, the motions change their order, and each turns round.
#
# ```python
# video, test, _ = learn("video")
# frames = video.frames
# inputs = test.inputs.copy()
# inputs[:, :frames] = inputs[:, :frames][:, ::-1]
# wanted = video.solve(inputs)
# for before, after in zip(video.sentences(test.targets[:3]),
#                          video.sentences(wanted[:3])):
#     print(before, "| backwards:", after)
# backwards = test._replace(inputs=inputs, targets=wanted)
# answers = APPLICATIONS["video"].learn(0, backwards)
# print(f"{video.correct(answers, backwards).mean():.1%} are right")
# ```
#
# The network is as good as before. A video played backwards is just another
# video of the same kind.
#
# </details>

# %% [markdown]
# **2. Longer stories.** Train a network of the same size on stories of 20
# words. Is it still right?
#
# <details><summary>Solution</summary>
#
# ```python
# import dataclasses
#
# from memnets import TwoFacts
#
# longer = dataclasses.replace(
#     APPLICATIONS["questions"].experiment, task=TwoFacts(timesteps=20)
# )
# test = longer.task.sample(2000, np.random.default_rng(7))
# run = longer.run(Recording(test, every=longer.episodes), progress=False)
# right = longer.task.correct(run.outputs[-1], test).mean()
# print(f"{right:.1%} of the answers are right")
# ```
#
# It is right less often. Each sentence more can move a person or a thing, and
# the network must keep track of all of them.
#
# </details>

# %% [markdown]
# **3. A date that does not exist.** What does the translator say to the 31st of
# May, and to a year that it was never trained on?
#
# <details><summary>Solution</summary>
#
# ```python
# dates = "31 May 2021", "31.5.2021", "7 March 1995", "7 March 2089"
# for date, said in zip(dates, translate(*dates)[1]):
#     print(f"{date:14} -> {said}")
# ```
#
# In training, days ended with 28 and years were from 2000 to 2049. The
# network answers with numbers like those it was trained on. It has learned
# what is usual, not how to copy a letter.
#
# </details>
