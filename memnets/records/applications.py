"""The table of the small applications, data/results/applications.csv."""

from __future__ import annotations

import os

import pandas as pd

from memnets.records import data
from memnets.tasks import (
    Captions,
    DateTranslation,
    Melody,
    MovingShapes,
    PenStrokes,
    SpokenDigits,
    Task,
    TwoFacts,
)

# What the players are called in the table of means.
PLAYERS = {
    "guess": "guess",
    "linear, last step": "linear, one step",
    "linear, all steps": "linear, all steps",
    "LSTM": "LSTM",
}
ONE_STEP = {"linear, last frame": "linear, last step"}

TASKS: dict[str, Task] = {
    "translation": DateTranslation(),
    "music": Melody(),
    "handwriting": PenStrokes(),
    "speech": SpokenDigits(),
    "questions": TwoFacts(),
    "captions": Captions(),
    "video": MovingShapes(),
}
COLUMNS = ("application", "player", "seed", "score")


def recorded_applications(path: str | os.PathLike | None = None):
    """Read the scores of all players.

    Args:
        path: The file. Default: `None`, data/results/applications.csv.

    Returns:
        A pandas DataFrame with the columns `COLUMNS`. A score is the share of
        fresh sequences that are answered right; in music, of next notes.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If its columns are other ones.
    """
    if path is None:
        path = data.folder() / "results" / "applications.csv"
    frame = pd.read_csv(path)
    if tuple(frame.columns) != COLUMNS:
        raise ValueError(
            f"{path} must have the columns {', '.join(COLUMNS)}, got "
            f"{', '.join(frame.columns)}"
        )
    return frame


def as_text(frame: pd.DataFrame) -> str:
    """Return the mean scores as a table in Markdown.

    For the LSTM, the score of each seed follows. `rule` is the best that is
    possible, where that is less than 1.

    Args:
        frame: The table, as from `recorded_applications`.
    """
    players = [*PLAYERS, "rule"]
    heads = ["application", *PLAYERS.values(), "best possible", "LSTM by seed"]
    lines = [f"| {' | '.join(heads)} |", "|" + " --- |" * len(heads)]
    for name, own in frame.groupby("application", sort=False):
        scores = own.replace({"player": ONE_STEP}).groupby("player")["score"]
        means = scores.mean().to_dict()
        means.setdefault("rule", 1.0)
        cells = [f"{means[k]:.3f}" if k in means else "-" for k in players]
        each = " ".join(f"{score:.3f}" for score in scores.get_group("LSTM"))
        lines.append(f"| {' | '.join([name, *cells, each])} |")
    return "\n".join(lines)
