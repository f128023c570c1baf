"""The loop over time of recurrent layers, which keeps what happens in it.

While `recording` is active, a layer takes its steps here, with its own cells.
All around the loop is Keras's: inputs, mask and initial state come from the
model, wherever the layer lies in it, and the outputs go on through the model.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
import tensorflow as tf

# Keras's cells, as a trace names them, and the gates: what their recurrent
# activation function returns, in the order in which they call it. By exact
# type, because a subclass may compute something else.
KERAS_CELLS: dict[type, tuple[str, list[str]]] = {
    keras.layers.LSTMCell: (
        "lstm",
        ["input_gate", "forget_gate", "output_gate"],
    ),
    keras.layers.GRUCell: ("gru", ["update_gate", "reset_gate"]),
    keras.layers.SimpleRNNCell: ("simple_rnn", []),
}
# The values by which the error is followed.
MEMORIES = ("hidden", "cell_state")


def cells_of(layer: keras.layers.RNN) -> list:
    """Return the cells that a layer stacks, or its only one."""
    stacked = isinstance(layer.cell, keras.layers.StackedRNNCells)
    return list(layer.cell.cells) if stacked else [layer.cell]


def observe(cell: Any, inputs: Any, states: list) -> tuple[dict, list]:
    """Take one step with a cell, and return everything that happens in it.

    Args:
        cell: One of `KERAS_CELLS`, or a cell with a method `observe`.
        inputs: Tensor of shape `(batch, channel)`.
        states: List of tensors of shape `(batch, unit)`.

    Returns:
        A dictionary of tensors by name, and the list of the new states. A
        value that is also a new state is the same tensor.
    """
    if type(cell) in KERAS_CELLS:
        return _observe_keras_cell(cell, inputs, states)

    def call(inputs, states, training=False):
        return cell.observe(inputs, states)

    # Called as a cell, so that Keras casts as it does for the cell.
    with _replaced(cell, call=call):
        values, states = cell(inputs, states)
    return values, tf.nest.flatten(states)


def _observe_keras_cell(cell, inputs, states):
    """Take one step, and keep what the activation functions return."""
    kind, gates = KERAS_CELLS[type(cell)]
    returned = {"recurrent_activation": [], "activation": []}

    def keeping(name):
        function = getattr(cell, name, None)

        def activation(sums):
            returned[name].append(function(sums))
            return returned[name][-1]

        return activation

    with _replaced(cell, **{name: keeping(name) for name in returned}):
        hidden, states = cell(inputs, states)
    values = dict(zip(gates, returned["recurrent_activation"]))
    if gates:
        values["candidate"] = returned["activation"][0]
    if kind == "lstm":
        values["cell_state"] = states[1]
    return {**values, "hidden": hidden}, tf.nest.flatten(states)


@contextlib.contextmanager
def _replaced(thing, **attributes):
    """Replace attributes of a layer or a cell for a while.

    `vars` passes by Keras, which refuses new parts in a layer that is built.
    """
    own = vars(thing)
    before = {name: own[name] for name in attributes if name in own}
    own.update(attributes)
    try:
        yield
    finally:
        for name in attributes:
            del own[name]
        own.update(before)


@contextlib.contextmanager
def recording(
    cells: dict[str, tuple[keras.layers.RNN, Any]],
    tape: tf.GradientTape | None = None,
) -> Iterator[dict[str, list[dict[str, tf.Tensor]]]]:
    """Record recurrent layers while a model runs.

    Meanwhile dropout draws no random number, and a stateful layer begins at
    zero and keeps the state that it has.

    Args:
        cells: The layer and the cell by name, as from `layers.find_cells`.
        tape: `tf.GradientTape` that is to follow the error. Default: `None`.

    Yields:
        A dictionary with a list for every cell, to which each run of its layer
        adds the values: tensors of shape `(time, batch, unit)` in the order in
        which the layer reads. With a tape it adds a probe for each of the
        `MEMORIES` instead: the gradient of a loss by the probe is the
        derivative by that memory, at each step.
    """
    runs, layers = {name: [] for name in cells}, {}
    with contextlib.ExitStack() as stack:
        for name, (layer, cell) in cells.items():
            layers.setdefault(layer, []).append(runs[name])
            # Even at inference Keras draws a mask, which it does not use.
            off = {"dropout": 0.0, "recurrent_dropout": 0.0}
            stack.enter_context(_replaced(cell, **off))
        for layer, own in layers.items():
            loop = _loop(layer, own, tape)
            stack.enter_context(
                _replaced(layer, inner_loop=loop, stateful=False)
            )
        yield runs
    for name, run in runs.items():
        if len(run) != 1:
            raise ValueError(
                f"model must run its layer {name} once, got {len(run)} runs"
            )


def _loop(layer, runs, tape):
    """Return what takes the place of the layer's `inner_loop`."""

    def inner_loop(sequences, initial_state, mask, training=False):
        inputs = _in_order(layer, sequences)
        counts = tf.ones_like(inputs[..., :1], bool)
        if mask is not None:
            mask = tf.cast(tf.nest.flatten(mask)[0], bool)
            mask = tf.reshape(mask, (-1, keras.ops.shape(sequences)[1], 1))
            counts = _in_order(layer, mask)
        stacked = isinstance(layer.cell, keras.layers.StackedRNNCells)
        states = initial_state if stacked else [initial_state]
        states = [tf.nest.flatten(state) for state in states]
        # Of this first step only the shapes are used.
        values, _ = _take_step(layer, inputs[0], states)
        zeros = tf.nest.map_structure(tf.zeros_like, values)
        step, each = _step, (inputs, counts)
        if tape is not None:
            steps = tf.shape(inputs)[0]
            probes = [
                {n: tf.repeat(v[n][None], steps, 0) for n in MEMORIES if n in v}
                for v in zeros
            ]
            tape.watch(tf.nest.flatten(probes))
            step, each = _probed_step, (inputs, counts, probes)
        values, states, outputs = tf.scan(
            lambda before, now: step(layer, before, *now)[0],
            each,
            (zeros, states, zeros[-1]["hidden"]),
        )
        for run, found in zip(runs, values if tape is None else probes):
            run.append(found)
        last = [state[-1] for state in tf.nest.flatten(states)]
        last = tf.nest.pack_sequence_as(initial_state, last)
        return outputs[-1], tf.transpose(outputs, (1, 0, 2)), last

    return inner_loop


def _in_order(layer, sequences):
    """Return `(time, batch, channel)` in the order in which a layer reads."""
    time_first = tf.transpose(sequences, (1, 0, 2))
    return tf.reverse(time_first, [0]) if layer.go_backwards else time_first


def _take_step(layer, inputs, states):
    """Take one step with cells that stand on each other."""
    values, after = [], []
    for cell, before in zip(cells_of(layer), states):
        value, new = observe(cell, inputs, before)
        values.append(value)
        after.append(new)
        inputs = value["hidden"]
    return values, after


def _step(layer, before, inputs, counts):
    """Take one step in those sequences where it counts; the others stay.

    `before` is what a step returns first: the values and the states of each
    cell, and the output of the layer. The second is a dictionary for each
    cell, with the tensors that make up each of its `MEMORIES`: the new value,
    and what stays in its place.
    """
    held, states, output = before
    observed, after = _take_step(layer, inputs, states)
    # Copies, which have the gradient of what stays and no other.
    states, output = tf.nest.map_structure(tf.identity, (states, output))
    values, memories = [], []
    for value, earlier, new, old in zip(observed, held, after, states):
        stays = {n: tf.cast(float("nan"), v.dtype) for n, v in value.items()}
        stays["hidden"] = earlier["hidden"]
        for name in value:
            for later, kept in zip(new, old):
                if later is value[name]:
                    stays[name] = kept
        values.append({n: tf.where(counts, value[n], stays[n]) for n in value})
        memories.append(
            {n: [value[n], stays[n]] for n in MEMORIES if n in value}
        )
    if layer.zero_output_for_mask:
        output = tf.zeros_like(output)
    memories[-1]["hidden"].append(output)
    output = tf.where(counts, observed[-1]["hidden"], output)
    states = tf.nest.map_structure(
        lambda new, old: tf.where(counts, new, old), after, states
    )
    return (values, states, output), memories


def _probed_step(layer, before, inputs, counts, probes):
    """Take the same step, and give the probes the gradients of its memories.

    A tape cannot see the tensors inside a loop, only those that go into it.
    The probes go in and change nothing; on the way back, the step returns the
    gradient by each memory as if it were the gradient by its probe.
    """
    held, *carried = before

    @tf.custom_gradient
    def step(inputs, carried, probes):
        with tf.GradientTape() as tape:
            tape.watch(tf.nest.flatten((inputs, carried)))
            after, memories = _step(layer, (held, *carried), inputs, counts)

        def gradient(*errors, variables=()):
            _, *errors = tf.nest.pack_sequence_as(after, errors)
            sources = inputs, carried, memories
            found = tape.gradient(
                tf.nest.flatten(after[1:]),
                tf.nest.flatten(sources),
                output_gradients=tf.nest.flatten(errors),
                unconnected_gradients=tf.UnconnectedGradients.ZERO,
            )
            *found, parts = tf.nest.pack_sequence_as(sources, found)
            by_memory = [{n: tf.add_n(p[n]) for n in p} for p in parts]
            found = tf.nest.flatten((found, by_memory))
            return (found, [None] * len(variables)) if variables else found

        return after, gradient

    return step(inputs, carried, probes), None
