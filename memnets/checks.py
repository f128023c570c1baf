"""What `train` refuses before any work, and how it says so."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from memnets.batches import PROBE, generator
from memnets.tasks import Batch, Task
from memnets.tasks.base import check_integer

if TYPE_CHECKING:
    import keras


def check_numbers(
    episodes, batch_size, seed, record_every, examine_every
) -> None:
    """Refuse numbers out of range; the last two may be `None`."""
    check_integer("episodes", episodes, 1)
    check_integer("batch_size", batch_size, 1)
    check_integer("seed", seed, 0)
    for argument, value in (
        ("record_every", record_every),
        ("examine_every", examine_every),
    ):
        if value is not None:
            check_integer(argument, value, 1)


def check_model(
    model: keras.Model, task: Task, batch_size: int, watch: str | None = None
) -> None:
    """Refuse a model that cannot be trained on the task."""
    import keras

    if not isinstance(model, keras.Model):
        raise TypeError(f"model must be a keras.Model, got {model!r}")
    if not isinstance(task, Task):
        raise TypeError(f"task must be a memnets task, got {task!r}")
    if keras.backend.backend() != "tensorflow":
        raise ValueError(
            f"model must run on Keras's tensorflow backend, got "
            f"{keras.backend.backend()}; set KERAS_BACKEND=tensorflow"
        )
    if getattr(model, "optimizer", None) is None:
        raise ValueError(
            "model must be compiled, for example with "
            "model.compile(optimizer='adam', loss='mean_squared_error')"
        )
    rate = float(model.optimizer.learning_rate)
    if not math.isfinite(rate):
        raise ValueError(f"model must have a finite learning rate, got {rate}")
    _check_shapes(model, task, batch_size)
    if not model.trainable_variables:
        raise ValueError("model must have something to train, got no weights")
    layers = [layer.name for layer in model.layers]
    if watch is not None and watch not in layers:
        raise ValueError(
            f"watch must be one of {', '.join(layers)}, got {watch!r}"
        )


def _check_shapes(model: keras.Model, task: Task, batch_size: int) -> None:
    """Refuse a model that takes or gives other shapes than the task."""
    import keras

    given = (batch_size, task.timesteps, len(task.inputs))
    wanted = (batch_size, task.timesteps, len(task.outputs))
    must = f"model must take the inputs of {task.name}, (batch, time, channel)"
    made_for = getattr(model, "input_shape", None)
    if isinstance(made_for, tuple) and made_for[-1] not in (None, given[-1]):
        raise ValueError(f"{must} = {given}, got a model for {made_for}")
    try:
        answers = model(keras.Input(batch_shape=given))
    except (ValueError, TypeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ValueError(f"{must} = {given}: {reason}") from error
    shape = tuple(getattr(answers, "shape", ()))
    if shape != wanted:
        raise ValueError(
            f"model must answer {task.name} with (batch, time, channel) = "
            f"{wanted}, got {shape}; the last layer needs {wanted[-1]} units, "
            f"and every recurrent layer return_sequences=True"
        )


def check_probe(probe: Batch | None, task: Task, seed: int) -> Batch:
    """Return the probe, drawn from the task if none is given."""
    if probe is None:
        return task.sample(1, generator(seed, PROBE))
    if not isinstance(probe, Batch):
        raise TypeError(
            f"probe must be a Batch, as a task's sample returns, got "
            f"{type(probe).__name__}"
        )
    inputs, *scored = map(np.asarray, probe)
    # Symbols are whole numbers, one a step, for whose row of 0 and 1 they are.
    symbols = inputs.dtype.kind in "iu"
    inputs = inputs.astype(np.int32 if symbols else np.float32)
    batch = Batch(inputs, *(a.astype(np.float32) for a in scored))
    steps = batch.inputs.shape[:2]
    channels = () if symbols else (len(task.inputs),)
    shapes = Batch((*steps, *channels), (*steps, len(task.outputs)), steps)
    for name, array, shape in zip(Batch._fields, batch, shapes):
        if array.shape != shape or len(steps) < 2 or not steps[0]:
            raise ValueError(
                f"probe must hold sequences of {task.name}, its {name} of "
                f"shape {shape}, got {array.shape}"
            )
    return batch


def check_engine(engine: str) -> None:
    """Refuse the name of no engine."""
    if engine not in ("auto", "xla", "graph"):
        raise ValueError(
            f"engine must be 'auto', 'xla' or 'graph', got {engine!r}"
        )
