"""What trains a Keras model: a kernel where one serves, or a compiled graph."""

from __future__ import annotations

import keras
import numpy as np

from memnets.batches import block_length, one_hot
from memnets.compiled import Compiled
from memnets.kernels.keras_models import KerasKernel, restore, serves
from memnets.tasks import Batch, Task

__all__ = ["engine_for", "restore"]


class CompiledEngine:
    """A compiled model with the probe and the layer that are recorded.

    Args:
        compiled: The `Compiled` of a model.
        probe: Array, the inputs whose answers are recorded.
        watch: String, the name of the layer to record too, or `None`.
    """

    def __init__(self, compiled: Compiled, probe: np.ndarray, watch):
        self.name, self.model = compiled.name, compiled.model
        self._compiled, self._watch = compiled, watch
        self._channels = self.model.input_shape[-1]
        self._probe = one_hot(probe, self._channels)

    def begin(self) -> None:
        """Weights and state are Keras's own all the time."""

    end = begin

    def run(self, block: Batch, first: int, due: np.ndarray):
        """Run some of the episodes of a block, as `Kernel.run` does."""
        block = block._replace(inputs=one_hot(block.inputs, self._channels))
        return self._compiled.run(block, first, due, self._probe, self._watch)

    def observe(self, inputs: np.ndarray) -> list[np.ndarray]:
        """Return the answers as they are now, and the watched layer's."""
        inputs = one_hot(inputs, self._channels)
        return self._compiled.observe(inputs, self._watch)

    def get(self):
        """Return weights, and what the optimizer remembers."""
        optimizer = self.model.optimizer
        state = {"variables": [v.numpy() for v in optimizer.variables]}
        return self.model.get_weights(), state


def engine_for(
    model: keras.Model,
    task: Task,
    batch_size: int,
    probe: np.ndarray,
    watch: str | None,
    engine: str,
):
    """Return the engine that trains a model; `train` names the choices."""
    symbols = probe.dtype.kind != "f"
    if engine == "auto" and serves(model):
        return KerasKernel(
            model, batch_size, task.timesteps, probe, watch, symbols
        )
    shape = block_length(task, batch_size), batch_size, task.timesteps
    key = shape, engine, *_compilation(model)
    kept_key, compiled = model.__dict__.get("_memnets_compiled", (None, None))
    if kept_key != key:
        shapes = Batch(
            (*shape, len(task.inputs)), (*shape, len(task.outputs)), shape
        )
        compiled = Compiled(model, shapes, jit=engine != "graph")
        # Kept beside the model, not in a table, so that both are freed
        # together; past Keras, which would track it as a part of the model.
        model.__dict__["_memnets_compiled"] = key, compiled
    return CompiledEngine(compiled, probe, watch)


def _compilation(model: keras.Model) -> tuple:
    """Return what a compiled function of the model depends on."""
    options = model.optimizer.get_config()
    if isinstance(options.get("learning_rate"), (int, float)):
        del options["learning_rate"]  # it is a variable of the function
    variables = [id(variable) for variable in model.trainable_variables]
    return model.optimizer, model.loss, options, variables
