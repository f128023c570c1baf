"""A block of episodes for stacks of LSTM layers, written out for XLA.

It computes what Keras computes, with the LSTM layers as one matrix: see
`memnets.stack`. The probe's sequences ride behind those of the batch; what
they show is recorded in the pass of the next episode, so a call ends with a
pass that teaches nothing. What follows the LSTM layers, and the loss, are
Keras's own, by Keras's gradient; the rule of the update is Keras's too, in a
copy of the optimizer that updates the matrix. `begin` reads the weights and
the optimizer's state from Keras, `end` writes them back.
"""

from __future__ import annotations

import functools
import platform
import sys

import keras
import numpy as np
import tensorflow as tf
from tensorflow.compiler.tf2xla.python import xla

from memnets.engine import (
    VERSION,
    ask_for_flags,
    block_signature,
    compiled,
    observer,
    room,
)
from memnets.stack import Stack

# Above, Keras's matrix products are as fast.
MOST_UNITS = 16
# The arrays of an optimizer's state, each with one for each weight.
STATES = {
    keras.optimizers.Adam: ("_momentums", "_velocities"),
    keras.optimizers.SGD: ("momentums",),
}
# Options that may differ from the usual ones, in layers and in optimizers.
FREE = {"name", "units", "seed", "unroll", "unit_forget_bias"}
FREE |= {f"{w}_initializer" for w in ("kernel", "recurrent", "bias")}
FREE |= {"learning_rate", "beta_1", "beta_2", "epsilon", "momentum"}
FREE |= {"nesterov", "clipnorm", "clipvalue", "global_clipnorm"}


def fits(model, batch: tuple, probe: tuple, every: int, watch=None) -> bool:
    """Whether this path serves a model, on this machine.

    Args:
        model: A compiled, built Keras model.
        batch: The shape of a batch: sequences, time steps.
        probe: The shape of the probe: sequences, time steps, channels.
        every: Positive integer, the episodes between two records.
        watch: String, the name of the layer to record too, or `None`.
    """
    measured = sys.platform == "linux" and platform.machine() == "x86_64"
    if not measured or tf.config.list_physical_devices("GPU"):
        return False
    # TensorFlow 2.20 ends the process, of later versions nothing is known.
    if VERSION != (2, 21):
        return False
    optimizer = model.optimizer
    if type(model) is not keras.Sequential or type(optimizer) not in STATES:
        return False
    lstm, head = _split(model)
    return (
        0 < sum(layer.units for layer in lstm) <= MOST_UNITS
        and all(map(_is_usual, lstm))
        and [type(layer) for layer in head] in ([], [keras.layers.Dense])
        and all(w.dtype == "float32" and w.trainable for w in model.weights)
        and all(layer.dtype_policy.name == "float32" for layer in head)
        and _is_usual(optimizer)
        and watch in (None, *(layer.name for layer in lstm))
        # Else every record would end a call.
        and (_rides(batch, probe) or every >= 20)
    )


def _split(model) -> tuple[list, list]:
    """Return the LSTM layers at the beginning, and the rest."""
    lstm = [type(layer) is keras.layers.LSTM for layer in model.layers]
    first = [*lstm, False].index(False)
    return model.layers[:first], model.layers[first:]


@functools.cache
def _usual(kind: type) -> dict[str, object]:
    """Return the options of a layer or an optimizer that fits."""
    options = {"return_sequences": True, "dtype": "float32"}
    lstm = kind is keras.layers.LSTM
    return (kind(1, **options) if lstm else kind()).get_config()


def _is_usual(thing) -> bool:
    usual, options = _usual(type(thing)), thing.get_config()
    return all(options[k] == usual[k] for k in usual.keys() - FREE)


def _rides(batch: tuple, probe: tuple) -> bool:
    """Whether few sequences, of the same length, can go behind a batch."""
    return probe[0] <= max(12, batch[0] // 2) and probe[1] == batch[1]


class Express:
    """The compiled block; it is used as `memnets.engine.Engine` is."""

    name = "express"

    def __init__(self, model, shapes, probe, watch, record_every):
        self.model, self._watch = model, watch
        _, batch, time, channels = shapes.inputs
        self.observe = compiled(observer(model, watch))
        self._lstm, self._head = _split(model)
        units = [layer.units for layer in self._lstm]
        self._batch = batch
        rides = _rides((batch, time), probe.shape)
        self._riding = len(probe) if rides else 0
        # What does not ride is observed between calls, which stop for it.
        self.stops = None if self._riding else record_every
        self._net = channels, units
        self._one = tf.Variable(1.0)
        together = batch + self._riding
        self._stack = Stack(*self._net, time, together, self._one)
        self._shapes = [array.shape[1:] for array in self.record(probe)]
        self.longest_call, self._slots = room(
            self._shapes, shapes, record_every
        )
        self._own_optimizer()
        ask_for_flags(model)
        self._answer = compiled(self._answers, jit_compile=True)
        self._none = [
            np.zeros((0, *shape), np.float32) for shape in self._shapes
        ]
        self._run = compiled(
            self._block,
            jit_compile=True,
            input_signature=block_signature(shapes, probe),
        )
        # No episode: what cannot be compiled shows before any is run.
        nothing = [np.zeros(shape, np.float32) for shape in shapes]
        self.run(nothing, probe, 0, np.zeros(0, int))

    def _own_optimizer(self):
        """Make the matrix, and an optimizer that updates it."""
        stack = self._stack
        shape = (4 * stack.units, stack.columns)
        self._matrix = keras.Variable(np.zeros(shape, np.float32))
        self._packed = 3 * len(self._lstm)
        self._heads = [
            w for layer in self._head for w in layer.trainable_variables
        ]
        self.model.optimizer.build(self.model.trainable_variables)
        options = self.model.optimizer.get_config()
        self._clipnorm = options.pop("clipnorm", None)
        self._optimizer = type(self.model.optimizer).from_config(options)
        self._optimizer.build([self._matrix, *self._heads])

    def begin(self) -> None:
        """Read the weights and the optimizer's state from Keras."""
        theirs, ours = self.model.optimizer, self._optimizer
        for start, (their, our) in zip((self._stack.shut, 0, 0), self._pairs()):
            matrix = self._stack.pack(array.numpy() for array in their)
            our[0].assign(matrix + start)
            for new, old in zip(our[1:], their[self._packed :]):
                new.assign(old)
        ours.iterations.assign(theirs.iterations)
        if isinstance(ours._learning_rate, keras.Variable):
            ours.learning_rate.assign(theirs.learning_rate)

    def end(self) -> None:
        """Write the weights and the optimizer's state back to Keras."""
        for their, our in self._pairs():
            arrays = self._stack.unpack(our[0].numpy())
            for old, array in zip(their, arrays):
                old.assign(array.reshape(old.shape))
            for old, new in zip(their[self._packed :], our[1:]):
                old.assign(new)
        self.model.optimizer.iterations.assign(self._optimizer.iterations)

    def _pairs(self):
        """Give what Keras has and what the matrix's side has for it."""
        theirs, ours = self.model.optimizer, self._optimizer
        yield self.model.trainable_variables, [self._matrix, *self._heads]
        for name in STATES[type(theirs)]:
            # SGD without momentum has no state.
            if getattr(ours, name):
                yield getattr(theirs, name), getattr(ours, name)

    def record(self, probe):
        """Return one record of the Keras model as it is now."""
        return [value.numpy()[None] for value in self.observe(probe)]

    def answer(self, inputs):
        """Return the answers of the network as it is now, between calls."""
        return self._answer(inputs)[0].numpy()

    def run(self, block, probe, first, slots):
        """Run some of the episodes of a block, as `Engine.run` does."""
        padded = np.full(block[0].shape[0], -1, np.int32)
        last = first + len(slots)
        padded[first:last] = slots
        losses, *records = self._run(*block, probe, padded, first, last)
        made = slots.max(initial=-1) + 1
        if not self._riding:
            records = (
                [v.numpy()[None] for v in self._answer(probe)]
                if made
                else self._none
            )
            return losses.numpy()[first:last], records
        return losses.numpy()[first:last], [r.numpy()[:made] for r in records]

    def _block(self, inputs, targets, weights, probe, slots, first, last):
        """Run the episodes from `first` to before `last`: to be compiled."""
        count = inputs.shape[0]

        def episode(i, losses, *records):
            here = tf.minimum(i, count - 1)
            given = [inputs[here], *([probe] if self._riding else [])]
            given = tf.concat(given, 0)
            loss, gradients, seen = self._learn(
                given, targets[here], weights[here]
            )
            # The last pass only shows what the last episode taught.
            tf.cond(i < last, lambda: self._update(gradients), tf.no_op)
            slot = slots[tf.maximum(i - 1, 0)]
            slot = tf.where((i > first) & (slot >= 0), slot, self._slots)
            records = [
                xla.dynamic_update_slice(array, value[None], [slot, 0, 0, 0])
                for array, value in zip(records, seen)
            ]
            return (
                i + 1,
                xla.dynamic_update_slice(losses, loss[None], [i]),
                *records,
            )

        # One room more, for what is to be thrown away.
        rooms = [tf.zeros((self._slots + 1, *shape)) for shape in self._shapes]
        rooms = rooms if self._riding else []
        _, *made = tf.while_loop(
            lambda i, *_: i <= last,
            episode,
            (first, tf.zeros(count + 1), *rooms),
            parallel_iterations=1,
            maximum_iterations=count + 1,
        )
        return made

    def _learn(self, inputs, targets, weights):
        """Return loss, gradients and what the riders show of one episode."""
        stack, batch = self._stack, self._batch
        matrix = self._matrix.value
        memory, rows = stack.forward(matrix, inputs)
        hidden = stack.hidden(rows, stack.depth - 1)
        seen = (
            self._seen(stack, rows, slice(batch, None)) if self._riding else []
        )
        hidden = hidden[:batch]
        with tf.GradientTape() as tape:
            tape.watch(hidden)
            loss = self.model.compute_loss(
                x=inputs[:batch],
                y=targets,
                y_pred=self._read(hidden),
                sample_weight=weights,
                training=True,
            )
        errors, *others = tape.gradient(loss, [hidden, *self._heads])
        gradient = stack.backward(matrix, memory, rows, errors)
        return loss, [gradient, *others], seen

    def _update(self, gradients):
        if self._clipnorm:
            # Keras clips each weight by itself.
            matrix, *others = gradients
            others = [tf.clip_by_norm(g, self._clipnorm) for g in others]
            gradients = [self._stack.clip(matrix, self._clipnorm), *others]
        self._optimizer.apply(gradients, [self._matrix, *self._heads])
        return tf.no_op()

    def _read(self, hidden):
        for layer in self._head:
            hidden = layer(hidden)
        return hidden

    def _seen(self, stack, rows, which=slice(None)):
        """Return the answers to some sequences, and the watched layer's."""
        names = [layer.name for layer in self._lstm]
        seen = [self._read(stack.hidden(rows, stack.depth - 1)[which])]
        if self._watch:
            seen.append(stack.hidden(rows, names.index(self._watch))[which])
        return seen

    def _answers(self, inputs):
        sequences, time, _ = inputs.shape
        stack = Stack(*self._net, time, sequences, self._one)
        _, rows = stack.forward(self._matrix.value, inputs)
        return self._seen(stack, rows)
