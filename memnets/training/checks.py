"""Checks of the arguments of `train`, before any work."""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING

from memnets.tasks import Task
from memnets.tasks.base import check_integer, check_task
from memnets.training.recording import Recording

if TYPE_CHECKING:
    import keras


def check_numbers(episodes, batch_size, seed) -> None:
    """Refuse numbers out of range."""
    check_integer("episodes", episodes, 1)
    check_integer("batch_size", batch_size, 1)
    check_integer("seed", seed, 0)


def check_model(
    model: keras.Model, task: Task, batch_size: int, watch: str | None = None
) -> None:
    """Refuse a model that cannot be trained on the task."""
    import keras

    if not isinstance(model, keras.Model):
        raise TypeError(f"model must be a keras.Model, got {model!r}")
    check_task(task)
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
        raise ValueError("model must have trainable weights, got none")
    layers = [layer.name for layer in model.layers]
    if watch is not None and watch not in layers:
        raise ValueError(
            f"watch must be one of {', '.join(layers)}, got {watch!r}"
        )


def _check_shapes(model: keras.Model, task: Task, batch_size: int) -> None:
    """Refuse a model that does not have the task's input or output shape."""
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
            f"and every recurrent layer needs return_sequences=True"
        )


def check_engine(engine: str) -> None:
    """Refuse an unknown engine."""
    if engine not in ("auto", "xla", "graph"):
        raise ValueError(
            f"engine must be 'auto', 'xla' or 'graph', got {engine!r}"
        )


def check_recording(recording: Recording | None) -> Recording:
    """Return the recording, or the default one for `None`."""
    if recording is None:
        return Recording()
    if not isinstance(recording, Recording):
        raise TypeError(
            f"recording must be a Recording, such as Recording(every=10), got "
            f"{type(recording).__name__}"
        )
    return recording


def check_episodes(recording: Recording, episodes: int) -> None:
    """Refuse a recording interval longer than the training."""
    if recording.every is not None and recording.every > episodes:
        raise ValueError(
            f"every must be at most the {episodes} episodes, got "
            f"{recording.every}"
        )


def check_memory(task: Task, batch_size: int, weights: int) -> None:
    """Refuse a training that needs more memory than the machine has.

    Args:
        task: The `Task`.
        batch_size: Integer, the number of sequences per batch.
        weights: Integer, the number of weights.
    """
    numbers = len(task.inputs) + len(task.outputs) + 1
    # For the weights, also gradients and the optimizer's state; for a batch,
    # also a copy.
    needs = {
        "units": 4 * 5 * weights,
        "batch_size": 2 * 4 * batch_size * task.timesteps * numbers,
    }
    available = _memory()
    for argument, size in needs.items():
        if size > available:
            raise ValueError(
                f"{argument} must be smaller: this training needs "
                f"{size / 1e9:,.0f} GB of memory, the machine has "
                f"{available / 1e9:,.0f}"
            )


def _memory() -> float:
    """Return the bytes of the machine's memory, or infinity if unknown."""
    try:
        return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, ValueError, OSError):
        return math.inf
