"""Figures of a user's runs: their requirements and their drawings."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.animation import FuncAnimation
from matplotlib.figure import Figure

from memnets.figures import drawings
from memnets.plots import annotations, learning
from memnets.plots.animations import animate_cell, animate_learning, draw_stage
from memnets.plots.cell import plot_cell
from memnets.plots.gates import plot_gates
from memnets.records.ensemble import Ensemble
from memnets.records.run import Run, loss_landmarks
from memnets.records.trace import NetworkTrace
from memnets.tasks import Recall


@dataclasses.dataclass(frozen=True)
class Own:
    """The requirements of a figure on a user's run, and how to draw it.

    Args:
        needs: String, the requirements in words, after "run must be".
        fits: Function from a run to whether it meets them.
        draw: Function that takes a figure and the record and draws it.
            Default: `None`, the figure's own.
        film: The same for a film. Default: `None`, the figure's own.
        traced: Boolean, whether the record is the `NetworkTrace` of the run.
            Default: `False`.
        several: Boolean, whether `draw` takes several runs. Default: `False`.
    """

    needs: str
    fits: Callable[[Run], bool]
    draw: Callable[..., None] | None = None
    film: Callable[..., FuncAnimation] | None = None
    traced: bool = False
    several: bool = False


def load_own(
    name: str, own: Own | None, runs: Sequence[Run | str | os.PathLike]
) -> dict[str, Run | NetworkTrace]:
    """Return the records of a user's runs for a figure, by their names.

    Args:
        name: String, the name of the figure.
        own: The figure's `Own`, or `None` if it cannot show a user's run.
        runs: The runs, or their files.

    Raises:
        ValueError: If the figure cannot show them.
    """
    if own is None:
        raise ValueError(
            f"run must be None for {name}, which is not drawn from a run; "
            f"learning, answers, loss, film and inside draw any run"
        )
    if len(runs) > 1 and not own.several:
        raise ValueError(
            f"run must be a single run for {name}, got {len(runs)}; answers "
            f"and loss draw several"
        )
    found: dict[str, Run | NetworkTrace] = {}
    for number, given in enumerate(runs, start=1):
        run = given if isinstance(given, Run) else Run.load(given)
        label = f"run {number}"
        if not isinstance(given, Run):
            label = os.path.basename(os.fspath(given))
        if not own.fits(run):
            raise ValueError(
                f"run must be {own.needs} for {name}, got {label}, {run!r}"
            )
        if label in found:
            raise ValueError(f"run must differ, got {label} twice")
        found[label] = run.trace() if own.traced else run
    return found


def title_of(record: Run | NetworkTrace) -> str:
    """Return the settings of a user's run in one line."""
    settings, task = record.settings, record.task.name
    parts = [f"{settings['episodes']:,} episodes"]
    if "cell" in settings:
        layers = "-".join(map(str, settings["units"]))
        readout = f"-{settings['readout']}" if settings["readout"] else ""
        parts = [f"{settings['cell']} {layers}{readout}", *parts]
        parts.append(f"Adam {settings['learning_rate']:g}")
    return f"{task}: {', '.join(parts)}, seed {settings['seed']}"


def answers(figure: Figure, *runs: Run, labels: Sequence[str] = ()) -> None:
    """Draw target and output of the first sequence, for one or more runs."""
    ax = learning.plot_sequence(runs[0], ax=figure.add_subplot())
    (line,) = (line for line in ax.lines if line.get_label() == "output")
    if len(runs) > 1:
        line.set_label(labels[0])
    for number, (run, label) in enumerate(zip(runs[1:], labels[1:])):
        if run.probe.targets.shape != runs[0].probe.targets.shape or np.any(
            run.probe.targets != runs[0].probe.targets
        ):
            raise ValueError(
                f"run must have recorded the same sequences as {labels[0]}, "
                f"got {label}"
            )
        style = {"color": f"C{(2, 3, 4, 5)[number % 4]}", "label": label}
        marker = "s^Dv"[number % 4]
        ax.plot(run.outputs[-1, 0, :, 0], f"{marker}--", **style)
    ax.legend(loc="upper left", bbox_to_anchor=(0, 0.9))


def loss(figure: Figure, *runs: Run, labels: Sequence[str] = ()) -> None:
    """Draw the loss over the episodes, for one or more runs."""
    ax, lines = figure.add_subplot(), {}
    every = max(1, min(len(run.losses) for run in runs) // 100)
    for number, run in enumerate(runs):
        ensemble = Ensemble.of([run], every)
        label = labels[number] if len(runs) > 1 else "loss"
        (lines[label],) = ax.plot(
            ensemble.episodes,
            ensemble.losses[0],
            ("-", "--", "-.", ":")[number % 4],
            color=f"C{number % 6}",
            label=label,
        )
    ax.set(xlabel="learning episode", yscale="log")
    ax.set_ylabel("loss" if every == 1 else f"loss, mean of {every} episodes")
    ax.margins(x=0)
    players = {k: v for k, v in loss_landmarks(runs[0]).items() if v > 0}
    low, high = ax.get_ylim()
    shown = {k: v for k, v in players.items() if low < v < high}
    ink = plt.rcParams["text.color"]
    for value in shown.values():
        ax.axhline(value, color=ink, ls="--", linewidth=1.2)
    annotations.name_landmarks(ax, shown)
    if len(runs) > 1:
        ax.legend(loc="lower left")


def film(figure: Figure, run: Run) -> FuncAnimation:
    """Show target and output of the first sequence during training."""
    return animate_learning(run, figure=figure)


def film_last(figure: Figure, run: Run) -> None:
    """Draw the last frame of `film`."""
    draw_stage(run, figure=figure)


def gates(figure: Figure, traced: NetworkTrace) -> None:
    """Draw the gates of the unit that keeps the most, in the first layer."""
    unit = drawings.keeper(traced, 0)
    axes = figure.subplots(3, 1, sharex=True)
    plot_gates(traced.traces[0], traced.task, traced.probe, 0, unit, axes)


def cell(figure: Figure, traced: NetworkTrace) -> None:
    """Draw the same unit at the first event of the first sequence."""
    step = min(
        (int(s[0]) for s in _events(traced).values() if len(s)), default=0
    )
    unit, trace = drawings.keeper(traced, 0), traced.traces[0]
    ax = figure.add_subplot()
    plot_cell(trace, traced.task, traced.probe, 0, step, unit, ax=ax)


def cell_film(figure: Figure, traced: NetworkTrace) -> FuncAnimation:
    """Show the same unit at all time steps."""
    unit = drawings.keeper(traced, 0)
    arguments = traced.traces[0], traced.task, traced.probe, 0, unit
    return animate_cell(*arguments, figure=figure)


def _events(traced: NetworkTrace) -> dict[str, np.ndarray]:
    return traced.task.events(traced.probe.inputs[0])


def _told_values(run: Run) -> int:
    """Return the number of different told values in a recall run."""
    if not isinstance(run.task, Recall):
        return 0
    return len(np.unique(run.probe.inputs[..., 1].max(axis=1)))


def _is_lstm(run: Run) -> bool:
    return run.settings.get("cell") == "lstm" and len(run.weights) > 0


def _has_gates(run: Run) -> bool:
    return run.settings.get("cell") in ("lstm", "gru") and len(run.weights) > 0


def of_task(task: str, **drawn) -> Own:
    """Return the `Own` that requires a run of one task."""
    return Own(f"a run of {task}", lambda run: run.task.name == task, **drawn)


ANY = Own("a run", lambda run: True)
SEVERAL_SEQUENCES = Own(
    "a recall run that recorded several sequences (memnets train recall "
    "--sequences 30)",
    lambda run: isinstance(run.task, Recall) and run.outputs.shape[1] > 1,
)
FOUR_SEQUENCES = Own(
    "a recall run that recorded four sequences or more (memnets train recall "
    "--sequences 4)",
    lambda run: isinstance(run.task, Recall) and run.outputs.shape[1] > 3,
)
TOLD_VALUES = Own(
    "a recall run whose sequences are told two values or more (memnets train "
    "recall --sequences 30)",
    lambda run: _told_values(run) > 1,
)
WATCHED = Own(
    "a run that watched a layer (memnets train ... --watch lstm_1)",
    lambda run: run.hidden is not None,
)
GATES = Own(
    "a run of an lstm or gru with its weights",
    _has_gates,
    draw=gates,
    traced=True,
)
CELL = Own(
    "a run of an lstm with its weights",
    _is_lstm,
    draw=cell,
    film=cell_film,
    traced=True,
)
ANSWERS = Own("a run", lambda run: True, answers, several=True)
LOSS = Own("a run", lambda run: len(run.losses) > 1, loss, several=True)
FILM = Own("a run", lambda run: True, film_last, film)
