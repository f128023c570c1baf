"""What was inside a network at every step: plain arrays in one file."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping

import numpy as np

from memnets.records.files import Record
from memnets.tasks import Batch


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Trace:
    """What was in one recurrent layer at every step.

    Each array is an attribute too: `trace.cell_state` is
    `trace.values["cell_state"]`.

    Args:
        layer: String, the name of the layer.
        kind: `"lstm"`, `"gru"`, `"simple_rnn"`, or the class of another cell.
        values: Mapping from a name to an array of shape `(batch, time, unit)`
            that cannot be written to.

    Example:

    >>> import numpy as np
    >>> trace = Trace("lstm_1", "lstm", {"hidden": np.zeros((2, 20, 5))})
    >>> trace.hidden.shape
    (2, 20, 5)
    >>> trace
    Trace('lstm_1', 'lstm', hidden (2, 20, 5))
    """

    layer: str
    kind: str
    values: Mapping[str, np.ndarray]

    def __post_init__(self):
        arrays = {name: sealed(array) for name, array in self.values.items()}
        object.__setattr__(self, "values", types.MappingProxyType(arrays))

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the arrays."""
        return tuple(self.values)

    def __getattr__(self, name: str) -> np.ndarray:
        values = vars(self).get("values", {})
        if name in values:
            return values[name]
        raise AttributeError(
            f"the trace of {vars(self).get('layer')} has "
            f"{', '.join(values)}, not {name!r}"
        )

    def __dir__(self):
        return [*super().__dir__(), *self.values]

    def __repr__(self):
        arrays = [f"{name} {a.shape}" for name, a in self.values.items()]
        return (
            f"Trace({', '.join([repr(self.layer), repr(self.kind), *arrays])})"
        )


@dataclasses.dataclass(frozen=True, eq=False)
class NetworkTrace(Record):
    """What was in all recurrent layers of a network while it answered.

    Args:
        probe: `Batch`, the fixed sequences that were answered.
        outputs: float32 array of shape `(sequence, time, output channel)`, the
            answers.
        traces: Tuple of `Trace`, one for each recurrent layer.
        settings: Dictionary of plain values: task, seed, versions and
            whatever else made the network.
    """

    formats = ("memnets inside 1",)

    probe: Batch
    outputs: np.ndarray
    traces: tuple[Trace, ...]
    settings: dict = dataclasses.field(default_factory=dict)

    def pack(self):
        """Return the settings and the arrays of the file."""
        arrays = {f"probe_{k}": v for k, v in self.probe._asdict().items()}
        arrays["outputs"] = self.outputs
        for trace in self.traces:
            for name, values in trace.values.items():
                arrays[f"{trace.layer}.{name}"] = values
        layers = [(t.layer, t.kind, t.names) for t in self.traces]
        return {**self.settings, "layers": layers}, arrays

    @classmethod
    def unpack(cls, settings, arrays):
        """Return the traces of what `pack` returned."""
        probe = Batch(*(arrays[f"probe_{k}"] for k in Batch._fields))
        traces = tuple(
            Trace(layer, kind, {k: arrays[f"{layer}.{k}"] for k in names})
            for layer, kind, names in settings.pop("layers")
        )
        return cls(probe, arrays["outputs"], traces, settings)

    def agrees(self) -> bool:
        """Whether all arrays are of the sequences of the probe."""
        steps = self.probe.inputs.shape[:2]
        values = [array for t in self.traces for array in t.values.values()]
        return (
            self.outputs.shape == self.probe.targets.shape
            and steps == self.probe.weights.shape
            and all(a.ndim == 3 and a.shape[:2] == steps for a in values)
        )


def sealed(array: np.ndarray) -> np.ndarray:
    """Return a copy of an array that cannot be written to."""
    array = np.array(array)
    array.flags.writeable = False
    return array
