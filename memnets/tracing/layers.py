"""The recurrent layers of a model, by name, and what cannot be traced."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from memnets.networks.cache import kept_with
from memnets.tasks import Batch
from memnets.tasks.base import one_hot
from memnets.tracing.loop import KERAS_CELLS, cells_of

# The layer and the cell, by the name of the trace.
Cells = dict[str, tuple[keras.layers.RNN, Any]]


def find_cells(model: keras.Model) -> Cells:
    """Return the recurrent cells, or refuse a model that cannot be traced."""
    if not isinstance(model, keras.Model):
        raise TypeError(f"model must be a keras.Model, got {model!r}")
    backend = keras.backend.backend()
    if backend != "tensorflow":
        raise ValueError(f"model must run on tensorflow, got {backend}")
    if not model.built:
        raise ValueError("model must be built, for example by keras.Input")
    found = {}
    for name, layer in _recurrent_layers(model):
        cells = cells_of(layer)
        for number, cell in enumerate(cells, 1):
            own = name if len(cells) == 1 else f"{name}/{number}"
            found[own] = layer, cell
            if type(cell) not in KERAS_CELLS and not hasattr(cell, "observe"):
                raise ValueError(
                    f"model must have cells with a method observe, got a "
                    f"{kind_of(cell)} in {own}"
                )
    if not found:
        names = ", ".join(layer.name for layer in model.layers)
        raise ValueError(f"model must have a recurrent layer, got {names}")
    return found


def kind_of(cell: Any) -> str:
    """Return the kind of a cell, as a `Trace` names it."""
    return KERAS_CELLS.get(type(cell), [type(cell).__name__])[0]


def _recurrent_layers(
    layer: keras.layers.Layer, before: str = ""
) -> Iterator[tuple[str, keras.layers.RNN]]:
    """Yield the recurrent layers inside a layer or a model, and their names."""
    if isinstance(layer, keras.Model):
        parts = {part.name: part for part in layer.layers}
    elif isinstance(layer, keras.layers.Bidirectional):
        forward, backward = layer.forward_layer, layer.backward_layer
        parts = {"forward": forward, "backward": backward}
    else:
        # Private, but Keras has no other way to see what a layer consists of.
        inside = layer._flatten_layers(include_self=False, recursive=False)
        parts = {part.name: part for part in inside}
    for name, part in parts.items():
        if isinstance(part, keras.layers.RNN):
            yield before + name, part
        else:
            yield from _recurrent_layers(part, f"{before}{name}/")


def check_inputs(model: keras.Model, inputs: Any) -> Any:
    """Return the inputs as the model takes them."""
    if isinstance(inputs, Batch):
        raise TypeError("inputs must be an array, batch.inputs, got a Batch")
    made_for = getattr(model, "inputs", None) or [None]
    several = len(made_for) > 1
    parts = inputs if several else [inputs]
    if not isinstance(parts, (list, tuple)) or len(parts) != len(made_for):
        raise ValueError(f"inputs must be a list of {len(made_for)} arrays")
    arrays = []
    for array, tensor in zip(map(np.asarray, parts), made_for):
        if array.dtype.kind not in "biuf":
            raise TypeError(f"inputs must be numbers, got {array.dtype}")
        symbols = array.dtype.kind in "iu" and tensor is not None
        if symbols and array.ndim == len(tensor.shape) - 1:
            array = one_hot(array, tensor.shape[-1])
        # Any number of sequences, also where the model was built with another.
        shape = [None, *(array if tensor is None else tensor).shape[1:]]
        fits = tf.TensorShape(shape).is_compatible_with(array.shape)
        if not fits or not array.size:
            names = ["batch", *(str(size or "time") for size in shape[1:])]
            raise ValueError(
                f"inputs must have the shape ({', '.join(names)}) and none of "
                f"them 0, got {array.shape}"
            )
        arrays.append(array if tensor is None else array.astype(tensor.dtype))
    return arrays if several else arrays[0]


def compiled(
    function: Callable, model: keras.Model, cells: Cells, *more: Any
) -> Callable:
    """Return `function(model, cells, *more, ...)` compiled, and keep it."""
    key = cells, [id(variable) for variable in model.variables], more

    def make():
        own = functools.partial(function, model, cells, *more)
        return tf.function(own, autograph=False, reduce_retracing=True)

    return kept_with(model, function.__name__, key, make)
