"""The error of one step, on its way back through a recurrent layer."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from memnets.records.gradients import GradientFlow
from memnets.records.trace import sealed
from memnets.tasks import Batch
from memnets.tasks.base import check_integer
from memnets.tracing.layers import check_inputs, compiled, find_cells, kind_of
from memnets.tracing.loop import recording


def gradient_flow(
    model: keras.Model, batch: Batch, layer: str | None = None, step: int = -1
) -> GradientFlow:
    """Follow the error of one step back through a recurrent layer.

    The error is that of backpropagation through time (S. Hochreiter and J.
    Schmidhuber, Neural Computation 9 (8), 1735 (1997), section 3): the
    derivative of the loss by the hidden output or the cell state of an earlier
    step, through everything that comes after it. The loss is the model's own,
    of one sequence at one step, times its weight; it is no mean, so that the
    size depends neither on the batch nor on the length. Dropout is off, and a
    stateful layer begins at zero, as in `trace`.

    Args:
        model: A compiled Keras model from `(batch, time, input channel)` to
            `(batch, time, output channel)`.
        batch: `Batch`, the sequences.
        layer: String, the name of a recurrent layer as in `trace`. Default:
            `None`, the first.
        step: Integer, the step whose error is followed, counted from the end
            if negative. Default: -1, the last.

    Returns:
        A `GradientFlow` of float64 arrays. The derivatives are computed as the
        layer computes: in float32 they end at about 1e-45, so build the model
        in float64 for more.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: As in `trace`, or if the model is not compiled, the batch
            does not fit it, there is no such layer, it reads backwards or
            returns its last output alone, or the step has no weight.
    """
    cells = find_cells(model)
    name = next(iter(cells)) if layer is None else layer
    if name not in cells:
        names = ", ".join(cells)
        raise ValueError(f"layer must be one of {names}, got {layer!r}")
    recurrent, cell = cells[name]
    if recurrent.go_backwards or not recurrent.return_sequences:
        raise ValueError(
            f"layer must read forwards and return sequences, or nothing lags; "
            f"{name} does not"
        )
    batch, step = _check(model, batch, step)
    compute = compiled(_errors, model, cells, model.loss)
    (errors,) = compute(*batch, tf.constant(step))[name]
    steps = batch.weights.shape[1]
    norms = {}
    for key, error in errors.items():
        if len(error) != steps:
            raise ValueError(
                f"layer must have the {steps} steps of the answers, got "
                f"{len(error)}"
            )
        # In double precision, or squares vanish where the error does not.
        norm = np.linalg.norm(error.numpy().astype(np.float64), axis=-1)
        norms[key] = sealed(norm[step::-1].T)
    lags = sealed(np.arange(step + 1))
    cell_state = norms.get("cell_state")
    return GradientFlow(name, kind_of(cell), lags, norms["hidden"], cell_state)


def _errors(model, cells, loss, inputs, targets, weights, step):
    """Return the derivatives of the loss at a step by all memories.

    They are tensors of shape `(time, batch, unit)`, for each cell in a list.
    """
    with tf.GradientTape() as tape, recording(cells, tape) as probes:
        outputs = model(inputs, training=False)
        wide = tf.float64 if outputs.dtype == tf.float64 else tf.float32
        outputs, targets = tf.cast(outputs, wide), tf.cast(targets, wide)
        loss = keras.losses.get(loss)
        # The `call` of a loss of Keras takes no mean over the batch.
        losses = getattr(loss, "call", loss)(targets, outputs)
        if len(losses.shape) != 2:
            raise ValueError(
                f"model must be compiled with a loss that has a value for "
                f"every (batch, time), got {losses.shape} from {loss!r}"
            )
        losses *= tf.cast(weights, losses.dtype)
        total = tf.reduce_sum(losses[:, step])
    return tape.gradient(
        total, probes, unconnected_gradients=tf.UnconnectedGradients.ZERO
    )


def _check(model, batch, step) -> tuple[Batch, int]:
    """Return batch and step, refusing what the model does not answer."""
    if not isinstance(batch, Batch):
        raise TypeError(f"batch must be a Batch, got {type(batch).__name__}")
    if not isinstance(getattr(model, "loss", None), (str, Callable)):
        raise ValueError("model must be compiled with one loss")
    inputs = check_inputs(model, batch.inputs)
    targets, weights = np.asarray(batch.targets), np.asarray(batch.weights)
    answers = tuple(model.compute_output_shape(inputs.shape))
    for name, array, wanted in (
        ("targets", targets, answers),
        ("weights", weights, answers[:2]),
    ):
        if len(answers) != 3 or array.shape != wanted:
            raise ValueError(
                f"batch must hold {name} for answers of shape (batch, time, "
                f"channel) = {answers}, got {array.shape}; every recurrent "
                f"layer needs return_sequences=True"
            )
    steps = answers[1]
    check_integer("step", step, -steps)
    if step >= steps:
        raise ValueError(f"step must be below {steps}, got {step}")
    if not weights[:, step].any():
        raise ValueError(f"step must be scored, got {step} without weight")
    return Batch(inputs, targets, weights), int(step) % steps
