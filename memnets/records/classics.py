"""The classic experiments: what was published, and the table of our trials.

Published figures are those of S. Hochreiter and J. Schmidhuber, Long
Short-Term Memory, Neural Computation 9 (8), 1735 (1997), sections 5.1 to 5.6.
"""

from __future__ import annotations

import dataclasses

import pandas as pd

from memnets.records import data
from memnets.records.tables import Schema, results

SCHEMA = Schema(
    {
        "row": str,
        "method": str,
        "seed": int,
        "solved": bool,
        "sequences": int,
        "first": "Int64",
        "wrong": "Int64",
        "tested": "Int64",
        "error": "Float64",
        "weights": int,
        "seconds": float,
        "settings": str,
        "versions": str,
    },
    ("row", "method", "seed", "settings"),
)


@dataclasses.dataclass(frozen=True)
class Published:
    """What the paper of 1997 reports of a row.

    Args:
        sequences: Integer, the mean training sequences of solved trials.
        trials: Integer, the number of trials.
        solved: Integer, the percentage of trials that were solved. Default:
            100.
        wrong: Float, the sequences answered wrongly in the final test.
            Default: `None`, where the criterion is the test.
        tested: Integer, the sequences of the final test. Default: 2560.
        first: Integer, the mean training sequences until the first criterion,
            where there are two. Default: `None`.
    """

    sequences: int
    trials: int
    solved: int = 100
    wrong: float | None = None
    tested: int = 2560
    first: int | None = None


PUBLISHED: dict[str, Published] = {
    "1": Published(8_440, 30),
    "2a": Published(5_040, 18),
    "2b": Published(5_680, 18),
    "2c-50-50": Published(30_000, 20),
    "2c-100-100": Published(31_000, 20),
    "2c-200-200": Published(33_000, 20),
    "2c-500-500": Published(38_000, 20),
    "2c-1000-1000": Published(49_000, 20),
    "2c-1000-500": Published(49_000, 20),
    "2c-1000-200": Published(75_000, 20),
    "2c-1000-100": Published(135_000, 20),
    "2c-1000-50": Published(203_000, 20),
    "3a-100-3": Published(39_850, 10, wrong=0.5, first=27_380),
    "3a-100-1": Published(64_330, 10, wrong=0.3, first=58_370),
    "3a-1000-3": Published(452_460, 10, wrong=0.2, first=446_850),
    "3b-100-3": Published(43_250, 10, wrong=21.2, first=41_740),
    "3b-100-1": Published(78_430, 10, wrong=38.4, first=74_950),
    "3b-1000-1": Published(485_080, 10, wrong=30.9, first=481_060),
    "3c-100-3": Published(269_650, 10, wrong=14.3),
    "3c-100-1": Published(565_640, 10, wrong=11.3),
    "4-100": Published(74_000, 10, wrong=1),
    "4-500": Published(209_000, 10, wrong=0),
    "4-1000": Published(853_000, 10, wrong=1),
    "5-140": Published(482_000, 10, wrong=139),
    "5-13": Published(1_273_000, 10, wrong=14),
    "6a": Published(31_390, 20, wrong=1),
    "6b": Published(571_100, 10, wrong=2),
}


def recorded_trials() -> pd.DataFrame:
    """Read the table of all trials, `data/results/reproduction.csv`.

    Returns:
        A pandas `DataFrame` with the columns of `SCHEMA`, a row for each
        trial.

    Raises:
        ValueError: If the file is damaged.
        FileNotFoundError: If it is missing.
    """
    return results(data.folder() / "results" / "reproduction.csv", SCHEMA)
