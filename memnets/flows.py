"""The record of how far the error comes back: plain arrays in one file."""

from __future__ import annotations

import dataclasses
import os

import numpy as np

from memnets.runs import reading_arrays, write_arrays
from memnets.tasks import Task, make_task


@dataclasses.dataclass(frozen=True, eq=False)
class Flows:
    """What the error keeps on its way back, before and after learning.

    What it keeps is the norm of the derivative of the loss by the state at a
    lag, over that at lag 0, through everything in between. The state is the
    cell state, or the hidden output in a network that has none.

    Args:
        networks: Tuple of strings, the names of the networks.
        seeds: int array of shape `(seeds,)`.
        before: float32 array of shape `(network, seed, lag)`, what is kept
            before training, lags from 0 up; the median over the sequences.
        after: The same after training.
        direct: The same after training along one path alone: the product of
            the gates that a memory passes, forget gates in an LSTM and update
            gates in a GRU, in the unit where it is largest. Not a number in a
            network without such gates.
        scores: float32 array of shape `(network, seed)`, the share of the
            exam's sequences that are correct after training.
        settings: Dictionary of plain values that made them.
    """

    networks: tuple[str, ...]
    seeds: np.ndarray
    before: np.ndarray
    after: np.ndarray
    direct: np.ndarray
    scores: np.ndarray
    settings: dict = dataclasses.field(default_factory=dict)

    @property
    def task(self) -> Task:
        """The task, made again from the settings."""
        return make_task(self.settings["task"])

    @property
    def mastered(self) -> np.ndarray:
        """How many seeds of each network mastered the task.

        An int array of shape `(network,)`.
        """
        return np.sum(self.scores >= self.task.pass_mark, axis=1)

    def save(self, path: str | os.PathLike) -> None:
        """Write all of it to one `.npz` file, completely or not at all."""
        fields = [field.name for field in dataclasses.fields(self)]
        fields.remove("settings")
        arrays = {name: np.asarray(getattr(self, name)) for name in fields}
        write_arrays(path, "memnets flows 1", self.settings, arrays)

    @classmethod
    def load(cls, path: str | os.PathLike) -> Flows:
        """Read them from a file that `save` wrote.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If the file is damaged or holds something else.
        """
        with reading_arrays(path, "memnets flows 1") as (settings, arrays):
            names = tuple(map(str, arrays.pop("networks")))
            flows = cls(names, **arrays, settings=settings)
            shape = len(names), len(flows.seeds)
            agree = (
                flows.scores.shape == shape
                and flows.before.shape == flows.after.shape
                and flows.before.shape == flows.direct.shape
                and flows.before.shape == (*shape, flows.task.timesteps)
            )
            if not agree:
                raise ValueError("its arrays do not fit together")
        return flows
