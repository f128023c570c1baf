# %% [markdown]
# # 12 · Words: what does a network remember of what it reads?
#
# The best known exercise with an LSTM is to predict the next word of a text. A
# text is also the best known picture of a memory that must change: after "John"
# a text goes on with "he", until it speaks of Jenny. In this notebook we
#
# 1. calculate how well the next word of a short story can be predicted at all,
# 2. train a network to do so, and let it tell the story,
# 3. test it on another text, and
# 4. train networks to remember the latest subject, with a forget gate and
#    without one.
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

from memnets import NextWord, Recording, find, recorded, results
from memnets.experiments import words as study
from memnets.plots import words as plots
from memnets.records.data import folder
from memnets.tasks import LatestSubject, draw
from memnets.tasks.words import read_text, sentence, words_of

plt.style.use("memnets.plots.styles.notebook")

# %% [markdown]
# ## What is the task?
#
# Here is the story. It was written for this notebook.

# %%
print(read_text("story"))

# %% [markdown]
# A network reads numbers, not words. So we cut the story into words and
# punctuation marks, and number them by falling frequency. This list is the
# *dictionary*.

# %%
task = NextWord()
story = words_of(read_text("story"))
print(len(story), "words,", len(task.inputs), "different ones")
print("the most frequent:", *task.inputs[:10])

# %% [markdown]
# A sequence is a *window* of three words, and the target is the word after it.
# The story has 230 windows. In a batch each is drawn with equal probability.

# %%
windows = task.exam(np.random.default_rng(0))
for k in range(3):
    print(draw(task, windows, k), end="\n\n")

# %% [markdown]
# ## How well can it be done at all?
#
# The same three words may be followed by different ones. "The nuts were" is
# once followed by a full stop and once by a comma. Then even the best player
# errs once. We count, for each window, which word follows it most often. The
# share of the story that is right in this way is the *ceiling*.

# %%
known = range(6)
ceilings = [100 * task.ceiling(count) for count in known]
bars = plt.bar(known, ceilings, color=["C0"] * 3 + ["C1"] + ["C0"] * 2)
plt.bar_label(bars, fmt="%.1f")
plt.xlabel("known words before the next one")
plt.ylabel("right next words in %")
plt.show()

# %% [markdown]
# **What to see.** Who knows nothing always answers "the" and is right in 9 % of
# cases. Three words, in orange, decide the next one in 96 % of cases. Five words
# always do, in this short story.

# %% [markdown]
# These words have several successors:

# %%
unique = np.unique(windows.inputs, axis=0)
for window, shares in zip(unique, task.solve(unique)[:, -1]):
    after = [task.inputs[k] for k in np.flatnonzero(shares)]
    if len(after) > 1:
        read = sentence([task.inputs[k] for k in window])
        print(f"{read:18} ->", " | ".join(after))

# %% [markdown]
# ## Does a network reach the ceiling?
#
# An LSTM layer of 32 units reads the three words. The input has a channel for
# each word of the dictionary, which is 1 for the word that is read. So each
# word has its own row of the layer's kernel, a learned vector. This is the same
# as an *embedding*, a layer that looks up a vector for each word.
#
# The readout has an output for each word. Its activation is the
# [softmax](../docs/glossary.md#softmax): outputs are positive and sum to 1, so they are probabilities. The loss is the
# [crossentropy](../docs/glossary.md#crossentropy), the mean of $-\ln p$, where $p$ is the probability of the right
# word.

# %%
experiment = find("next-word-memorized")["next-word-memorized/32-softmax"]
print(experiment)
run = experiment.run(Recording(windows, every=10), progress=False)

# %%
right = [100 * task.accuracy(outputs, windows) for outputs in run.outputs]
chance = (run.outputs * windows.targets)[:, :, -1].sum(axis=-1)
crossentropy = -np.log(chance).mean(axis=1)

# %%
fig, (left, loss) = plt.subplots(1, 2, figsize=(8, 3.5))
left.plot(run.episodes, right)
left.axhline(100 * task.ceiling(), color="k", ls="--", lw=0.8)
left.set(ylabel="right next words in %", ylim=(0, 103))
left.set_xlabel("learning episode")
loss.plot(run.episodes, crossentropy)
loss.axhline(np.log(len(task.inputs)), color="k", ls="--", lw=0.8)
loss.set(ylabel="crossentropy", ylim=(0, None))
loss.set_xlabel("learning episode")
plt.show()

# %% [markdown]
# **What to see.** Left, the network reaches the ceiling, the dashed line, after
# some 200 episodes, and stays there. Right, the dashed line is the crossentropy
# of a blind guess, $\ln 107$. The crossentropy does not fall to 0, since nobody
# can foresee which way a fork will go.

# %% [markdown]
# An episode is one batch of 20 windows. The usual exercise has 512 units and
# 50,000 steps, one window each. Ten networks of each size were trained, with
# seeds 0 to 9. *Mastered* means that the network reaches the ceiling.

# %%
table = results(folder() / "results" / "words.csv")
for units, own in table.groupby("units"):
    when = own["mastered_after"].max()
    print(f"{units:>3} units: {own['mastered'].sum()} of {len(own)} mastered,", end=" ")
    print(f"the last after {when} episodes")

# %% [markdown]
# ## Can it tell the story?
#
# We give a network the first three words. Its answer becomes the next input,
# and so on. This is how networks generate text. Here is one network at stages
# of its training:

# %%
told = recorded("story_inside").settings["told"]
plots.plot_told(told, story, given=3)
plt.show()

# %% [markdown]
# **What to see.** At first the network repeats a few words. After 150 episodes
# it tells the beginning without a mistake, and after 200 it makes one again. At
# the end there is none.

# %% [markdown]
# Now we let the trained network go on.

# %%
first = task.generate(study.answerer(run.model()), "Long ago the", 227)
print(sentence(first))

# %% [markdown]
# It never comes to the end. At a fork it takes the wrong way, and then it goes
# in circles. With a window of five words there is no fork. We train the same
# network on such windows.

# %%
longer = NextWord(timesteps=5)
five = dataclasses.replace(experiment, task=longer).run(progress=False)
start = "Long ago the animals of"
second = longer.generate(study.answerer(five.model()), start, 227)

# %%
places = {
    "windows of 3 words": plots.find_places(first, story, context=3),
    "windows of 5 words": plots.find_places(second, story, context=5),
}
plots.plot_places(places).legend()
plt.show()

# %% [markdown]
# **What to see.** With five words the network tells the story from the first
# word to the last, a straight line. With three it jumps at a fork and repeats
# the same part for ever. Each part between two jumps is told without a mistake.

# %% [markdown]
# ## Has it learned English?
#
# No. It has [memorized](../docs/glossary.md#memorization) one text: there was nothing else to learn from. So we
# need a text that it has not read. This one has the same words.

# %%
print(read_text("sequel"))

# %%
other = task.windows("sequel")
always = np.mean(other.targets[:, -1].argmax(axis=1) == 0)
found = recorded("story_inside").settings
both = {"the story": found["story"], "the sequel": found["sequel"]}
lines = {"best from\n3 words": task.ceiling(), "always 'the'": always}
plots.plot_memorizing(found["examined"], both, lines).legend(loc="center")
plt.show()

# %% [markdown]
# **What to see.** Ten networks reach the ceiling on the story. On the sequel
# they are hardly better than a player who always answers "the". A result on the
# text of the training says nothing on other texts.

# %% [markdown]
# Networks that do learn a language are trained on texts of billions of words,
# and are always tested on texts that they have not read.
#
# ## Who is the latest subject?
#
# The next task needs a memory that lasts longer than three words, and one that
# can be overwritten. John (m) and Jenny (f) come up among other words, which are
# written as numbers. At the question mark the network must say who came last. He
# or she may have come up long before.

# %%
who = LatestSubject()
few = dataclasses.replace(who, timesteps=22)
print(draw(few, few.sample(1, np.random.default_rng(141))))

# %% [markdown]
# A network of four units learns this in seconds, from sequences of at most 50
# words. We then let it read fresh sequences that are up to ten times as long,
# 2,000 of each length.

# %%
learned = study.SUBJECT.run(progress=False)
model = learned.model()
for longer in study.LONGER:
    share = study.share_correct(model, who, longer, count=2000)
    print(f"up to {50 * longer:3} words: {share:.2%} right")

# %% [markdown]
# ## Where is the subject remembered?
#
# We take a recorded network of this kind and look for the cell whose state says
# best who came last. The background is blue while it is John, and orange while
# it is Jenny. A dot is any other word.

# %%
lstm, bare = (recorded(f"subject_{k}_inside") for k in ("lstm", "nfg"))
plots.plot_subject(lstm.traces[0], who, lstm.probe)
plt.show()

# %% [markdown]
# **What to see.** The cell state is negative while John is the latest subject,
# and positive while it is Jenny. It changes at the very word that names a new
# subject. Other words change it only a little.

# %% [markdown]
# The LSTM of 1997 had no [forget gate](../docs/glossary.md#forget-gate). What it
# has written stays, and a new subject can only be added to it. Here are all four
# cells of both networks, over a sequence of ten times the trained length. (The
# second cell is `lstm_nfg` of `memnets list`, which also has peepholes.)

# %%
fig, axes = plt.subplots(1, 2, sharex=True, sharey=True, figsize=(8, 3.5))
names = ("LSTM", "LSTM without a forget gate")
for ax, own, name in zip(axes, (lstm, bare), names):
    plots.plot_drift(own.traces[0], who, own.probe, 1, ax).label_outer()
    ax.set_title(name)
axes[0].legend()
plt.show()

# %% [markdown]
# **What to see.** In the LSTM all cell states stay small, however long the
# sequence is. Without a forget gate, each word adds a little to some cell
# states, and the largest runs far away. There tanh is nearly constant, so what
# a new subject adds no longer shows.

# %% [markdown]
# So the answers should get worse with the length of the sequences. Ten networks
# of each kind were tested on 10,000 sequences of each length.

# %%
correct = dict(zip(names, (own.settings["correct"] for own in (lstm, bare))))
plots.plot_subject_lags(correct, trained=50).legend()
plt.show()

# %% [markdown]
# **What to see.** All ten LSTMs answer all 10,000 sequences correctly, at every
# length. Without a forget gate the networks learn the trained length almost as
# well. At ten times the length the best of them is right in 64 % of cases, and
# some only guess.

# %% [markdown]
# ## Exercises
#
# **1. Letters.** A text can also be cut into letters. `NextWord` does it if
# you write a space after each. Turn the spaces of the story into `_`, and find
# how many letters must be known to decide the next one. Then train a network on
# windows of ten letters. How many of them does it predict right?
#
# <details><summary>Solution</summary>
#
# ```python
# letters = " ".join("_".join(read_text("story").split()))
# spelled = NextWord(timesteps=10, text=letters)
# for known in range(1, 11):
#     print(f"{known:2} letters: {spelled.ceiling(known):.3f}")
# exam = spelled.exam(np.random.default_rng(0))
# plan = dataclasses.replace(experiment, task=spelled, episodes=1500)
# spelling = plan.run(Recording(exam, every=1500), progress=False)
# print(f"right: {spelled.accuracy(spelling.outputs[-1], exam):.3f}")
# ```
#
# Even ten letters do not always decide the next one. The network is right in
# 98 % of cases, and reaches the ceiling if it trains for twice as long.
#
# </details>

# %% [markdown]
# **2. Draw instead of choosing.** Let the network draw each word with the
# probability that its softmax gives. Does it still go in circles?
#
# <details><summary>Solution</summary>
#
# ```python
# answer = study.answerer(run.model())
# drawn = task.generate(answer, "Long ago the", 60, np.random.default_rng(3))
# print(sentence(drawn))
# shares = answer(task.encode("said, I")[None])[0, -1]
# for k in np.argsort(-shares)[:5]:
#     print(f"{task.inputs[k]:8} {shares[k]:.2f}")
# ```
#
# At a fork every way is taken now and then, so it finds its way out of the
# circle. The four ways after "said, I" are equally frequent in the story, and
# the network gives each some probability.
#
# </details>

# %% [markdown]
# **3. More subjects.** In the training up to three subjects came up in a
# sequence. Let there be up to 40, in sequences of 50 words. Is our network still
# right? And what would a network answer that cannot overwrite the first subject?
#
# <details><summary>Solution</summary>
#
# ```python
# many = dataclasses.replace(who, subjects=40)
# print(f"the network: {study.share_correct(model, many, 1, count=2000):.2%}")
# # Of several subjects, the first and the last are the same half of the time.
# print(f"the first subject: {1 / 2 + 1 / 2 / 40:.2%}")
# ```
#
# It is. The network has learned to overwrite, however often. A memory that kept
# the first subject would hardly be better than a guess.
#
# </details>
