"""Layouts of the slide figures of the hidden particle, for the catalogue."""

from __future__ import annotations

from collections.abc import Callable

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from memnets.plots import particle
from memnets.records import data
from memnets.records.probes import LEVELS, Responses
from memnets.records.run import Run
from memnets.records.tables import results
from memnets.tasks import HiddenParticle, ParticleForecast
from memnets.tasks.particle import from_acceleration

# The rows of a picture: experiments of data/results/particle.csv, their tasks.
ROWS = {
    "2 particles": ("two", HiddenParticle()),
    "3 particles": ("three", HiddenParticle(particles=3)),
    "forecast": ("forecast", ParticleForecast()),
}


def motions(figure: Figure, run: Run) -> None:
    """Draw four sequences with input, target and output."""
    axes = figure.subplots(2, 2, sharex=True, sharey=True)
    for sequence, ax in enumerate(axes.flat):
        particle.plot_motion(run, sequence, ax=ax).label_outer()
    handles = axes[0, 0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=3)


def errors(figure: Figure, two: Run, three: Run) -> None:
    """Draw the error at every step, for two and three particles."""
    axes = figure.subplots(1, 2, sharex=True, sharey=True)
    for ax, run, count in zip(axes, (two, three), ("two", "three")):
        particle.plot_errors(run, ax).label_outer()
        ax.set_title(f"{count} particles")
    handles = axes[0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=3)


def responses(figure: Figure, run: Run) -> None:
    """Draw the lecture's four questions: network beside physics."""
    network, physics = Responses.of_run(run), Responses.of_physics(run.task)
    axes = figure.subplots(2, 2)
    for ax, name in zip(axes[0], ("constant", "step")):
        row = 0 if name == "constant" else LEVELS.index(1)
        lines = {"network": network.answers[name][row]}
        lines["physics"] = physics.answers[name][row]
        particle.plot_responses(lines, ax=ax).legend(loc="upper right")
        ax.set(title=f"{name} of 1", xlabel="")
    scaled = dict(zip((f"height {k:g}" for k in LEVELS), network.scaled))
    ax = particle.plot_responses(scaled, ax=axes[1, 0])
    ax.set(title="steps, over their height", xlim=(4, 28))
    ax.legend(loc="upper right", ncols=2, columnspacing=0.8)
    both, added = network.superposed
    lines = {"sum of both": added, "both at once": both}
    ax = particle.plot_responses(lines, "both at once", axes[1, 1])
    ax.set_title("two steps at once")
    ax.legend(loc="lower left")
    # Room for the legends.
    axes[0, 0].set_ylim(top=4.5)
    axes[1, 0].set_ylim(-25, 60)
    axes[1, 1].set_ylim(bottom=-45)
    figure.supylabel("answer", fontsize=plt.rcParams["axes.labelsize"])


def matrices(figure: Figure, run: Run) -> None:
    """Draw the response matrix of physics, a network and two rules."""
    players = {
        "physics": Responses.of_physics(run.task),
        "network": Responses.of_run(run),
        "Newton's law": Responses.of(from_acceleration, run.task),
        "Bayes optimum": Responses.of(run.task.solve, run.task),
    }
    axes = figure.subplots(1, 4, sharex=True, sharey=True)
    for ax, (name, found) in zip(axes, players.items()):
        particle.plot_response_matrix(found.matrix, ax=ax).label_outer()
        ax.set_title(name)
    figure.colorbar(axes[-1].images[0], ax=axes, label="answer", pad=0.02)


def seeds(figure: Figure) -> None:
    """Draw the error of all networks beside those of simple players."""
    table = results(data.folder() / "results" / "particle.csv")
    errors, players = {}, {}
    for row, (name, task) in ROWS.items():
        own = table[table["experiment"] == f"hidden-particle/{name}"]
        errors[row] = own["deviation"].to_numpy() / task.timesteps
        players[row] = {
            "Bayes optimum": task.landmarks["perfect"],
            "best without memory": task.landmarks["memoryless"],
            "silence": task.landmarks["silent"],
        }
    ax = particle.plot_seeds(errors, players, ax=figure.add_subplot())
    handles = ax.get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=4)


def unit_steps(figure: Figure, run: Run) -> None:
    """Draw the answers to nine unit steps, network beside physics."""
    players = {
        "physics": Responses.of_physics(run.task),
        "network": Responses.of_run(run),
    }
    axes = figure.subplots(2, 1, sharex=True, sharey=True)
    steps = np.arange(1, 10) * run.task.timesteps // 10
    for ax, (name, found) in zip(axes, players.items()):
        lines = {f"step at {k}": found.matrix[k] for k in steps}
        particle.plot_responses(lines, ax=ax)
        low, high = found.matrix.min(), found.matrix.max()
        ax.set(title=f"{name}: from {low:.0f} to {high:.0f}", ylim=(-4, 4))
        ax.label_outer()
    figure.supylabel("answer", fontsize=plt.rcParams["axes.labelsize"])


# Title, recordings and layout of each figure of the catalogue.
DRAWN: dict[str, tuple[str, tuple[str, ...], Callable[..., None]]] = {
    "particle_two": (
        "See the heavy particle, infer the light one: 2 particles",
        ("particle_two",),
        motions,
    ),
    "particle_three": (
        "See the heavy particle, infer a light one: 3 particles",
        ("particle_three",),
        motions,
    ),
    "particle_forecast": (
        "See half of the motion, predict the other half",
        ("particle_forecast",),
        motions,
    ),
    "particle_errors": (
        "How soon is it known where the light particle is?",
        ("particle_two", "particle_three"),
        errors,
    ),
    "particle_seeds": (
        "The error of 5 networks each, and of simple players",
        (),
        seeds,
    ),
    "particle_responses": (
        "What no particle does: a forced heavy particle",
        ("particle_probes",),
        responses,
    ),
    "particle_steps": (
        "Nine unit steps: the network answers what physics does not",
        ("particle_probes",),
        unit_steps,
    ),
    "particle_matrix": (
        "The response matrix: a unit step at each time",
        ("particle_probes",),
        matrices,
    ),
}
