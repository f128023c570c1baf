"""Cells side by side, and any field varied: experiments alike in the rest."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from memnets.cells.catalogue import check_network
from memnets.experiments.experiment import Experiment
from memnets.experiments.fields import Field, fields_of
from memnets.experiments.rows import describe

# The cells that are compared where none are named.
USUAL = "lstm gru simple_rnn peephole_lstm lstm_1997 min_gru".split()


def side_by_side(
    start: Experiment,
    cells: Sequence[str] = tuple(USUAL),
    vary: Mapping[str, Sequence[object]] | None = None,
) -> dict[str, Experiment]:
    """Return one experiment for each cell and each combination of values.

    They are alike in everything else.

    >>> from memnets import Recall
    >>> start = Experiment(Recall(), readout="dense")
    >>> list(side_by_side(start, ["lstm", "gru"], {"timesteps": [20, 40]}))
    ['lstm timesteps=20', 'gru timesteps=20', 'lstm timesteps=40', \
'gru timesteps=40']

    Args:
        start: The `Experiment`; its own cell counts for nothing.
        cells: Names out of `memnets.CELLS`. Default: `USUAL`.
        vary: Dictionary from fields of the task or the experiment to the
            values that they take. Default: `None`, nothing varies.

    Returns:
        A dictionary from names to experiments. A name is the cell, and the
        values that vary.

    Raises:
        ValueError: If a cell is unknown or named twice, there is no such
            field, or a network could not answer its task.
    """
    vary = vary or {}
    for field in vary:
        field_of(start, field)
    found = {}
    for values in itertools.product(*vary.values()):
        chosen = dict(zip(vary, values))
        varied = with_fields(start, chosen)
        for cell in cells:
            check_network(varied.task, cell, varied.units, varied.readout)
            name = name_of(cell, chosen)
            if name in found:
                raise ValueError(f"cells must differ, got {name!r} twice")
            found[name] = dataclasses.replace(varied, cell=cell)
    return found


def name_of(cell: str, chosen: Mapping[str, object]) -> str:
    """Return the name of a cell with the values that vary."""
    return " ".join([cell, *(f"{k}={as_text(v)}" for k, v in chosen.items())])


def as_text(value: object) -> str:
    """Write a value of a field, as `Field.parse` reads it."""
    return "-".join(map(str, value)) if isinstance(value, tuple) else str(value)


def field_of(start: Experiment, name: str) -> Field:
    """Return a field of an experiment or of its task.

    Raises:
        ValueError: If it has no field of that name, or one that cannot vary.
    """
    there = fields_of(type(start.task)) | fields_of(Experiment)
    del there["cell"], there["seed"]
    if name not in there:
        raise ValueError(
            f"vary must name one of {', '.join(there)}, got {name!r}"
        )
    return there[name]


def with_fields(start: Experiment, chosen: Mapping[str, object]) -> Experiment:
    """Return an experiment with other values of some fields.

    A field of the task takes precedence over one of the experiment.
    """
    task: dict[str, Any] = {}
    rest: dict[str, Any] = {}
    for name, value in chosen.items():
        own = name in fields_of(type(start.task))
        (task if own else rest)[name] = value
    changed = dataclasses.replace(start.task, **task)
    return dataclasses.replace(start, task=changed, **rest)


def count_parameters(compared: Mapping[str, Experiment]) -> dict[str, int]:
    """Count the weights of each experiment's network; this takes Keras."""
    return {
        name: experiment.build().count_params()
        for name, experiment in compared.items()
    }


def title_of(
    start: Experiment, seeds: int, vary: Mapping[str, object] | None = None
) -> str:
    """Say in one line what was compared."""
    varied = set(vary or ())
    said = describe(start.settings())
    layers = "-".join(filter(None, (str(said["units"]), start.readout)))
    decay = " with cosine decay" if start.schedule == "cosine" else ""
    parts = {
        "timesteps": f"{said['timesteps']} steps",
        "units": layers,
        "learning_rate": f"Adam {start.learning_rate:g}{decay}",
    }
    kept = [text for name, text in parts.items() if name not in varied]
    steps = f", {kept.pop(0)}" if "timesteps" not in varied else ""
    return ", ".join(
        [f"{said['task']}{steps}: {seeds} networks of each cell", *kept]
    )
