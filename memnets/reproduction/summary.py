"""Summaries of the trials of the classic experiments."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats


class Summary(NamedTuple):
    """The trials of one method on one row.

    Args:
        trials: Integer, their number.
        solved: Integer, how many met the criterion.
        sequences: Float array, the training sequences of the solved trials.
        first: Float array, those until the first of two criteria.
        wrong: Float array, the test sequences answered wrongly.
        errors: Float array, the mean absolute errors in the tests.
        unsolved: Float array, what was measured in the unsolved trials.
        tested: Integer, the sequences of a test, 0 if none was reached.
        weights: Integer, the weights of the network.
        seconds: Float, the mean processor time of a trial.
    """

    trials: int
    solved: int
    sequences: np.ndarray
    first: np.ndarray
    wrong: np.ndarray
    errors: np.ndarray
    unsolved: np.ndarray
    tested: int
    weights: int
    seconds: float

    @property
    def mean(self) -> float:
        """The mean training sequences of the solved trials, or NaN."""
        return float(self.sequences.mean()) if self.solved else float("nan")


def summarise(frame: pd.DataFrame) -> dict[tuple[str, str], Summary]:
    """Return the summary of each row and method of a table of trials."""
    found = {}
    for key, own in frame.groupby(["row", "method"], sort=False):
        solved = own[own["solved"]]
        tested = solved["tested"].dropna()
        found[key] = Summary(
            len(own),
            len(solved),
            solved["sequences"].to_numpy(float),
            solved["first"].dropna().to_numpy(float),
            solved["wrong"].dropna().to_numpy(float),
            solved["error"].dropna().to_numpy(float),
            own[~own["solved"]]["error"].dropna().to_numpy(float),
            int(tested.iloc[0]) if len(tested) else 0,
            int(own["weights"].iloc[0]),
            float(own["seconds"].mean()),
        )
    return found


def interval(values: np.ndarray) -> tuple[float, float] | None:
    """Return the 95 % bootstrap interval of the mean, or `None`.

    The percentile interval of 9,999 resamples, drawn with a fixed seed. Less
    than three values give none.
    """
    if len(values) < 3 or np.ptp(values) == 0:
        return None
    found = stats.bootstrap(
        (values,),
        np.mean,
        method="percentile",
        random_state=np.random.default_rng(0),
    )
    low, high = found.confidence_interval
    return float(low), float(high)


def as_text(frame: pd.DataFrame) -> str:
    """Return a table of trials as text, a line for each row and method."""
    lines = [
        f"{'row':14}{'method':44}{'solved':>9}{'sequences':>11}{'median':>10}"
        f"{'wrong':>8}{'seconds':>9}"
    ]
    for (row, method), own in summarise(frame).items():
        mean = median = wrong = "-"
        if own.solved:
            mean = f"{own.mean:,.0f}"
            median = f"{np.median(own.sequences):,.0f}"
        if len(own.wrong):
            wrong = f"{own.wrong.mean():.1f}"
        share = f"{own.solved}/{own.trials}"
        lines.append(
            f"{row:14}{method:44}{share:>9}{mean:>11}{median:>10}{wrong:>8}"
            f"{own.seconds:>9.1f}"
        )
    return "\n".join(lines)
