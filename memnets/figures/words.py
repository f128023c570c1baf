"""Layouts of the slide figures of words and subjects, for the catalogue."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from matplotlib.figure import Figure

from memnets.plots import words
from memnets.records.trace import NetworkTrace
from memnets.tasks.words import read_text, words_of

# The cells that learn who is the latest subject.
CELLS = ("LSTM", "without a forget gate")


def memorizing(figure: Figure, traced: NetworkTrace) -> None:
    """Draw the accuracy on the story, and on a text that was not learned."""
    found, task = traced.settings, traced.task
    accuracies = {
        "the story, learned": np.array(found["story"]),
        "another text": np.array(found["sequel"]),
    }
    landmarks = {
        f"best from\n{count} word{'s' * (count > 1)}": task.ceiling(count)
        for count in (3, 1)
    }
    # The first word of the dictionary is the most frequent one.
    other = task.windows("sequel").targets[:, -1].argmax(axis=1)
    landmarks[f"always\n{task.inputs[0]!r}"] = float(np.mean(other == 0))
    ax = figure.add_subplot()
    words.plot_memorizing(found["examined"], accuracies, landmarks, ax)
    ax.legend(loc="center right", bbox_to_anchor=(1, 0.72))


def told(figure: Figure, traced: NetworkTrace) -> None:
    """Write the first sentence, told at stages of the training."""
    right = words_of(read_text(traced.task.text))
    ax = figure.add_subplot()
    words.plot_told(traced.settings["told"], right, traced.task.timesteps, ax)


def subject(figure: Figure, traced: NetworkTrace) -> None:
    """Draw the cell state while three subjects take turns."""
    ax, layer = figure.add_subplot(), traced.traces[0]
    words.plot_subject(layer, traced.task, traced.probe, ax=ax)


def drift(figure: Figure, lstm: NetworkTrace, bare: NetworkTrace) -> None:
    """Draw all cell states over a long sequence, in two cells."""
    axes = figure.subplots(1, 2, sharex=True, sharey=True)
    for ax, traced, name in zip(axes, (lstm, bare), CELLS):
        layer, batch = traced.traces[0], traced.probe
        words.plot_drift(layer, traced.task, batch, 1, ax).label_outer()
        ax.set_title(name)


def lags(figure: Figure, lstm: NetworkTrace, bare: NetworkTrace) -> None:
    """Draw the share of correct answers at longer lags, in two cells."""
    both = (lstm.settings["correct"], bare.settings["correct"])
    correct = dict(zip(CELLS, both))
    ax = figure.add_subplot()
    words.plot_subject_lags(correct, lstm.settings["task"]["timesteps"], ax)
    ax.legend(loc="center left")


# Title, recordings and layout of each figure of the catalogue.
DRAWN: dict[str, tuple[str, tuple[str, ...], Callable[..., None]]] = {
    "words_memorizing": (
        "Ten networks memorize a story; another text stays unknown",
        ("story_inside",),
        memorizing,
    ),
    "words_told": (
        "A network learns to tell a story; its mistakes are orange",
        ("story_inside",),
        told,
    ),
    "subject_state": (
        "John or Jenny? The latest subject must replace the one before",
        ("subject_lstm_inside",),
        subject,
    ),
    "subject_drift": (
        "Ten times as long: without a forget gate a cell state runs away",
        ("subject_lstm_inside", "subject_nfg_inside"),
        drift,
    ),
    "subject_lags": (
        "Sequences ten times as long as in training: 10 networks of each",
        ("subject_lstm_inside", "subject_nfg_inside"),
        lags,
    ),
}
