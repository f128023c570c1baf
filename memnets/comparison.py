"""Which cell learns a task, how fast, how surely: cells side by side."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np

from memnets import paths, results
from memnets.experiments import Experiment, describe
from memnets.registry import CELLS, check_network

# The cells that are compared where none are named.
USUAL = "lstm gru simple_rnn peephole_lstm lstm_1997 min_gru".split()
# The cells that have a place of their own on a slide, the same on each.
SHOWN = (
    "simple_rnn elman lstm_1997 lstm peephole_lstm gru memory_gated lstm_nfg "
    "min_gru"
).split()


@dataclasses.dataclass(frozen=True, eq=False)
class Outcome:
    """What became of one cell over its seeds.

    Args:
        cell: String, one of `memnets.registry.CELLS`.
        solved_after: float array of shape `(seeds,)`, sorted: the sequences
            seen up to the first exam that was passed, infinite where none
            was.
        sequences: Integer, the sequences that each network has seen at the
            end.
        mastered: Integer, how many seeds pass at the end, too.
        deviations: float array of shape `(seeds,)`, at the end.
    """

    cell: str
    solved_after: np.ndarray
    sequences: int
    mastered: int
    deviations: np.ndarray

    @property
    def seeds(self) -> int:
        """How many networks were trained."""
        return len(self.solved_after)

    @property
    def solved(self) -> int:
        """How many of them ever passed an exam."""
        return int(np.isfinite(self.solved_after).sum())


@dataclasses.dataclass(frozen=True, eq=False)
class Recorded:
    """The networks of all cells in `data/results/cells.csv`.

    Args:
        rows: The rows of the table.
    """

    rows: Sequence[dict[str, str]]

    @property
    def tasks(self) -> tuple[str, ...]:
        """The names of the tasks."""
        return tuple(dict.fromkeys(row["task"] for row in self.rows))

    @property
    def seeds(self) -> np.ndarray:
        """The seeds."""
        return np.unique([int(row["seed"]) for row in self.rows])

    @property
    def settings(self) -> dict[str, object]:
        """What was run, and by which versions."""
        names = {row["experiment"].partition("/")[0] for row in self.rows}
        versions = {
            name: " and ".join(sorted({row[name] for row in self.rows}))
            for name in ("keras", "tensorflow")
        }
        return {"experiment": " ".join(sorted(names)), "versions": versions}

    def at(self, task: str, cells: Sequence[str] = ()) -> list[Outcome]:
        """Sum up what became of cells at a task.

        Args:
            task: String, one of `tasks`.
            cells: The cells, in this order. Default: none, all of them, in
                the order of the registry.

        Raises:
            ValueError: If there is no such task or cell.
        """
        if task not in self.tasks:
            raise ValueError(
                f"task must be one of {', '.join(self.tasks)}, got {task!r}"
            )
        found = outcomes([row for row in self.rows if row["task"] == task])
        by_cell = {outcome.cell: outcome for outcome in found}
        for cell in cells:
            if cell not in by_cell:
                raise ValueError(
                    f"cells must be out of {', '.join(by_cell)}, got {cell!r}"
                )
        cells = cells or [cell for cell in CELLS if cell in by_cell]
        return [by_cell[cell] for cell in cells]


def recorded() -> Recorded:
    """Read the table of all cells.

    Raises:
        ValueError: If the file is damaged.
        FileNotFoundError: If it is missing.
    """
    return Recorded(results.read_table(paths.data() / "results" / "cells.csv"))


def experiments(
    start: Experiment, cells: Sequence[str] = tuple(USUAL)
) -> dict[str, Experiment]:
    """Return one experiment for each cell, alike in everything else.

    Args:
        start: The `Experiment`; its own cell counts for nothing.
        cells: Names out of `memnets.registry.CELLS`. Default: `USUAL`.

    Returns:
        A dictionary from cells to experiments.

    Raises:
        ValueError: If a cell is unknown or named twice, or the network could
            not answer the task.
    """
    for cell in cells:
        check_network(start.task, cell, start.units, start.readout)
        if list(cells).count(cell) > 1:
            raise ValueError(f"cells must differ, got {cell!r} twice")
    return {cell: dataclasses.replace(start, cell=cell) for cell in cells}


def parameters(compared: Mapping[str, Experiment]) -> dict[str, int]:
    """Count the weights of each experiment's network; this takes Keras."""
    return {
        name: experiment.build().count_params()
        for name, experiment in compared.items()
    }


def title(start: Experiment, seeds: int) -> str:
    """Say in one line what was compared."""
    said = describe(start.settings())
    layers = "-".join(filter(None, (said["units"], start.readout)))
    decay = " with cosine decay" if start.schedule == "cosine" else ""
    return (
        f"{said['task']}, {said['timesteps']} steps: {seeds} networks of each "
        f"cell, {layers}, Adam {start.learning_rate:g}{decay}"
    )


def outcomes(rows: Sequence[dict[str, str]]) -> list[Outcome]:
    """Sum up the rows of a table, the best cell first.

    The best is the one that most seeds solved, then the one whose median seed
    was fastest.

    Args:
        rows: What `memnets.results.repeat_into` returns for `experiments`.
    """
    own: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        own.setdefault(row["cell"], []).append(row)
    found = [_outcome(cell, own[cell]) for cell in own]
    return sorted(found, key=lambda o: (-o.solved, _quantile(o, 0.5), o.cell))


def _outcome(cell: str, rows: list[dict[str, str]]) -> Outcome:
    batch = int(rows[0]["batch_size"])
    after = [float(row["mastered_after"] or "inf") for row in rows]
    return Outcome(
        cell,
        batch * np.sort(after),
        batch * int(rows[0]["episodes"]),
        sum(row["mastered"] == "True" for row in rows),
        np.array([float(row["deviation"]) for row in rows]),
    )


def wilson(solved, seeds: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the 95 % confidence interval of a share.

    Source: E. B. Wilson, Probable Inference, the Law of Succession, and
    Statistical Inference, Journal of the American Statistical Association 22,
    209 (1927).

    >>> low, high = wilson(8, 8)
    >>> print(f"{low:.2f} to {high:.2f}")
    0.68 to 1.00

    Args:
        solved: Integer or integer array, the number of successes.
        seeds: Positive integer, the number of trials.

    Returns:
        The lower and the upper ends, of the shape of `solved`.
    """
    z = 1.959964  # 95 % of a normal distribution lie within z deviations
    share, scale = np.asarray(solved) / seeds, 1 + z**2 / seeds
    middle = (share + z**2 / (2 * seeds)) / scale
    spread = np.sqrt(share * (1 - share) / seeds + (z / (2 * seeds)) ** 2)
    half = z / scale * spread
    return np.maximum(middle - half, 0), np.minimum(middle + half, 1)


def table(found: Sequence[Outcome], parameters: Mapping[str, int]) -> str:
    """Return outcomes as text, a line for each cell.

    Solved counts the seeds that ever passed an exam, with the 95 % confidence
    interval of their share; at the end counts those that pass then. The
    sequences to mastery are the median over all seeds, and the 10 % and 90 %
    quantiles; a seed that never passed is later than any that did.

    Args:
        found: What `outcomes` returns.
        parameters: Dictionary from cells to their numbers of weights.
    """
    lines = [
        f"{'cell':14}{'parameters':>11}{'solved':>9}{'95 % interval':>16}"
        f"{'at the end':>12}{'sequences to mastery':>28}"
        f"{'final deviation':>30}"
    ]
    for outcome in found:
        low, high = wilson(outcome.solved, outcome.seeds)
        solved = f"{outcome.solved}/{outcome.seeds}"
        ended = f"{outcome.mastered}/{outcome.seeds}"
        first, middle, last = (_when(outcome, q) for q in (0.1, 0.5, 0.9))
        few, usual, most = results.quantiles(outcome.deviations)
        lines.append(
            f"{outcome.cell:14}{parameters[outcome.cell]:>11,}{solved:>9}"
            f"{f'{low:.0%} to {high:.0%}':>16}{ended:>12}"
            f"{f'{middle} [{first} to {last}]':>28}"
            f"{f'{usual:.2g} [{few:.2g} to {most:.2g}]':>30}"
        )
    return "\n".join(lines)


def _quantile(outcome: Outcome, share: float) -> float:
    """Return by when a share of all seeds had solved the task, if ever."""
    rank = math.ceil(share * outcome.seeds) - 1
    return outcome.solved_after[rank]


def _when(outcome: Outcome, share: float) -> str:
    sequences = _quantile(outcome, share)
    return "never" if math.isinf(sequences) else f"{sequences:,.0f}"
