"""The slide figures: a name for each, drawn from recorded runs."""

from __future__ import annotations

import dataclasses
import functools
import math
import os
import pathlib
from collections.abc import Callable, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.animation import FuncAnimation
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from memnets import (
    cell_figures,
    cell_plots,
    comparison,
    family,
    flow_plots,
    plots,
    recordings,
    saving,
)
from memnets.animations import animate_learning, draw_stage
from memnets.flows import Flows
from memnets.insides import Inside
from memnets.runs import Ensemble, Run, replacing
from memnets.saving import STYLES


@dataclasses.dataclass(frozen=True)
class Entry:
    """A figure of the catalogue.

    Args:
        title: String, one line that says what it shows.
        recordings: Tuple of names, the recorded runs it is drawn from.
        draw: Function that takes a figure and the loaded recordings and draws
            them in it; of a film, the last frame.
        film: Function that takes the same and returns an animation, or `None`
            for a figure that stands still.
        cells: Boolean, whether it is drawn from the table of all cells, too,
            which `draw` takes after the recordings. Default: `False`.
    """

    title: str
    recordings: tuple[str, ...]
    draw: Callable[..., None]
    film: Callable[..., FuncAnimation] | None = None
    cells: bool = False


def draw_figure(name: str) -> Figure:
    """Draw a figure of the catalogue in the style that is active.

    Args:
        name: String, one of `FIGURES`.

    Returns:
        A matplotlib figure; of a film, its last frame.

    Raises:
        ValueError: If there is no figure of that name.
        FileNotFoundError: If a recording it needs is missing.
    """
    entry = _find(name)
    figure = _figure(entry)
    entry.draw(figure, *_load(entry).values())
    return figure


def save_figure(
    name: str,
    folder: str | os.PathLike,
    formats: Sequence[str] | None = None,
    styles: Sequence[str] = ("slides", "slides_dark"),
    run: str | os.PathLike | None = None,
) -> list[pathlib.Path]:
    """Write a figure of the catalogue, the same bytes every time.

    The files are `NAME.png` in the slides style, `NAME_dark.png` in its dark
    variant and `NAME_notebook.png`. A film as png, svg or pdf is its last
    frame. Every file names the recordings and versions behind it.

    Args:
        name: String, one of `FIGURES`.
        folder: Where to write; it is made if need be.
        formats: Strings out of png, svg, pdf, and gif or mp4 for films.
            Default: `None`: png, svg and pdf; for films png, gif and, if an
            ffmpeg is found, mp4.
        styles: Strings out of `STYLES`. Default: `("slides", "slides_dark")`.
        run: The file of a run to draw in the place of the recorded one.
            Default: `None`.

    Returns:
        The paths that were written.

    Raises:
        ValueError: If a name, format or style is unknown, or the run is not
            one that the figure can show.
        FileNotFoundError: If a recording it needs is missing.
    """
    entry = _find(name)
    formats, styles = check(name, formats, styles)
    if run is None:
        loaded = _load(entry)
    else:
        loaded = {os.path.basename(run): _own(name, entry, run)}
        # What follows the colon is about the recording.
        title = entry.title.partition(":")[0]
        entry = dataclasses.replace(entry, title=title)
    origin = saving.origin(name, loaded)
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for style in styles:
        # From matplotlib's defaults, so that no setting of the user's shows.
        with plt.style.context(f"memnets.styles.{style}", after_reset=True):
            for form in formats:
                path = folder / f"{name}{STYLES[style]}.{form}"
                with replacing(path) as temporary:
                    _write(entry, loaded.values(), temporary, form, origin)
                written.append(path)
    return written


def check(
    name: str,
    formats: Sequence[str] | None = None,
    styles: Sequence[str] = ("slides", "slides_dark"),
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Check the arguments of `save_figure` without any work.

    Returns:
        The formats and the styles, as tuples of strings.

    Raises:
        ValueError: If a name, format or style is unknown.
    """
    film = _find(name).film is not None
    styles = (styles,) if isinstance(styles, str) else tuple(styles)
    for style in styles:
        if style not in STYLES:
            raise ValueError(
                f"styles must be among {', '.join(STYLES)}, got {style!r}"
            )
    return saving.check_formats(name, film, formats), styles


def _write(entry, loaded, path, form, origin):
    figure = _figure(entry)
    if form in saving.FILMS:
        film = entry.film(figure, *loaded)
        saving.write_film(film, path, form, entry.title, origin)
    else:
        entry.draw(figure, *loaded)
        saving.write(figure, path, form, entry.title, origin)


def _find(name: str) -> Entry:
    if name not in FIGURES:
        raise ValueError(
            f"name must be among {', '.join(FIGURES)}, got {name!r}"
        )
    return FIGURES[name]


def _figure(entry: Entry) -> Figure:
    # A figure that pyplot does not know stays open nowhere.
    figure = Figure(layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(entry.title)
    return figure


def _load(entry: Entry) -> dict[str, object]:
    """Load all that an entry is drawn from."""
    loaded = {key: _read(key) for key in entry.recordings}
    return loaded | ({"cells": comparison.recorded()} if entry.cells else {})


def _read(recording: str) -> Run | Ensemble | Inside | Flows:
    """Load a recording, or say how to make it."""
    try:
        return recordings.load(recording)
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"the recording {recording} is missing; `memnets record "
            f"{recording}` or `make figures RETRAIN=1` makes it"
        ) from error


def _own(name: str, entry: Entry, path: str | os.PathLike) -> Run:
    """Load the user's run for a figure that is drawn from one run."""
    recorded = [_read(recording) for recording in entry.recordings]
    if len(recorded) != 1 or not isinstance(recorded[0], Run):
        raise ValueError(
            f"run must be None for {name}, which is not drawn from one "
            f"run, got {path}"
        )
    run = Run.load(path)
    if run.probe.inputs.shape[2] != recorded[0].probe.inputs.shape[2]:
        raise ValueError(
            f"run must be of {recorded[0].task.name} for {name}, got one of "
            f"{run.task.name}: {path}"
        )
    return run


def _task(figure: Figure, run: Run) -> None:
    plots.plot_task(run.task, run.probe, ax=figure.add_subplot())


def _learning(figure: Figure, run: Run) -> None:
    plots.plot_learning(run, ax=figure.add_subplot())


def _forming(figure: Figure, run: Run) -> None:
    """Draw the episodes until the answers stay, and a quarter more."""
    ax = plots.plot_learning(run, ax=figure.add_subplot())
    away = np.abs(run.outputs - run.outputs[-1]).max(axis=(1, 2, 3)) > 0.1
    last = 1.25 * run.episodes[away].max(initial=1)
    ax.set_xlim(right=min(500 * math.ceil(last / 500), run.episodes[-1]))


def _sequences(figure: Figure, run: Run) -> None:
    """Draw targets beside outputs, sorted by the time of the recall."""
    recall = run.probe.targets[..., 0].argmax(axis=1)
    order = np.argsort(recall, kind="stable")
    run = dataclasses.replace(
        run,
        outputs=run.outputs[:, order],
        probe=type(run.probe)(*(field[order] for field in run.probe)),
    )
    axes = figure.subplots(1, 2, sharey=True)
    for ax, answers in zip(axes, ("target", "output")):
        plots.plot_sequences(run, answers, ax=ax)
        ax.set_title(answers)
        ax.label_outer()
    figure.colorbar(axes[1].images[0], ax=axes, label="output", pad=0.02)


def _asked_twice(figure: Figure, run: Run) -> None:
    axes = figure.subplots(2, 2, sharex=True, sharey=True)
    for sequence, ax in enumerate(axes.flat):
        plots.plot_sequence(run, sequence, ax=ax)
        ax.label_outer()
    handles = axes[0, 0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=2)


def _losses(figure: Figure, lecture: Ensemble, mastered: Ensemble) -> None:
    left, right = figure.subplots(1, 2, sharey=True)
    plots.plot_losses(lecture, named=False, ax=left)
    plots.plot_losses(mastered, ax=right)
    left.set_title("the lecture's setting")
    right.set(title="learned to the end", ylabel="")
    left.legend(loc="lower left")


def _values(figure: Figure, run: Run) -> None:
    # Silent; it knows when; it cannot exceed tanh(1); it can; at the end.
    episodes = (0, 100, 150, 300, 4000)
    plots.plot_recalled_values(run, episodes, ax=figure.add_subplot())


def _units(figure: Figure, run: Run) -> None:
    """Draw a short, a middling and a long count from one and the same tell."""
    events = [run.task.events(inputs) for inputs in run.probe.inputs]
    starts = [(e["tell"][0], e["signal"][0]) for e in events]
    axes = figure.subplots(3, 1, sharex=True, sharey=True)
    for ax, count in zip(axes, (2, 5, 8)):
        plots.plot_units(run, starts.index((4, 4 + count)), ax=ax)
        ax.set_ylabel("")
        ax.label_outer()
    figure.supylabel("output of unit", fontsize=plt.rcParams["axes.labelsize"])
    handles = axes[0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside right center")


def _gradient_before(figure: Figure, flows: Flows) -> None:
    ax = figure.add_subplot(yscale="log", ylim=flow_plots.LIMITS)
    kept = dict(zip(flows.networks, flows.before))
    cell_plots.plot_gradient(kept, ax).set_ylabel("gradient, 1 at the ask")
    ax.set_xlabel("time steps back from the ask")


def _gradient_after(figure: Figure, flows: Flows) -> None:
    axes = figure.subplots(2, 3, sharex=True, sharey=True)
    for ax, network in zip(axes.flat, flows.networks):
        flow_plots.plot_flow(flows, network, ax)
    size = plt.rcParams["axes.labelsize"]
    axes[1, 1].set_xlabel("time steps back from the ask")
    figure.supylabel("gradient, 1 at the ask", fontsize=size)
    lines = {line.get_label(): line for ax in axes.flat for line in ax.lines}
    shown = ("before training", "not mastered", "mastered")
    handles = [lines[name] for name in shown if name in lines]
    figure.legend(handles=handles, loc="outside lower center", ncols=3)


def _last(figure: Figure, run: Run) -> None:
    draw_stage(run, figure=figure)


def _film(figure: Figure, run: Run) -> FuncAnimation:
    return animate_learning(run, figure=figure)


FIGURES: dict[str, Entry] = {
    "recall_task": Entry(
        "The recall task: told a number, say it when asked",
        ("recall_lecture",),
        _task,
    ),
    "countdown_task": Entry(
        "The countdown task: told a number, count it down, then signal",
        ("countdown_lecture",),
        _task,
    ),
    "recall_learning": Entry(
        "Learning to recall: the lecture's 300 episodes",
        ("recall_lecture",),
        _learning,
    ),
    "recall_learning_mastered": Entry(
        "Learning to recall at 50 times the learning rate",
        ("recall_mastered",),
        _forming,
    ),
    "countdown_learning": Entry(
        "Learning to count down: the lecture's 300 episodes",
        ("countdown_lecture",),
        _learning,
    ),
    "countdown_learning_mastered": Entry(
        "Learning to count down at 10 times the learning rate",
        ("countdown_mastered",),
        _forming,
    ),
    "recall_sequences": Entry(
        "Recall of 30 sequences; a dot marks each tell",
        ("recall_thirty",),
        _sequences,
    ),
    "recall_asked_twice": Entry(
        "Trained on one ask, asked twice: the second answer is worse",
        ("recall_asked_twice",),
        _asked_twice,
    ),
    "recall_loss": Entry(
        "Loss while learning to recall",
        ("recall_lecture_loss", "recall_loss"),
        _losses,
    ),
    "countdown_loss": Entry(
        "Loss while learning to count down",
        ("countdown_lecture_loss", "countdown_loss"),
        _losses,
    ),
    "recall_values": Entry(
        "First when to answer, then what", ("recall_values",), _values
    ),
    "countdown_units": Entry(
        "The first layer while it counts", ("countdown_units",), _units
    ),
    "recall_animation": Entry(
        "A network learns to recall", ("recall_mastered",), _last, _film
    ),
    "countdown_animation": Entry(
        "A network learns to count down",
        ("countdown_mastered",),
        _last,
        _film,
    ),
    "cell": Entry(
        "Inside an LSTM cell: delete, write, read",
        ("recall_inside",),
        cell_figures.cell,
    ),
    "cell_film": Entry(
        "A cell keeps a number",
        ("recall_inside",),
        cell_figures.cell_last,
        cell_figures.cell_film,
    ),
    "gates": Entry(
        "The gates of a cell that learned to keep a number",
        ("recall_inside",),
        cell_figures.gates,
    ),
    "tanh_ceiling": Entry(
        "The answering cell at the ask: below the ceiling, and past it",
        ("recall_ceiling_inside", "recall_inside"),
        cell_figures.ceiling,
    ),
    "memory_by_hand": Entry(
        "A memory set by hand: write at a tell, read at an ask",
        ("recall_by_hand_inside",),
        cell_figures.by_hand,
    ),
    "countdown_by_hand": Entry(
        "A clock set by hand: the cell that counts",
        ("countdown_by_hand_inside",),
        cell_figures.by_hand,
    ),
    "family": Entry(
        "The family of cells, drawn alike", (), cell_figures.family
    ),
    "family_gates": Entry(
        "How the LSTM came to its gates",
        (),
        functools.partial(cell_figures.family, places=family.GROWING),
    ),
    "family_fewer": Entry(
        "Beside the LSTM: other gates, and fewer",
        (),
        functools.partial(cell_figures.family, places=family.SHRINKING),
    ),
    "cells_recall": Entry(
        "Which cell learns to recall? 5 units, 32 networks of each",
        (),
        functools.partial(cell_figures.cells, task="recall"),
        cells=True,
    ),
    "cells_countdown": Entry(
        "Which cell learns to count down? 5 units, 32 networks of each",
        (),
        functools.partial(cell_figures.cells, task="countdown"),
        cells=True,
    ),
    "cells_embedded_reber": Entry(
        "Which cell learns the embedded grammar? 12 units, 32 of each",
        (),
        functools.partial(cell_figures.cells, task="embedded-reber"),
        cells=True,
    ),
    "cells_matrix": Entry(
        "How many of 32 networks solve it: every cell, 95 % intervals",
        (),
        cell_figures.matrix,
        cells=True,
    ),
    "gradient_before": Entry(
        "The error on its way back, before training: 8 seeds",
        ("recall_flows",),
        _gradient_before,
    ),
    "gradient_after": Entry(
        "After training: how many of 8 seeds have mastered recall",
        ("recall_flows",),
        _gradient_after,
    ),
}
