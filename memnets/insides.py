"""The record of what was inside a network: plain arrays in one file."""

from __future__ import annotations

import dataclasses
import os
import types
from typing import Any

import numpy as np

from memnets.runs import reading_arrays, write_arrays
from memnets.tasks import Batch, Task, make_task


@dataclasses.dataclass(frozen=True, eq=False)
class Inside:
    """What was in the recurrent layers of a network while it answered.

    Args:
        probe: `Batch`, the fixed sequences that were answered.
        outputs: float32 array of shape `(sequence, time, output channel)`, the
            answers.
        traces: Tuple of traces, one for each recurrent layer, as
            `memnets.inspection.trace` returns them. From a file they come
            with the same attributes: `layer`, `kind`, `names`, and the arrays.
        settings: Dictionary of plain values: task, seed, versions and
            whatever else made the network.
    """

    probe: Batch
    outputs: np.ndarray
    traces: tuple[Any, ...]
    settings: dict = dataclasses.field(default_factory=dict)

    @property
    def task(self) -> Task:
        """The task, made again from the settings."""
        return make_task(self.settings["task"])

    def save(self, path: str | os.PathLike) -> None:
        """Write all to one `.npz` file, completely or not at all."""
        arrays = {f"probe_{k}": v for k, v in self.probe._asdict().items()}
        arrays["outputs"] = self.outputs
        for trace in self.traces:
            for name in trace.names:
                arrays[f"{trace.layer}.{name}"] = getattr(trace, name)
        layers = [(t.layer, t.kind, t.names) for t in self.traces]
        settings = {**self.settings, "layers": layers}
        write_arrays(path, "memnets inside 1", settings, arrays)

    @classmethod
    def load(cls, path: str | os.PathLike) -> Inside:
        """Read it from a file that `save` wrote.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If the file is damaged or holds something else.
        """
        with reading_arrays(path, "memnets inside 1") as (settings, arrays):
            probe = Batch(*(arrays[f"probe_{k}"] for k in Batch._fields))
            traces = tuple(
                types.SimpleNamespace(
                    layer=layer,
                    kind=kind,
                    names=tuple(names),
                    **{name: arrays[f"{layer}.{name}"] for name in names},
                )
                for layer, kind, names in settings.pop("layers")
            )
            inside = cls(probe, arrays["outputs"], traces, settings)
            inside._check()
        return inside

    def _check(self) -> None:
        """Refuse arrays whose shapes do not belong together."""
        steps = self.probe.inputs.shape[:2]
        values = [getattr(t, name) for t in self.traces for name in t.names]
        agree = self.outputs.shape == self.probe.targets.shape and all(
            array.ndim == 3 and array.shape[:2] == steps for array in values
        )
        if not agree or steps != self.probe.weights.shape:
            raise ValueError("its arrays do not fit together")
