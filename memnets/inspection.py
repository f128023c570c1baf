"""Inside the cell: every gate at every step, and how far the error travels."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from memnets.inspector import inspector_of, kind_of
from memnets.tasks import Batch
from memnets.tasks.base import check_integer


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
        arrays = {name: _sealed(array) for name, array in self.values.items()}
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


def trace(model: keras.Model, inputs: Any) -> tuple[Trace, ...]:
    """Look into the recurrent layers of a network while it answers.

    The network is as at inference: dropout is off. A stateful layer begins at
    zero, and the state that it keeps is neither read nor changed.

    The step axis is that of what the layer reads, also in a layer that reads
    backwards. Where a step is masked, hidden output and cell state stay as
    they were, and a gate, which had no part in that step, is not a number.

    Args:
        model: A built Keras model with LSTM, GRU or SimpleRNN layers,
            `Bidirectional` or not, or `keras.layers.RNN` around one such cell,
            several, or others with a method `observe(inputs, states)` that
            returns a dictionary of tensors, `"hidden"` among them, and the new
            states.
        inputs: Array of the shape that the model takes, or a list of them.

    Returns:
        A tuple with a `Trace` for each recurrent layer in the model's order,
        in float32, or float64 where the layer computes in it:

        - LSTM: `input_gate`, `forget_gate`, `output_gate`, `candidate`,
          `cell_state`, `hidden`;
        - GRU: `update_gate`, `reset_gate`, `candidate`, `hidden`;
        - SimpleRNN: `hidden`.

        A `Bidirectional` layer has two, `name/forward` and `name/backward`;
        a layer of several cells has one for each, `name/1`, `name/2`, ...

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If the model is not built, has no recurrent layer or one
            that cannot be looked into, or the inputs do not fit it.
    """
    inspector = inspector_of(model)
    inputs = _check_inputs(model, inputs)
    found = inspector.observe(inputs)
    traces = []
    for (name, (layer, number)), tensors in zip(inspector.cells.items(), found):
        values = {key: value.numpy() for key, value in tensors.items()}
        traces.append(Trace(name, kind_of(layer, number), values))
    return tuple(traces)


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
    inspector = inspector_of(model)
    names = list(inspector.cells)
    name = names[0] if layer is None else layer
    if name not in names:
        raise ValueError(
            f"layer must be one of {', '.join(names)}, got {layer!r}"
        )
    recurrent, number = inspector.cells[name]
    if recurrent.go_backwards or not recurrent.return_sequences:
        raise ValueError(
            f"layer must read forwards and return sequences, or nothing lags; "
            f"{name} does not"
        )
    batch = _check_batch(model, batch)
    step = _check_step(step, batch.weights)
    found = inspector.flow(recurrent)(*batch, tf.constant(step))[number]
    sizes = {key: _sizes(value, batch, step) for key, value in found.items()}
    return GradientFlow(
        name,
        kind_of(recurrent, number),
        _sealed(np.arange(step + 1)),
        sizes["hidden"],
        sizes.get("cell_state"),
    )


def _sizes(errors: tf.Tensor, batch: Batch, step: int) -> np.ndarray:
    """Return the norm over the units by lag, from that by time step."""
    if errors.shape[1] != batch.weights.shape[1]:
        raise ValueError(
            f"layer must have the {batch.weights.shape[1]} steps of the "
            f"answers, got {errors.shape[1]}"
        )
    # In double precision, or squares vanish where the error does not.
    norms = np.linalg.norm(errors.numpy().astype(np.float64), axis=-1)
    return _sealed(norms[:, step::-1])


def _sealed(array: np.ndarray) -> np.ndarray:
    array = np.array(array)
    array.flags.writeable = False
    return array


def _check_inputs(model: keras.Model, inputs: Any) -> Any:
    """Return the inputs as the model takes them."""
    wanted = getattr(model, "inputs", None) or [None]
    several = len(wanted) > 1
    parts = (
        inputs if several and isinstance(inputs, (list, tuple)) else [inputs]
    )
    if len(parts) != len(wanted):
        raise ValueError(
            f"inputs must be {len(wanted)} arrays, got {len(parts)}"
        )
    arrays = [np.asarray(part) for part in parts]
    for array, tensor in zip(arrays, wanted):
        if array.dtype.kind not in "biuf":
            raise TypeError(f"inputs must be numbers, got {array.dtype}")
        # Any number of sequences, also where the model was built with another.
        shape = array.shape[1:] if tensor is None else tuple(tensor.shape[1:])
        fits = len(shape) == array.ndim - 1 and all(
            made_for in (None, size)
            for made_for, size in zip(shape, array.shape[1:])
        )
        if not fits or not array.size:
            sizes = [str(size or "time") for size in shape]
            raise ValueError(
                f"inputs must have the shape ({', '.join(['batch', *sizes])}), "
                f"nothing 0, got {array.shape}"
            )
    if wanted[0] is not None:
        arrays = [a.astype(t.dtype) for a, t in zip(arrays, wanted)]
    return arrays if several else arrays[0]


def _check_batch(model: keras.Model, batch: Any) -> Batch:
    """Return the batch, refusing one that the model does not answer."""
    if not isinstance(batch, Batch):
        raise TypeError(
            f"batch must be a Batch, as a task's sample returns, got "
            f"{type(batch).__name__}"
        )
    if not isinstance(getattr(model, "loss", None), (str, Callable)):
        raise ValueError(
            "model must be compiled with one loss, for example with "
            "model.compile(loss='mean_squared_error')"
        )
    inputs = _check_inputs(model, batch.inputs)
    answers = model.compute_output_shape(inputs.shape)
    targets, weights = np.asarray(batch.targets), np.asarray(batch.weights)
    if targets.ndim != 3 or targets.shape != tuple(answers):
        raise ValueError(
            f"batch must hold targets as the model answers, (batch, time, "
            f"channel) = {tuple(answers)}, got {targets.shape}; every "
            f"recurrent layer needs return_sequences=True"
        )
    if weights.shape != targets.shape[:2]:
        raise ValueError(
            f"batch must hold weights of shape {targets.shape[:2]}, got "
            f"{weights.shape}"
        )
    return Batch(inputs, targets, weights)


def _check_step(step: Any, weights: np.ndarray) -> int:
    """Return the step, counted from the start."""
    steps = weights.shape[1]
    check_integer("step", step, -steps)
    if step >= steps:
        raise ValueError(
            f"step must be from {-steps} to {steps - 1}, got {step}"
        )
    if not weights[:, step].any():
        raise ValueError(
            f"step must be one whose answer is scored, got {step}, where "
            f"every weight is 0"
        )
    return int(step) % steps
