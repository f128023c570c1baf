"""The losses of one experiment over many seeds."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from memnets.records.files import Record
from memnets.records.run import Run


@dataclasses.dataclass(frozen=True, eq=False)
class Ensemble(Record):
    """The losses of one experiment repeated over many seeds.

    Args:
        seeds: int array of shape `(seeds,)`.
        episodes: int array of shape `(points,)`, the last episode of each
            point.
        losses: float32 array of shape `(seeds, points)`, the mean loss of the
            episodes since the point before.
        settings: Dictionary of plain values that made the runs.
    """

    formats = ("memnets ensemble 1",)

    seeds: np.ndarray
    episodes: np.ndarray
    losses: np.ndarray
    settings: dict = dataclasses.field(default_factory=dict)

    @classmethod
    def of(cls, runs: Sequence[Run], every: int = 10) -> Ensemble:
        """Gather the losses of runs that differ in their seed only."""
        points = len(runs[0].losses) // every
        losses = np.stack([run.losses[: points * every] for run in runs])
        return cls(
            seeds=np.array([run.settings["seed"] for run in runs]),
            episodes=every * np.arange(1, points + 1),
            losses=losses.reshape(len(runs), points, every).mean(axis=-1),
            settings={k: v for k, v in runs[0].settings.items() if k != "seed"},
        )

    def pack(self):
        """Return the settings and the arrays of the file."""
        names = ("seeds", "episodes", "losses")
        return self.settings, {name: getattr(self, name) for name in names}

    @classmethod
    def unpack(cls, settings, arrays):
        """Return the losses of what `pack` returned."""
        return cls(**arrays, settings=settings)

    def agrees(self) -> bool:
        """Whether there is a loss for each seed and point."""
        return self.losses.shape == (len(self.seeds), len(self.episodes))
