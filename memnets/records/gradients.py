"""How far the error comes back through time: plain arrays."""

from __future__ import annotations

import dataclasses

import numpy as np

from memnets.records.files import Record


@dataclasses.dataclass(frozen=True, eq=False)
class GradientFlow:
    """How large the error is on its way back through a recurrent layer.

    Args:
        layer: String, the name of the layer.
        kind: As in `Trace`.
        lags: Integer array of shape `(lag,)`, the steps back from the step
            where the error arises: 0, 1, and so on to the first step.
        hidden: Array of shape `(batch, lag)`, the norm over the units of the
            derivative of a sequence's loss by the hidden output at that lag.
        cell_state: The same for the cell state, or `None` in a cell without.
    """

    layer: str
    kind: str
    lags: np.ndarray
    hidden: np.ndarray
    cell_state: np.ndarray | None


@dataclasses.dataclass(frozen=True, eq=False)
class GradientStudy(Record):
    """How far the error comes back in several networks, trained and untrained.

    A relative gradient is the norm of the derivative of the loss by the state
    at a lag, over that at lag 0. The state is the cell state, or the hidden
    output in a network that has none.

    Args:
        networks: Tuple of strings, the names of the networks.
        seeds: int array of shape `(seeds,)`.
        before: float32 array of shape `(network, seed, lag)`, the relative
            gradient before training, lags from 0 up; the median over the
            sequences.
        after: The same after training.
        direct: float32 array of the same shape, after training, the product
            of the gates that a memory passes: forget gates in an LSTM and
            update gates in a GRU, in the unit where it is largest. Not a
            number in a network without such gates.
        scores: float32 array of shape `(network, seed)`, the share of the
            exam's sequences that are correct after training.
        settings: Dictionary of plain values that made them.
    """

    formats = ("memnets flows 1",)

    networks: tuple[str, ...]
    seeds: np.ndarray
    before: np.ndarray
    after: np.ndarray
    direct: np.ndarray
    scores: np.ndarray
    settings: dict = dataclasses.field(default_factory=dict)

    @property
    def mastered(self) -> np.ndarray:
        """How many seeds of each network mastered the task.

        An int array of shape `(network,)`.
        """
        return np.sum(self.scores >= self.task.pass_mark, axis=1)

    def pack(self):
        """Return the settings and the arrays of the file."""
        fields = [field.name for field in dataclasses.fields(self)]
        fields.remove("settings")
        return self.settings, {k: np.asarray(getattr(self, k)) for k in fields}

    @classmethod
    def unpack(cls, settings, arrays):
        """Return the study of what `pack` returned."""
        names = tuple(map(str, arrays.pop("networks")))
        return cls(names, **arrays, settings=settings)

    def agrees(self) -> bool:
        """Whether there is a gradient for each network, seed and lag."""
        shape = len(self.networks), len(self.seeds)
        lags = (*shape, self.task.timesteps)
        gradients = self.before, self.after, self.direct
        return self.scores.shape == shape and all(
            array.shape == lags for array in gradients
        )
