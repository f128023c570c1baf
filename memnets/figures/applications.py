"""Layouts of the slide figures of the applications, for the catalogue."""

from __future__ import annotations

from collections.abc import Callable

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from memnets.plots.applications import plot_sample, plot_scores
from memnets.records.applications import TASKS, recorded_applications

SEED = 11  # of the samples


PLACES = [
    ["translation", "music", "handwriting", "speech"],
    ["questions", "captions", "video", "video"],
]


def samples(figure: Figure) -> None:
    """Draw a sample of each application, and the right answer below it."""
    below = {"ha": "center", "va": "top"}
    below["fontsize"] = plt.rcParams["axes.titlesize"]
    for name, ax in figure.subplot_mosaic(PLACES).items():
        task = TASKS[name]
        plot_sample(task, task.sample(1, np.random.default_rng(SEED)), ax=ax)
        answer = f"→ {ax.get_title()}"
        ax.set(title=name, xlabel="", ylabel="", xticks=[], yticks=[])
        ax.text(0.5, -0.06, answer, transform=ax.transAxes, **below)


def scores(figure: Figure) -> None:
    """Draw the scores of all players, seed by seed."""
    ceilings = {"music": TASKS["music"].ceiling}
    frame = recorded_applications()
    ax = plot_scores(frame, ceilings, figure.add_subplot())
    handles = ax.get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=4)


# Title, recordings and layout of each figure of the catalogue.
DRAWN: dict[str, tuple[str, tuple[str, ...], Callable[..., None]]] = {
    "applications": (
        "Seven small applications: what is read → what must be said",
        (),
        samples,
    ),
    "applications_scores": (
        "Seven applications: 5 networks each, beside simple players",
        (),
        scores,
    ),
}
