"""The compiled functions that look into one model, and what they refuse.

The model runs as it is; `unrolling` takes every step of its cells again.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import keras
import tensorflow as tf

from memnets import unrolling

KINDS = {
    keras.layers.LSTMCell: "lstm",
    keras.layers.GRUCell: "gru",
    keras.layers.SimpleRNNCell: "simple_rnn",
}


class Inspector:
    """The compiled functions that look into one model."""

    def __init__(self, model: keras.Model, cells: dict):
        self.model, self.cells = model, cells
        self.observe = _function(self._observe)
        self._flows: dict[int, tuple] = {}

    def flow(self, layer: keras.layers.RNN):
        """Return the function from a batch and a step to the errors."""
        loss, flow = self._flows.get(id(layer), (None, None))
        if loss is not self.model.loss:
            flow = _function(functools.partial(self._flow, layer))
            self._flows[id(layer)] = self.model.loss, flow
        return flow

    def _observe(self, inputs):
        layers = {id(layer): layer for layer, _ in self.cells.values()}
        with unrolling.watching(layers.values()) as watches:
            self.model(inputs, training=False)
            found = {
                key: unrolling.forwards(_only(watches, layer))[0]
                for key, layer in layers.items()
            }
        return [
            _batch_first(found[id(layer)][number], layer)
            for layer, number in self.cells.values()
        ]

    def _flow(self, layer, inputs, targets, weights, step):
        tape = tf.GradientTape()
        with unrolling.watching([layer], tape) as watches:
            with tape:
                outputs = self.model(inputs, training=False)
                outputs = tf.cast(outputs, _dtype(outputs.dtype))
                targets = tf.cast(targets, outputs.dtype)
                losses = _losses(self.model.loss, targets, outputs)
                losses *= tf.cast(weights, losses.dtype)
                loss = tf.reduce_sum(losses[:, step])
            watch = _only(watches, layer)
            gradients = tape.gradient(
                loss,
                watch.results,
                unconnected_gradients=tf.UnconnectedGradients.ZERO,
            )
            found = unrolling.backwards(watch, gradients)
        return [_batch_first(values, layer) for values in found]


def _function(python_function):
    # As in the engine: TensorFlow warns where many functions share their code.
    own = functools.partial(python_function)
    return tf.function(own, autograph=False, reduce_retracing=True)


def _only(watches, layer):
    found = [watch for watch in watches if watch.layer is layer]
    if len(found) != 1:
        raise ValueError(
            f"model must run its layer {layer.name} once, got {len(found)} "
            f"runs; what it does in each cannot be told apart"
        )
    return found[0]


def _batch_first(values, layer):
    """Return `(batch, time, unit)` in the order of the layer's inputs."""
    if layer.go_backwards:
        values = {key: tf.reverse(v, [0]) for key, v in values.items()}
    return {
        key: tf.cast(tf.transpose(v, (1, 0, 2)), _dtype(v.dtype))
        for key, v in values.items()
    }


def _dtype(computed: tf.DType) -> str:
    return "float64" if computed == tf.float64 else "float32"


def _losses(loss, targets, outputs):
    """Return the loss of every sequence at every step."""
    loss = keras.losses.get(loss)
    whole = isinstance(loss, keras.losses.Loss)
    losses = (loss.call if whole else loss)(targets, outputs)
    if len(losses.shape) != 2:
        raise ValueError(
            f"model must be compiled with a loss that has a value for every "
            f"(batch, time), got {losses.shape} from {loss!r}"
        )
    return losses


def inspector_of(model: keras.Model) -> Inspector:
    """Return the model's inspector, that of the last call if it still fits."""
    _check_model(model)
    cells = dict(_cells(model))
    if not cells:
        raise ValueError(
            f"model must have a recurrent layer, got "
            f"{', '.join(layer.name for layer in model.layers)}"
        )
    key = cells, [id(variable) for variable in model.variables]
    kept_key, inspector = model.__dict__.get("_memnets_inspector", (None, None))
    if kept_key != key:
        inspector = Inspector(model, cells)
        # Beside the model and past Keras, like the engine of training.
        model.__dict__["_memnets_inspector"] = key, inspector
    return inspector


def _cells(
    model: keras.Model, before: str = ""
) -> Iterator[tuple[str, tuple[keras.layers.RNN, int]]]:
    """Yield the name of each cell, its layer and its number in it."""
    for layer in model.layers:
        name = before + layer.name
        if isinstance(layer, keras.Model):
            yield from _cells(layer, f"{name}/")
            continue
        if isinstance(layer, keras.layers.Bidirectional):
            parts = {
                f"{name}/forward": layer.forward_layer,
                f"{name}/backward": layer.backward_layer,
            }
        else:
            parts = {name: layer}
        for part, recurrent in parts.items():
            yield from _cells_of(part, recurrent)


def _cells_of(name, layer):
    """Yield the same for one layer, refusing one that cannot be observed."""
    inside = layer._flatten_layers()
    if not any(isinstance(part, keras.layers.RNN) for part in inside):
        return
    what = f"{type(layer).__name__} {name}"
    if not isinstance(layer, keras.layers.RNN):
        raise ValueError(
            f"model must have its recurrent layers in sight, got one inside "
            f"{what}"
        )
    cells = unrolling.cells_of(layer)
    for number, cell in enumerate(cells):
        if type(cell) not in KINDS and not hasattr(cell, "observe"):
            raise ValueError(
                f"model must have cells that can be looked into, got {what} "
                f"with a {type(cell).__name__}, which has no method observe"
            )
        own = name if len(cells) == 1 else f"{name}/{number + 1}"
        yield own, (layer, number)


def kind_of(layer: keras.layers.RNN, number: int) -> str:
    """Return the kind of one of a layer's cells, as a `Trace` names it."""
    cell = type(unrolling.cells_of(layer)[number])
    return KINDS.get(cell, cell.__name__)


def _check_model(model: Any) -> None:
    """Refuse what is no built Keras model on TensorFlow."""
    if not isinstance(model, keras.Model):
        raise TypeError(f"model must be a keras.Model, got {model!r}")
    if keras.backend.backend() != "tensorflow":
        raise ValueError(
            f"model must run on Keras's tensorflow backend, got "
            f"{keras.backend.backend()}; set KERAS_BACKEND=tensorflow"
        )
    if not model.built:
        raise ValueError(
            "model must be built: begin it with keras.Input((time, channel)), "
            "or call it once"
        )
