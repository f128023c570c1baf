"""Every gate at every step of the recurrent layers of a network."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from memnets.records.trace import Trace
from memnets.tracing.layers import check_inputs, compiled, find_cells, kind_of
from memnets.tracing.loop import recording


def trace(model: keras.Model, inputs: Any) -> tuple[Trace, ...]:
    """Record what happens in the recurrent layers while a network answers.

    The network is as at inference: dropout is off. A stateful layer begins at
    zero, and the state that it keeps is neither read nor changed.

    The step axis is that of the layer's inputs, also in a layer that reads
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
        a layer of several cells has one for each, `name/1`, `name/2`, ...; and
        a layer inside another layer or model is named after both.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If the model is not built, has no recurrent layer, has one
            that it runs several times or whose cell cannot be observed, or the
            inputs do not fit it.
    """
    cells = find_cells(model)
    record = compiled(_record, model, cells)
    found, traces = record(check_inputs(model, inputs)), []
    for name, (layer, cell) in cells.items():
        values = {k: _readable(layer, v) for k, v in found[name][0].items()}
        traces.append(Trace(name, kind_of(cell), values))
    return tuple(traces)


def _record(model, cells, inputs):
    """Return the values of each cell, as `recording` finds them."""
    with recording(cells) as found:
        model(inputs, training=False)
    return found


def _readable(layer, values):
    """Return `(batch, time, unit)` in the order of the layer's inputs."""
    values = values.numpy()[:: -1 if layer.go_backwards else 1]
    wide = np.float64 if values.dtype == np.float64 else np.float32
    return np.ascontiguousarray(values.swapaxes(0, 1), wide)
