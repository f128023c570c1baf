"""Pictures of how far the error comes back, before and after learning."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from memnets.flows import Flows

# One scale for all networks, before and after.
LIMITS = 1e-16, 1e2


def plot_flow(flows: Flows, network: str, ax: Axes | None = None) -> Axes:
    """Draw what the error keeps in one network, after training and before.

    A line is a seed after training; the dashed one is the median before it.

    Args:
        flows: The `Flows`.
        network: String, one of `flows.networks`.
        ax: The axes. Default: `None`, those of a new figure.

    Raises:
        ValueError: If there is no network of that name.
    """
    number = _number(flows, network)
    ax = plt.subplots(layout="constrained")[1] if ax is None else ax
    mastered = flows.scores[number] >= flows.task.pass_mark
    # Those that learned it lie above the others.
    kinds = ((~mastered, "C0", "not mastered"), (mastered, "C1", "mastered"))
    wide = plt.rcParams["lines.linewidth"]
    for chosen, color, label in kinds:
        style = {"color": color, "linewidth": 0.7 * wide, "label": label}
        ax.plot(flows.after[number, chosen].T, **style)
    before = np.median(flows.before[number], axis=0)
    ink = plt.rcParams["text.color"]
    ax.plot(before, "--", color=ink, linewidth=wide, label="before training")
    ax.set(yscale="log", ylim=LIMITS, yticks=[1, 1e-5, 1e-10, 1e-15])
    ax.minorticks_off()
    ax.margins(x=0)
    ax.set_title(f"{network}: {mastered.sum()} of {mastered.size}")
    return ax


def plot_open_ways(flows: Flows, ax: Axes | None = None) -> Axes:
    """Draw what each network answers over what its error keeps to the tell.

    Args:
        flows: The `Flows`.
        ax: The axes. Default: `None`, those of a new figure.
    """
    ax = plt.subplots(layout="constrained")[1] if ax is None else ax
    for number, network in enumerate(flows.networks):
        kept = flows.after[number, :, -1]
        marker = "os^vDP"[number % 6]
        ax.plot(kept, flows.scores[number], marker, label=network, alpha=0.8)
    ax.set(xscale="log", xlim=(1e-20, 1e2), ylim=(0, 1.05))
    ax.set(xlabel="gradient at the tell, 1 at the ask", ylabel="share correct")
    ax.legend(loc="upper left")
    return ax


def _number(flows: Flows, network: str) -> int:
    if network not in flows.networks:
        raise ValueError(
            f"network must be one of {'; '.join(flows.networks)}, "
            f"got {network!r}"
        )
    return flows.networks.index(network)
