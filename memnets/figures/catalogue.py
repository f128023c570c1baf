"""The catalogue of slide figures, drawn from recorded runs."""

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

from memnets.figures import (
    drawings,
    families,
    files,
    own,
    strings,
)
from memnets.figures.files import STYLES
from memnets.figures.own import Own, load_own, title_of
from memnets.plots import diagrams, gradients, learning
from memnets.plots.animations import animate_learning, draw_stage
from memnets.records import outcomes
from memnets.records.data import recorded
from memnets.records.ensemble import Ensemble
from memnets.records.files import replacing
from memnets.records.gradients import GradientStudy
from memnets.records.run import Run
from memnets.tasks import EmbeddedReber, Reber


@dataclasses.dataclass(frozen=True)
class Entry:
    """A figure of the catalogue.

    Args:
        title: String, the title in one line.
        recordings: Tuple of names, the recorded runs it is drawn from.
        draw: Function that takes a figure and the loaded recordings and draws
            them in it; for a film, the last frame.
        film: Function that takes the same and returns an animation. Default:
            `None`, the figure is not animated.
        cells: Boolean, whether `draw` also takes the table of all cells, after
            the recordings. Default: `False`.
        own: `Own`, the requirements on a user's run, or `None` if the figure
            cannot show one. Without recordings, a figure only shows a user's
            run. Default: `None`.
    """

    title: str
    recordings: tuple[str, ...]
    draw: Callable[..., None]
    film: Callable[..., FuncAnimation] | None = None
    cells: bool = False
    own: Own | None = None

    @property
    def needs_run(self) -> bool:
        """Whether the figure only shows a user's run."""
        return self.own is not None and not self.recordings


def draw_figure(name: str) -> Figure:
    """Draw a figure of the catalogue in the active style.

    Args:
        name: String, one of `FIGURES`.

    Returns:
        A matplotlib figure; for a film, its last frame.

    Raises:
        ValueError: If there is no figure of that name.
        FileNotFoundError: If a recording it needs is missing.
    """
    entry = _find(name)
    _check_recorded(name, entry)
    figure = _figure(entry)
    entry.draw(figure, *_load(entry).values())
    return figure


def save_figure(
    name: str,
    folder: str | os.PathLike,
    formats: Sequence[str] | None = None,
    styles: Sequence[str] = ("slides", "slides_dark"),
    run: Run | str | os.PathLike | Sequence | None = None,
    *,
    title: str | None = None,
    text: bool = False,
) -> list[pathlib.Path]:
    """Write a figure of the catalogue, the same bytes every time.

    The files are named `NAME.png` in the slides style, `NAME_dark.png` in its
    dark variant and `NAME_notebook.png`. For a film, png, svg and pdf show the
    last frame. The metadata of a file name its recordings and versions.

    Args:
        name: String, one of `FIGURES`.
        folder: The folder to write to; it is created if needed.
        formats: Strings out of png, svg, pdf, and gif or mp4 for films.
            Default: `None`: png, svg and pdf; for films png, gif and, if
            ffmpeg is found, mp4.
        styles: Strings out of `STYLES`. Default: `("slides", "slides_dark")`.
        run: `Run` or its file, drawn instead of the recorded run; or a list of
            them, if the figure can draw several. Default: `None`.
        title: String, the title instead of the figure's own. Default: `None`.
        text: Boolean, whether to write text in an svg as text, which can be
            edited, instead of outlines, which look the same everywhere.
            Default: `False`.

    Returns:
        The paths that were written.

    Raises:
        ValueError: If a name, format or style is unknown, or the figure
            cannot show the run.
        FileNotFoundError: If a recording it needs is missing.
    """
    entry = _find(name)
    formats, styles = check(name, formats, styles)
    if run is None:
        _check_recorded(name, entry)
        loaded = _load(entry)
    else:
        several = isinstance(run, (list, tuple))
        loaded = load_own(name, entry.own, run if several else [run])
        entry = _of_own(entry, loaded)
    if title is not None:
        entry = dataclasses.replace(entry, title=title)
    origin = files.origin(name, loaded)
    letters = {"svg.fonttype": "none"} if text else {}
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for style in styles:
        # Start from matplotlib's defaults, not from the user's settings.
        with (
            plt.style.context(
                f"{files.STYLE_PACKAGE}.{style}", after_reset=True
            ),
            plt.rc_context(letters),
        ):
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
    """Check the arguments of `save_figure` before any work.

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
    return files.check_formats(name, film, formats), styles


def _write(entry, loaded, path, form, origin):
    figure = _figure(entry)
    if form in files.FILMS:
        film = entry.film(figure, *loaded)
        files.write_film(film, path, form, entry.title, origin)
    else:
        entry.draw(figure, *loaded)
        files.write(figure, path, form, entry.title, origin)


def _find(name: str) -> Entry:
    if name not in FIGURES:
        raise ValueError(
            f"name must be among {', '.join(FIGURES)}, got {name!r}"
        )
    return FIGURES[name]


def _figure(entry: Entry) -> Figure:
    # Made without pyplot, which would keep it open.
    figure = Figure(layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(entry.title)
    return figure


def _load(entry: Entry) -> dict[str, object]:
    """Load the recordings of an entry, by name."""
    loaded = {key: recorded(key) for key in entry.recordings}
    if entry.cells:
        loaded["cells"] = outcomes.recorded_cells()
    return loaded


def _check_recorded(name: str, entry: Entry) -> None:
    """Refuse a figure that needs a user's run."""
    if entry.needs_run:
        raise ValueError(
            f"run must be given for {name}, which draws {entry.own.needs}: "
            f"memnets figures {name} --run RUN.npz"
        )


def _of_own(entry: Entry, loaded: dict) -> Entry:
    """Return an entry that draws a user's runs."""
    needs, records = entry.own, list(loaded.values())
    draw, film = needs.draw or entry.draw, needs.film or entry.film
    if needs.several:
        draw = functools.partial(draw, labels=list(loaded))
    title = title_of(records[0]) if len(records) == 1 else entry.title
    return dataclasses.replace(entry, title=title, draw=draw, film=film)


def _task(figure: Figure, run: Run) -> None:
    learning.plot_task(run.task, run.probe, ax=figure.add_subplot())


def _learning(figure: Figure, run: Run) -> None:
    learning.plot_learning(run, ax=figure.add_subplot())


def _forming(figure: Figure, run: Run) -> None:
    """Draw the episodes until the answers no longer change, plus a quarter."""
    ax = learning.plot_learning(run, ax=figure.add_subplot())
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
        learning.plot_sequences(run, answers, ax=ax)
        ax.set_title(answers)
        ax.label_outer()
    figure.colorbar(axes[1].images[0], ax=axes, label="output", pad=0.02)


def _asked_twice(figure: Figure, run: Run) -> None:
    axes = figure.subplots(2, 2, sharex=True, sharey=True)
    for sequence, ax in enumerate(axes.flat):
        learning.plot_sequence(run, sequence, ax=ax)
        ax.label_outer()
    handles = axes[0, 0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=2)


def _losses(figure: Figure, lecture: Ensemble, mastered: Ensemble) -> None:
    left, right = figure.subplots(1, 2, sharey=True)
    learning.plot_losses(lecture, named=False, ax=left)
    learning.plot_losses(mastered, ax=right)
    left.set_title("the lecture's setting")
    right.set(title="learned to the end", ylabel="")
    left.legend(loc="lower left")


def _values(figure: Figure, run: Run) -> None:
    # Untrained; right time; limited to tanh(1); beyond tanh(1); at the end.
    episodes = (0, 100, 150, 300, 4000)
    learning.plot_recalled_values(run, episodes, ax=figure.add_subplot())


def _units(figure: Figure, run: Run) -> None:
    """Draw a short, a medium and a long count from the same tell."""
    events = [run.task.events(inputs) for inputs in run.probe.inputs]
    starts = [(e["tell"][0], e["signal"][0]) for e in events]
    axes = figure.subplots(3, 1, sharex=True, sharey=True)
    for ax, count in zip(axes, (2, 5, 8)):
        learning.plot_units(run, starts.index((4, 4 + count)), ax=ax)
        ax.set_ylabel("")
        ax.label_outer()
    figure.supylabel("output of unit", fontsize=plt.rcParams["axes.labelsize"])
    handles = axes[0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside right center")


def _gradient_before(figure: Figure, study: GradientStudy) -> None:
    ax = figure.add_subplot(yscale="log", ylim=gradients.LIMITS)
    before = dict(zip(study.networks, study.before))
    gradients.plot_gradient(before, ax).set_ylabel("gradient, 1 at the ask")
    ax.set_xlabel("time steps back from the ask")


def _gradient_after(figure: Figure, study: GradientStudy) -> None:
    axes = figure.subplots(2, 3, sharex=True, sharey=True)
    for ax, network in zip(axes.flat, study.networks):
        gradients.plot_gradient_study(study, network, ax)
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


def _own_values(figure: Figure, run: Run) -> None:
    learning.plot_recalled_values(run, ax=figure.add_subplot())


def _own_units(figure: Figure, run: Run) -> None:
    ax = learning.plot_units(run, ax=figure.add_subplot())
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1))


FIGURES: dict[str, Entry] = {
    "task": Entry("A sequence of the task", (), _task, own=own.ANY),
    "learning": Entry("The output while it learns", (), _learning, own=own.ANY),
    "answers": Entry("Target and output", (), own.answers, own=own.ANSWERS),
    "loss": Entry("The loss while it learns", (), own.loss, own=own.LOSS),
    "film": Entry("A network learns", (), _last, _film, own=own.FILM),
    "inside": Entry("The gates of a network", (), own.gates, own=own.GATES),
    "recall_task": Entry(
        "The recall task: told a number, say it when asked",
        ("recall_lecture",),
        _task,
        own=own.of_task("recall"),
    ),
    "countdown_task": Entry(
        "The countdown task: told a number, count it down, then signal",
        ("countdown_lecture",),
        _task,
        own=own.of_task("countdown"),
    ),
    "recall_learning": Entry(
        "Learning to recall: the lecture's 300 episodes",
        ("recall_lecture",),
        _learning,
        own=own.of_task("recall"),
    ),
    "recall_learning_mastered": Entry(
        "Learning to recall at 50 times the learning rate",
        ("recall_mastered",),
        _forming,
        own=own.of_task("recall"),
    ),
    "countdown_learning": Entry(
        "Learning to count down: the lecture's 300 episodes",
        ("countdown_lecture",),
        _learning,
        own=own.of_task("countdown"),
    ),
    "countdown_learning_mastered": Entry(
        "Learning to count down at 10 times the learning rate",
        ("countdown_mastered",),
        _forming,
        own=own.of_task("countdown"),
    ),
    "recall_sequences": Entry(
        "Recall of 30 sequences; a dot marks each tell",
        ("recall_thirty",),
        _sequences,
        own=own.SEVERAL_SEQUENCES,
    ),
    "recall_asked_twice": Entry(
        "Trained on one ask, asked twice: the second answer is worse",
        ("recall_asked_twice",),
        _asked_twice,
        own=own.FOUR_SEQUENCES,
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
        "First when to answer, then what",
        ("recall_values",),
        _values,
        own=dataclasses.replace(own.TOLD_VALUES, draw=_own_values),
    ),
    "countdown_units": Entry(
        "The first layer while it counts",
        ("countdown_units",),
        _units,
        own=dataclasses.replace(own.WATCHED, draw=_own_units),
    ),
    "recall_animation": Entry(
        "A network learns to recall",
        ("recall_mastered",),
        _last,
        _film,
        own=own.of_task("recall"),
    ),
    "countdown_animation": Entry(
        "A network learns to count down",
        ("countdown_mastered",),
        _last,
        _film,
        own=own.of_task("countdown"),
    ),
    "cell": Entry(
        "Inside an LSTM cell: delete, write, read",
        ("recall_inside",),
        drawings.cell,
        own=own.CELL,
    ),
    "cell_film": Entry(
        "A cell keeps a number",
        ("recall_inside",),
        drawings.cell_last,
        drawings.cell_film,
        own=own.CELL,
    ),
    "gates": Entry(
        "The gates of a cell that learned to keep a number",
        ("recall_inside",),
        drawings.gates,
        own=own.GATES,
    ),
    "tanh_ceiling": Entry(
        "The answering cell at the ask: below the ceiling, and past it",
        ("recall_ceiling_inside", "recall_inside"),
        drawings.ceiling,
    ),
    "memory_by_hand": Entry(
        "A memory set by hand: write at a tell, read at an ask",
        ("recall_by_hand_inside",),
        drawings.by_hand,
    ),
    "countdown_by_hand": Entry(
        "A clock set by hand: the cell that counts",
        ("countdown_by_hand_inside",),
        drawings.by_hand,
    ),
    "reber_grammar": Entry(
        "The Reber grammar: from left to right, either arrow is equally likely",
        (),
        functools.partial(strings.grammar, task=Reber()),
    ),
    "embedded_reber_grammar": Entry(
        "The embedded Reber grammar: it ends with the T or P it began with",
        (),
        functools.partial(strings.grammar, task=EmbeddedReber()),
    ),
    "family": Entry("The family of cells, drawn alike", (), drawings.family),
    "family_gates": Entry(
        "How the LSTM came to its gates",
        (),
        functools.partial(drawings.family, places=diagrams.GROWING),
    ),
    "family_fewer": Entry(
        "Beside the LSTM: other gates, and fewer",
        (),
        functools.partial(drawings.family, places=diagrams.SHRINKING),
    ),
    "cells_recall": Entry(
        "Which cell learns to recall? 5 units, 32 networks of each",
        (),
        functools.partial(drawings.cells, task="recall"),
        cells=True,
    ),
    "cells_countdown": Entry(
        "Which cell learns to count down? 5 units, 32 networks of each",
        (),
        functools.partial(drawings.cells, task="countdown"),
        cells=True,
    ),
    "cells_embedded_reber": Entry(
        "Which cell learns the embedded grammar? 12 units, 32 of each",
        (),
        functools.partial(drawings.cells, task="embedded-reber"),
        cells=True,
    ),
    "cells_matrix": Entry(
        "How many of 32 networks solve it: every cell, 95 % intervals",
        (),
        drawings.matrix,
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
    **{name: Entry(*drawn) for name, drawn in families.DRAWN.items()},
}
