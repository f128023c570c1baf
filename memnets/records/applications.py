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
    """Return the scores as a table in Markdown: means, least and most.

    Args:
        frame: The table, as from `recorded_applications`.
    """
    lines = [
        "| application | player | mean score | by seed |",
        "| --- | --- | --- | --- |",
    ]
    groups = frame.groupby(["application", "player"], sort=False)["score"]
    for (application, player), scores in groups:
        each = " ".join(f"{score:.3f}" for score in scores)
        lines.append(
            f"| {application} | {player} | {scores.mean():.3f} | {each} |"
        )
    return "\n".join(lines)
