"""Pictures of the small applications: a sample of each, and the scores."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from memnets.plots import annotations
from memnets.tasks import (
    Batch,
    Captions,
    DateTranslation,
    Melody,
    MovingShapes,
    PenStrokes,
    SpokenDigits,
    Task,
    TwoFacts,
)
from memnets.tasks.base import check_batch, check_below
from memnets.tasks.music import NOTES
from memnets.tasks.pictures import SCREEN, SIDE
from memnets.tasks.symbols import spell

# How the players of a score are drawn: color, marker, shift up in rows.
PLAYERS = {
    "guess": ("C5", "v", 0.24),
    "linear, all steps": ("C1", "s", 0.0),
    "LSTM": ("C0", "o", -0.24),
}


def plot_sample(
    task: Task, batch: Batch, sequence: int = 0, ax: Axes | None = None
) -> Axes:
    """Draw one sequence of an application as people know such things.

    A letter is drawn as the pen wrote it, a melody as notes, a spoken digit as
    its spectra over time, an image and a video as pictures. Dates and stories
    are written down. The title of the axes is the right answer.

    Args:
        task: The task of an application.
        batch: The sequences that it drew.
        sequence: Integer, which of them. Default: 0.
        ax: The axes. Default: `None`.

    Raises:
        ValueError: If the task is not one of an application.
    """
    if type(task) not in _DRAWN:
        names = ", ".join(kind.name for kind in _DRAWN)
        raise ValueError(f"task must be one of {names}, got {task!r}")
    check_batch("batch", batch)
    check_below("sequence", sequence, len(batch.inputs))
    ax = plt.subplots(layout="constrained")[1] if ax is None else ax
    one = Batch(*(array[sequence : sequence + 1] for array in batch))
    ax.set_title(_DRAWN[type(task)](ax, task, one))
    return ax


def _answer(task: Task, batch: Batch) -> str:
    """Return the one answer of a sequence."""
    return f"“{task.outputs[batch.targets[0].sum(axis=0).argmax()]}”"


def _draw_letter(ax: Axes, task: Task, batch: Batch) -> str:
    path = np.cumsum(batch.inputs[0, :, :2], axis=0)
    path = path[: 1 + batch.inputs[0, :, 2].argmax()]
    x, y = np.concatenate([np.zeros((1, 2)), path]).T
    ax.plot(x, y, "-", color="C0", marker="o")
    ax.plot(x[0], y[0], "o", color="C1", markersize=14)
    ax.set_aspect("equal", adjustable="datalim")
    ax.margins(0.25)
    ax.axis("off")
    return _answer(task, batch)


def _draw_spectra(ax: Axes, task: Task, batch: Batch) -> str:
    last = 1 + batch.inputs[0, :, -1].argmax()
    _draw_image(ax, batch.inputs[0, :last, :-1].T, origin="lower")
    ax.set(xlabel="time step", ylabel="frequency", yticks=[])
    ax.set_aspect("auto")
    annotations.integer_ticks(ax.xaxis)
    return _answer(task, batch)


def _draw_notes(ax: Axes, task: Task, batch: Batch) -> str:
    notes = batch.inputs[0]
    following = int(batch.targets[0, -1].argmax())
    ax.plot(notes, "-", color="C0", marker="o")
    ax.plot(len(notes), following, "o", color="C1", markersize=14)
    white = [k for k, name in enumerate(NOTES) if len(name) == 1 or k == 12]
    ax.set_yticks(white[::2], [NOTES[k] for k in white[::2]])
    ax.set_xlabel("time step")
    annotations.integer_ticks(ax.xaxis)
    return f"next: {NOTES[following]}"


def _draw_caption(ax: Axes, task: Task, batch: Batch) -> str:
    _draw_image(ax, batch.inputs[0, :SIDE, :SIDE])
    ax.set(xticks=[], yticks=[])
    return f"“{task.sentences(batch.targets)[0]}”"


def _draw_video(ax: Axes, task: Task, batch: Batch) -> str:
    frames = batch.inputs[0, : task.frames, :-1]
    strip = frames.reshape(-1, SCREEN, SCREEN).transpose(1, 0, 2)
    # A gap after each frame, in which nothing is drawn.
    strip = np.pad(strip, [(0, 0), (0, 0), (0, 1)], constant_values=np.nan)
    _draw_image(ax, strip.reshape(SCREEN, -1)[:, :-1])
    ax.set(xticks=[], yticks=[])
    for spine in ax.spines.values():
        spine.set_visible(False)
    return f"“{task.sentences(batch.targets)[0]}”"


def _draw_image(ax: Axes, image: np.ndarray, **options) -> None:
    """Draw pixels from dark, 0, to bright, 1."""
    style = {"cmap": "cividis", "vmin": -0.2, "vmax": 1.2}
    ax.imshow(image, interpolation="nearest", **style, **options)


def _write_date(ax: Axes, task: Task, batch: Batch) -> str:
    (written,), (said,) = task.texts(batch.inputs, batch.targets)
    _write(ax, [written])
    return f"“{said}”"


def _write_story(ax: Axes, task: Task, batch: Batch) -> str:
    words = spell(task, batch.inputs[0]).split()
    lines = [" ".join(words[k : k + 3]) for k in range(0, len(words), 3)]
    _write(ax, [*lines[:-1], f"{lines[-1]}?"])
    return _answer(task, batch)


def _write(ax: Axes, lines: list[str]) -> None:
    """Write lines in the middle of the axes."""
    size = plt.rcParams["axes.labelsize"]
    text = "\n".join(lines)
    style = {"ha": "center", "va": "center", "fontsize": size}
    ax.text(0.5, 0.5, text, transform=ax.transAxes, **style)
    ax.axis("off")


_DRAWN = {
    DateTranslation: _write_date,
    Melody: _draw_notes,
    PenStrokes: _draw_letter,
    SpokenDigits: _draw_spectra,
    TwoFacts: _write_story,
    Captions: _draw_caption,
    MovingShapes: _draw_video,
}


def plot_scores(
    frame: pd.DataFrame,
    ceilings: Mapping[str, float] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the scores of the players of all applications, seed by seed.

    Args:
        frame: The table, as from
            `memnets.records.applications.recorded_applications`.
        ceilings: Dictionary from applications to the score that the perfect
            player reaches, marked where it is less than 1. Default: `None`.
        ax: The axes. Default: `None`.
    """
    ax = plt.subplots(layout="constrained")[1] if ax is None else ax
    names = frame["application"].drop_duplicates().tolist()
    rows = {name: len(names) - 1 - k for k, name in enumerate(names)}
    thin = 0.5 * plt.rcParams["lines.linewidth"]
    for player, (color, marker, shift) in PLAYERS.items():
        own = frame[frame["player"] == player]
        y = own["application"].map(rows) + shift
        means = own.groupby("application", sort=False)["score"].mean()
        ax.hlines(means.index.map(rows) + shift, 0, means, color, lw=thin)
        ax.plot(
            own["score"], y, marker, color=color, label=player, clip_on=False
        )
    ink = plt.rcParams["text.color"]
    for number, (name, most) in enumerate((ceilings or {}).items()):
        label = None if number else "best possible"
        high = [rows[name] - 0.42, rows[name] + 0.42]
        ax.plot([most, most], high, color=ink, label=label, zorder=0)
    ax.set_yticks(list(rows.values()), list(rows))
    ax.set(xlim=(0, 1.02), xlabel="share of answers that are right")
    ax.set_ylim(-0.6, len(names) - 0.4)
    return ax
