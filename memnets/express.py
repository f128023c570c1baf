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

import keras
import numpy as np
import tensorflow as tf
from tensorflow.compiler.tf2xla.python import xla

from memnets.engine import (
    ask_for_flags,
    compiled,
    observer,
    room,
)
from memnets.express_rules import STATES, rides, split
from memnets.stack import Stack


class Express:
    """The compiled block; it is used as `memnets.engine.Engine` is."""

    name = "express"

    def __init__(self, model, shapes, probe, watch, record_every):
        self.model, self._watch = model, watch
        _, batch, time, channels = shapes.inputs
        self.observe = compiled(observer(model, watch))
        self._lstm, self._head = split(model)
        units = [layer.units for layer in self._lstm]
        self._batch = batch
        self._riding = len(probe) if rides((batch, time), probe.shape) else 0
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
        nothing = [np.zeros(shape, np.float32) for shape in shapes]
        nothing = self.arrange(probe, *nothing)
        plan = tf.TensorSpec((2 + shapes.inputs[0],), tf.int32)
        # Of one signature, it is called without a search for the right one.
        self._run = compiled(
            self._block,
            jit_compile=True,
            input_signature=[*(tf.TensorSpec(a.shape) for a in nothing), plan],
        ).get_concrete_function()
        # No episode: what cannot be compiled shows before any is run.
        self.run(nothing, probe, 0, np.zeros(0, int))

    def _own_optimizer(self):
        """Make the matrix, and an optimizer that updates it."""
        stack = self._stack
        # Flat, or XLA would update it number by number: its rows are short.
        self._matrix = keras.Variable(np.zeros_like(stack.shut))
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

    def arrange(self, probe, inputs, targets, weights):
        """Return a block's arrays with the sequences last."""
        together = [inputs, *([probe] if self._riding else [])]
        return (
            self._stack.arrange(*together),
            np.ascontiguousarray(np.moveaxis(targets, 1, -1)),
            np.ascontiguousarray(np.moveaxis(weights, 1, -1)),
        )

    def answer(self, inputs):
        """Return the answers of the network as it is now, between calls."""
        return self._show(inputs)[0]

    def run(self, block, probe, first, slots):
        """Run some of the episodes of a block, as `Engine.run` does."""
        last = first + len(slots)
        # One array: to hand over a further one takes 30 microseconds.
        plan = np.full(2 + block[0].shape[0], -1, np.int32)
        plan[:2] = first, last
        plan[2 + first : 2 + last] = slots
        losses, *records = self._run(*block, plan)
        made = slots.max(initial=-1) + 1
        if not self._riding:
            records = (
                [value[None] for value in self._show(probe)]
                if made
                else self._none
            )
            return losses.numpy()[first:last], records
        return losses.numpy()[first:last], [r.numpy()[:made] for r in records]

    def _block(self, inputs, targets, weights, plan):
        """Run the episodes that a plan names: to be compiled.

        The plan: the first episode, the one after the last, and the slots.
        """
        count, first, last, slots = inputs.shape[0], plan[0], plan[1], plan[2:]

        def episode(i, losses, rooms, *records):
            here = tf.minimum(i, count - 1)
            loss, gradients, seen, rooms = self._learn(
                inputs[here],
                tf.transpose(targets[here], (2, 0, 1)),
                tf.transpose(weights[here]),
                rooms,
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
                rooms,
                *records,
            )

        # One slot more, for what is to be thrown away.
        slots_and_one = self._slots + 1
        records = [tf.zeros((slots_and_one, *shape)) for shape in self._shapes]
        records = records if self._riding else []
        _, losses, _, *made = tf.while_loop(
            lambda i, *_: i <= last,
            episode,
            (first, tf.zeros(count + 1), self._stack.rooms(), *records),
            parallel_iterations=1,
            maximum_iterations=count + 1,
        )
        return losses, *made

    def _learn(self, inputs, targets, weights, rooms):
        """Return loss, gradients and what the riders show of one episode."""
        stack, batch = self._stack, self._batch
        matrix = self._matrix.value
        rooms = stack.forward(matrix, inputs, rooms)
        hidden = stack.hidden(rooms, stack.depth - 1)[:batch]
        riders = slice(batch, None)
        seen = self._seen(stack, rooms, riders) if self._riding else []
        with tf.GradientTape() as tape:
            tape.watch(hidden)
            loss = self.model.compute_loss(
                x=None,
                y=targets,
                y_pred=self._read(hidden),
                sample_weight=weights,
                training=True,
            )
        errors, *others = tape.gradient(loss, [hidden, *self._heads])
        gradient, rooms = stack.backward(matrix, errors, rooms)
        return loss, [gradient, *others], seen, rooms

    def _update(self, gradients):
        # What is flattened in here is summed as a matrix before.
        matrix, *others = map(tf.identity, gradients)
        matrix = tf.reshape(matrix, [-1])
        if self._clipnorm:
            # Keras clips each weight by itself.
            others = [tf.clip_by_norm(g, self._clipnorm) for g in others]
            matrix = self._stack.clip(matrix, self._clipnorm)
        variables = [self._matrix, *self._heads]
        self._optimizer.apply([matrix, *others], variables)
        return tf.no_op()

    def _read(self, hidden):
        for layer in self._head:
            hidden = layer(hidden)
        return hidden

    def _seen(self, stack, rooms, which=slice(None)):
        """Return the answers to some sequences, and the watched layer's."""
        names = [layer.name for layer in self._lstm]
        seen = [self._read(stack.hidden(rooms, stack.depth - 1)[which])]
        if self._watch:
            seen.append(stack.hidden(rooms, names.index(self._watch))[which])
        return seen

    def _show(self, inputs):
        """Return the answers as they are now, and the watched layer's."""
        stack = Stack(*self._net, inputs.shape[1], len(inputs), self._one)
        return [
            value.numpy()[: len(inputs)]
            for value in self._answer(tf.constant(stack.arrange(inputs)))
        ]

    def _answers(self, rows):
        time, row = rows.shape
        stack = Stack(*self._net, time, row // self._net[0], self._one)
        rooms = stack.forward(self._matrix.value, rows, stack.rooms())
        return self._seen(stack, rooms)
