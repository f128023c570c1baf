"""Recurrent cells step by step: forwards with every gate, then the error back.

While a model runs, `watching` writes down what reaches the loop over time of a
recurrent layer: inputs, initial state and mask are then those of the model,
wherever the layer lies in it. Still watched, the cell itself takes every step
again, so that its state is exactly that of the layer.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import keras
import tensorflow as tf
from keras import ops, tree


class Watch(NamedTuple):
    """What went into the loop over time of one layer, and what came out.

    Args:
        layer: A `keras.layers.RNN`.
        inputs: Tensor of shape `(time, batch, channel)`, in the order in which
            the layer reads.
        states: A list of tensors `(batch, units)` for each cell, the initial
            state.
        mask: Boolean tensor of shape `(time, batch, 1)` in the same order, or
            `None`.
        results: The last output, all outputs and the last state, as they went
            on through the model.
    """

    layer: keras.layers.RNN
    inputs: Any
    states: list[list]
    mask: Any
    results: Any


def cells_of(layer: keras.layers.RNN) -> list:
    """Return the cells that a layer stacks, or its only one."""
    if isinstance(layer.cell, keras.layers.StackedRNNCells):
        return list(layer.cell.cells)
    return [layer.cell]


@contextlib.contextmanager
def watching(
    layers: Sequence[keras.layers.RNN], tape: tf.GradientTape | None = None
) -> Iterator[list[Watch]]:
    """Watch recurrent layers while a model runs.

    Meanwhile dropout draws nothing, and a stateful layer begins at zero and
    keeps the state that it has. `forwards` and `backwards` belong inside too.

    Args:
        layers: The layers to watch.
        tape: A gradient tape that is to watch what comes out of them. Default:
            `None`.

    Yields:
        A list that gets a `Watch` each time one of the layers runs.
    """
    watches: list[Watch] = []
    with contextlib.ExitStack() as replaced:
        for layer in layers:
            spy = _spy(layer, watches, tape)
            replaced.enter_context(
                _replaced(layer, inner_loop=spy, stateful=False)
            )
            for cell in cells_of(layer):
                # Even at inference, drawing a mask moves the random numbers.
                replaced.enter_context(
                    _replaced(cell, dropout=0.0, recurrent_dropout=0.0)
                )
        yield watches


def _spy(layer, watches, tape):
    inner_loop = layer.inner_loop

    def spy(sequences, initial_state, mask, training=False):
        results = inner_loop(sequences, initial_state, mask, training=training)
        if tape is not None:
            tape.watch(tree.flatten(results))
        inputs = _in_order(sequences, layer)
        on = None
        if mask is not None:
            on = tf.cast(tree.flatten(mask)[0], tf.bool)
            on = _in_order(
                tf.reshape(on, (*ops.shape(sequences)[:2], 1)), layer
            )
        states = [initial_state]
        if isinstance(layer.cell, keras.layers.StackedRNNCells):
            states = [tree.flatten(state) for state in initial_state]
        states = [list(state) for state in states]
        watches.append(Watch(layer, inputs, states, on, results))
        return results

    return spy


def _in_order(sequences, layer):
    """Return `(time, batch, channel)` in the order in which a layer reads."""
    time_first = tf.transpose(sequences, (1, 0, 2))
    return tf.reverse(time_first, [0]) if layer.go_backwards else time_first


@contextlib.contextmanager
def _replaced(thing, **attributes):
    """Replace attributes of an object for a while, unseen by Keras."""
    own = vars(thing)
    before = {name: own[name] for name in attributes if name in own}
    own.update(attributes)
    try:
        yield
    finally:
        for name in attributes:
            del own[name]
        own.update(before)


def _lstm_gates(cell, inputs, states):
    kernel, recurrent_kernel, bias = _weights(cell)
    sums = ops.matmul(inputs, kernel) + ops.matmul(states[0], recurrent_kernel)
    i, f, c, o = ops.split(sums + bias, 4, axis=-1)
    return {
        "input_gate": cell.recurrent_activation(i),
        "forget_gate": cell.recurrent_activation(f),
        "output_gate": cell.recurrent_activation(o),
        "candidate": cell.activation(c),
    }


def _gru_gates(cell, inputs, states):
    (hidden,) = states
    kernel, recurrent_kernel, bias = _weights(cell)
    bias, recurrent_bias = (
        (bias[0], bias[1]) if cell.reset_after and cell.use_bias else (bias, 0)
    )
    z, r, c = ops.split(ops.matmul(inputs, kernel) + bias, 3, axis=-1)
    for_z, for_r, for_c = ops.split(recurrent_kernel, 3, axis=-1)
    if cell.reset_after:
        sums = ops.matmul(hidden, recurrent_kernel) + recurrent_bias
        z_before, r_before, c_before = ops.split(sums, 3, axis=-1)
        reset = cell.recurrent_activation(r + r_before)
        c_before = reset * c_before
    else:
        z_before = ops.matmul(hidden, for_z)
        reset = cell.recurrent_activation(r + ops.matmul(hidden, for_r))
        c_before = ops.matmul(reset * hidden, for_c)
    return {
        "update_gate": cell.recurrent_activation(z + z_before),
        "reset_gate": reset,
        "candidate": cell.activation(c + c_before),
    }


def _weights(cell):
    """Return kernel, recurrent kernel and bias, as the cell computes."""
    bias = cell.bias if cell.use_bias else 0
    return [
        ops.cast(weight, cell.compute_dtype)
        for weight in (cell.kernel, cell.recurrent_kernel, bias)
    ]


# By exact type: what a subclass computes, nobody here can know.
GATES = {
    keras.layers.LSTMCell: _lstm_gates,
    keras.layers.GRUCell: _gru_gates,
    keras.layers.SimpleRNNCell: lambda cell, inputs, states: {},
}


def step(cells: list, inputs, states: list[list]) -> tuple[list, list]:
    """Take one step with cells that stand on each other.

    Args:
        cells: The cells, the lowest first.
        inputs: Tensor of shape `(batch, channel)`.
        states: A list of tensors `(batch, units)` for each cell.

    Returns:
        For each cell a dictionary of what was in it, and the states after.
    """
    observed, after = [], []
    for cell, before in zip(cells, states):
        values, new = _observe(cell, inputs, before)
        observed.append(values)
        after.append(tree.flatten(new))
        inputs = values["hidden"]
    return observed, after


def _observe(cell, inputs, states):
    """Take one step with one cell; return its values and its new states."""
    if type(cell) not in GATES:

        def observe(inputs, states, training=False):
            return cell.observe(inputs, states)

        # Called as a cell, so that Keras casts as it does for the cell.
        with _replaced(cell, call=observe):
            return cell(inputs, states)
    hidden, after = cell(inputs, states)
    cast = [ops.cast(value, cell.compute_dtype) for value in (inputs, *states)]
    values = dict(GATES[type(cell)](cell, cast[0], cast[1:]))
    if type(cell) is keras.layers.LSTMCell:
        values["cell_state"] = after[1]
    return {**values, "hidden": hidden}, after


def forwards(watch: Watch) -> tuple[list[dict], list[list]]:
    """Take all steps.

    Args:
        watch: What went into the loop over time.

    Returns:
        For each cell a dictionary of tensors of shape `(time, batch, units)`,
        and likewise the states after each step, in the order in which the
        layer reads. Where a step is masked the states and the hidden output
        stay as they were, and what is not a state is not a number.
    """
    cells = cells_of(watch.layer)

    def one(carried, now):
        held, states = carried
        observed, after = step(cells, now[0], states)
        if watch.mask is None:
            return observed, after
        return _masked(now[1], observed, after, held, states)

    first, _ = step(cells, watch.inputs[0], watch.states)
    zeros = tree.map_structure(tf.zeros_like, first)
    elements = [part for part in (watch.inputs, watch.mask) if part is not None]
    return tf.scan(one, tuple(elements), (zeros, watch.states))


def _masked(on, observed, after, held, states):
    """Let the states, and the outputs, stay as they were where masked."""
    values = []
    for found, new, kept, old in zip(observed, after, held, states):
        stays = {
            name: tf.cast(float("nan"), value.dtype)
            for name, value in found.items()
        }
        stays["hidden"] = kept["hidden"]
        for name, value in found.items():
            for later, earlier in zip(new, old):
                if later is value:
                    stays[name] = earlier
        values.append(
            {name: tf.where(on, found[name], stays[name]) for name in found}
        )
    return values, _where(on, after, states)


def _where(on, values, others):
    return tree.map_structure(lambda v, o: tf.where(on, v, o), values, others)


# What the error is followed through.
CARRIERS = ("hidden", "cell_state")


def backwards(watch: Watch, gradients) -> list[dict]:
    """Carry the error back through all steps.

    It is the error signal of backpropagation through time: the derivative by
    the value of one step through everything that comes later, other cells of
    the stack included. Each step is differentiated by itself, on the way back.

    Args:
        watch: What went into the loop over time of a layer that reads forwards
            and returns sequences.
        gradients: The derivatives of the loss by `watch.results`.

    Returns:
        For each cell a dictionary with the derivatives by `"hidden"` and, in
        cells that have it, `"cell_state"`: tensors of shape `(time, batch,
        units)`.
    """
    cells = cells_of(watch.layer)
    _, after = forwards(watch)
    before = tree.map_structure(
        lambda start, then: tf.concat([start[None], then[:-1]], 0),
        watch.states,
        after,
    )
    errors, last_errors = _outer_errors(watch, gradients)

    def one(carried, now):
        later, waiting, _ = carried
        inputs, states, error, *on = now
        error += waiting
        with tf.GradientTape() as tape:
            tape.watch(tree.flatten(states))
            observed, after = step(cells, inputs, states)
        sources = states, _carriers(observed)
        earlier, found = _gradient(
            tape, (observed[-1]["hidden"], after), (error, later), sources
        )
        if not on:
            return earlier, waiting, found
        found = _masked_errors(on[0], found, observed, after, error, later)
        waiting = tf.where(on[0], tf.zeros_like(error), error)
        return _where(on[0], earlier, later), waiting, found

    first, _ = step(cells, watch.inputs[0], watch.states)
    zeros = tree.map_structure(tf.zeros_like, _carriers(first))
    elements = [watch.inputs, before, errors]
    if watch.mask is not None:
        elements.append(watch.mask)
    start = last_errors, tf.zeros_like(errors[0]), zeros
    return tf.scan(one, tuple(elements), start, reverse=True)[2]


def _carriers(observed):
    return [{n: v[n] for n in CARRIERS if n in v} for v in observed]


def _gradient(tape, targets, errors, sources):
    found = tape.gradient(
        tree.flatten(targets),
        tree.flatten(sources),
        output_gradients=tree.flatten(errors),
        unconnected_gradients=tf.UnconnectedGradients.ZERO,
    )
    return tree.pack_sequence_as(sources, found)


def _outer_errors(watch, gradients):
    """Return the errors that reach the outputs and the last states."""
    _, outputs, states = gradients
    errors = tf.transpose(outputs, (1, 0, 2))
    if watch.mask is not None and watch.layer.zero_output_for_mask:
        errors = tf.where(watch.mask, errors, tf.zeros_like(errors))
    return errors, tree.pack_sequence_as(watch.states, tree.flatten(states))


def _masked_errors(on, found, observed, after, error, later):
    """Return the errors at states and outputs that stay as they were."""
    passed = tree.map_structure(tf.zeros_like, found)
    passed[-1]["hidden"] = error
    for cell, values in enumerate(_carriers(observed)):
        for name, value in values.items():
            for new, rest in zip(after[cell], later[cell]):
                if new is value:
                    passed[cell][name] += rest
    return _where(on, found, passed)
