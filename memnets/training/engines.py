"""Choose the engine for a Keras model: a kernel, or a compiled function."""

from __future__ import annotations

import keras
import numpy as np

from memnets.networks.cache import kept_with
from memnets.tasks import Batch, Task
from memnets.tasks.base import one_hot
from memnets.training.batches import block_length
from memnets.training.compiled import Compiled
from memnets.training.engine import Engine
from memnets.training.kernels.keras_models import KerasKernel, serves
from memnets.training.recording import Recording


class CompiledEngine:
    """The `Engine` of a compiled model, with its probe and watched layer.

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
        """Do nothing: the function updates Keras's own variables."""

    end = begin

    def run(self, block: Batch, first: int, due: np.ndarray):
        """Run some of the episodes of a block; see `Engine.run`."""
        block = block._replace(inputs=one_hot(block.inputs, self._channels))
        return self._compiled.run(block, first, due, self._probe, self._watch)

    def observe(self, inputs: np.ndarray) -> list[np.ndarray]:
        """Return the current answers and the watched layer's outputs."""
        inputs = one_hot(inputs, self._channels)
        return self._compiled.observe(inputs, self._watch)

    def record(self, inputs: np.ndarray) -> np.ndarray:
        """Return the current answers, computed in the same way as records."""
        return self._compiled.record(one_hot(inputs, self._channels))

    def get(self):
        """Return the weights and the optimizer's state."""
        optimizer = self.model.optimizer
        state = {"variables": [v.numpy() for v in optimizer.variables]}
        return self.model.get_weights(), state


def engine_for(
    model: keras.Model,
    task: Task,
    batch_size: int,
    recording: Recording,
    engine: str,
) -> Engine:
    """Return the engine for a model; `train` describes the choices."""
    probe, watch = recording.probe.inputs, recording.watch
    symbols = probe.dtype.kind != "f"
    if engine == "auto" and serves(model):
        return KerasKernel(
            model, batch_size, task.timesteps, probe, watch, symbols
        )
    shape = block_length(task, batch_size), batch_size, task.timesteps
    shapes = Batch(
        (*shape, len(task.inputs)), (*shape, len(task.outputs)), shape
    )
    compiled = kept_with(
        model,
        "compiled",
        (shape, engine, *_compilation(model)),
        lambda: Compiled(model, shapes, jit=engine != "graph"),
    )
    return CompiledEngine(compiled, probe, watch)


def _compilation(model: keras.Model) -> tuple:
    """Return the parts of a model on which its compiled function depends."""
    options = model.optimizer.get_config()
    if isinstance(options.get("learning_rate"), (int, float)):
        del options["learning_rate"]  # it is a variable of the function
    variables = [id(variable) for variable in model.trainable_variables]
    return model.optimizer, model.loss, options, variables
