"""Which cell learns a task, how fast, how surely: cells side by side."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from memnets.records import data
from memnets.records.tables import quantiles, results


@dataclasses.dataclass(frozen=True, eq=False)
class Outcome:
    """What became of one experiment over its seeds.

    Args:
        name: String, the name of the experiment.
        cell: String, one of `memnets.CELLS`.
        solved_after: float array of shape `(seeds,)`, sorted: the sequences
            seen up to the first exam that was passed, infinite where none
            was.
        sequences: Integer, the sequences that each network has seen at the
            end.
        mastered: Integer, how many seeds pass at the end, too.
        deviations: float array of shape `(seeds,)`, at the end.
    """

    name: str
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
class CellTable:
    """The networks of all cells in `data/results/cells.csv`.

    Args:
        frame: The table, as from `memnets.results`.
    """

    frame: pd.DataFrame

    @property
    def tasks(self) -> tuple[str, ...]:
        """The names of the tasks."""
        return tuple(self.frame["task"].unique())

    @property
    def seeds(self) -> np.ndarray:
        """The seeds."""
        return np.unique(self.frame["seed"])

    @property
    def settings(self) -> dict[str, object]:
        """What was run, and by which versions."""
        groups = self.frame["experiment"].str.partition("/")[0]
        versions = {
            name: " and ".join(sorted(self.frame[name].unique()))
            for name in ("keras", "tensorflow")
        }
        names = " ".join(sorted(groups.unique()))
        return {"experiment": names, "versions": versions}

    def at(self, task: str, cells: Sequence[str] = ()) -> list[Outcome]:
        """Sum up what became of cells at a task.

        Args:
            task: String, one of `tasks`.
            cells: The cells, in this order. Default: none, all of them, in
                the order of the catalogue.

        Raises:
            ValueError: If there is no such task or cell.
        """
        if task not in self.tasks:
            raise ValueError(
                f"task must be one of {', '.join(self.tasks)}, got {task!r}"
            )
        own = self.frame[self.frame["task"] == task]
        by_cell = {outcome.cell: outcome for outcome in outcomes(own)}
        for cell in cells:
            if cell not in by_cell:
                raise ValueError(
                    f"cells must be out of {', '.join(by_cell)}, got {cell!r}"
                )
        # The rows stand in the order of the catalogue of cells.
        chosen = cells or own["cell"].unique()
        return [by_cell[cell] for cell in chosen]


def recorded_cells() -> CellTable:
    """Read the table of all cells.

    Raises:
        ValueError: If the file is damaged.
        FileNotFoundError: If it is missing.
    """
    return CellTable(results(data.folder() / "results" / "cells.csv"))


def outcomes(frame: pd.DataFrame) -> list[Outcome]:
    """Sum up a table, the best experiment first.

    The best is the one that most seeds solved, then the one whose median seed
    was fastest.

    Args:
        frame: A table, as from `memnets.results`.
    """
    groups = frame.groupby("experiment", sort=False)
    found = [_outcome(str(name), own) for name, own in groups]
    return sorted(found, key=lambda o: (-o.solved, _quantile(o, 0.5), o.name))


def _outcome(name: str, rows: pd.DataFrame) -> Outcome:
    batch = int(rows["batch_size"].iloc[0])
    after = rows["mastered_after"].to_numpy(float, na_value=np.inf)
    return Outcome(
        name,
        str(rows["cell"].iloc[0]),
        batch * np.sort(after),
        batch * int(rows["episodes"].iloc[0]),
        int(rows["mastered"].sum()),
        rows["deviation"].to_numpy(float),
    )


def wilson(solved: int, seeds: int) -> tuple[float, float]:
    """Return the 95 % confidence interval of a share.

    Source: E. B. Wilson, Probable Inference, the Law of Succession, and
    Statistical Inference, Journal of the American Statistical Association 22,
    209 (1927).

    >>> low, high = wilson(8, 8)
    >>> print(f"{low:.2f} to {high:.2f}")
    0.68 to 1.00

    Args:
        solved: Integer, the number of successes.
        seeds: Positive integer, the number of trials.

    Returns:
        The lower and the upper end.
    """
    # Takes most of a second to import, and few need it.
    from scipy.stats import binomtest

    found = binomtest(int(solved), seeds).proportion_ci(method="wilson")
    return found.low, found.high


def table(found: Sequence[Outcome], parameters: Mapping[str, int]) -> str:
    """Return outcomes as text, a line for each cell.

    Solved counts the seeds that ever passed an exam, with the 95 % confidence
    interval of their share; at the end counts those that pass then. The
    sequences to mastery are the median over all seeds, and the 10 % and 90 %
    quantiles; a seed that never passed is later than any that did.

    Args:
        found: What `outcomes` returns.
        parameters: Dictionary from names to the numbers of weights.
    """
    longest = max((len(outcome.name) for outcome in found), default=0)
    width = max(14, 2 + longest)
    lines = [
        f"{'cell':{width}}{'parameters':>11}{'solved':>9}{'95 % interval':>16}"
        f"{'at the end':>12}{'sequences to mastery':>28}"
        f"{'final deviation':>30}"
    ]
    for outcome in found:
        low, high = wilson(outcome.solved, outcome.seeds)
        solved = f"{outcome.solved}/{outcome.seeds}"
        ended = f"{outcome.mastered}/{outcome.seeds}"
        first, middle, last = (_when(outcome, q) for q in (0.1, 0.5, 0.9))
        few, usual, most = quantiles(outcome.deviations)
        lines.append(
            f"{outcome.name:{width}}{parameters[outcome.name]:>11,}{solved:>9}"
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
