"""A stack of LSTM layers as one matrix, in an order that suits a processor.

The matrix has a row for each gate of each unit (gate by gate, in each the
layers one after another) and a column for each input, for the bias and for
each unit. Layer n runs n steps behind the first, so that each finds what it
reads in the last step's answers and one product serves them all. Until its
first step a layer's input gate is shut by a column of its own, a weight of
minus a billion.

The sequences lie side by side in lanes, 8 to a vector register. Whatever
has a row for each unit is one long axis of `units * lanes`, cut by rows of
lanes: loops over short axes XLA unrolls before it could use vectors. Products
are sums written out, for to call a matrix product costs more than it does.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import tensorflow as tf
from tensorflow.compiler.tf2xla.python import xla

# Steps whose weight gradients are summed in one expression, and the most
# terms of it that compile in good time.
SUMMED_STEPS = 32
TERMS = 128


class Rooms(NamedTuple):
    """Arrays that each pass writes into, in the place of the last one's."""

    rows: tf.Tensor  # of inputs, bias and answers: (time, column * lane)
    memory: tf.Tensor  # what the way back needs: (time, 6 * unit * lane)
    errors: tf.Tensor  # given to the answers: (time, unit, lane)
    changes: tf.Tensor  # asked of the sums: (time, 4 * unit * lane)


class Stack:
    """LSTM layers as one matrix, and the passes of some sequences over it."""

    def __init__(self, channels, units, time, sequences, one):
        self.time, self.sequences, self._one = time, sequences, one
        self.lanes = -(-sequences // 8) * 8
        ends = np.cumsum(units).tolist()
        self.own = [slice(e - u, e) for e, u in zip(ends, units)]
        self.depth, self.units = len(units), ends[-1]
        # Columns: has it begun (one for each later layer), inputs, bias, units.
        self.bias = self.depth - 1 + channels
        self.columns = self.bias + 1 + self.units
        self.steps = time + self.depth - 1
        if self.steps > SUMMED_STEPS:
            self.steps += -self.steps % SUMMED_STEPS  # blocks of equal length
        # The sigmoid is tanh, of half the argument and at half the size.
        half = np.repeat(np.float32([0.5, 0.5, 1, 0.5]), self.units)
        self.half = half[:, None]
        self.shut = np.zeros((4, self.units, self.columns), np.float32)
        for layer, own in enumerate(self.own[1:]):
            self.shut[0, own, layer] = -1e9
        self.shut = self.shut.ravel()

    def seen(self, layer):
        """Return the columns of a layer's kernel, recurrent kernel, bias."""
        above = [
            slice(self.bias + 1 + own.start, self.bias + 1 + own.stop)
            for own in self.own
        ]
        kernel = above[layer - 1] if layer else slice(self.depth - 1, self.bias)
        return kernel, above[layer], slice(self.bias, self.bias + 1)

    def places(self):
        """Return where in the matrix the arrays are that Keras has."""
        grid = np.arange(4 * self.units * self.columns)
        grid = grid.reshape(4, self.units, self.columns)
        return [
            grid[:, own, at].transpose(2, 0, 1).ravel()
            for layer, own in enumerate(self.own)
            for at in self.seen(layer)
        ]

    def pack(self, weights):
        """Return arrays as Keras has them, three a layer, as a flat matrix."""
        matrix = np.zeros(4 * self.units * self.columns, np.float32)
        for weight, place in zip(weights, self.places()):
            matrix[place] = np.ravel(weight)
        return matrix

    def unpack(self, matrix):
        """Return a flat matrix as flat arrays in Keras's order."""
        return [matrix[place] for place in self.places()]

    def clip(self, matrix, norm):
        """Scale each of Keras's arrays in a flat matrix to a norm, or less."""
        every = np.arange(len(self.shut))
        parts = [np.float32(np.isin(every, place)) for place in self.places()]
        return sum(tf.clip_by_norm(part * matrix, norm) for part in parts)

    def arrange(self, *groups):
        """Lay sequences side by side: (..., time, channel * lane).

        Args:
            *groups: arrays of shape `(..., sequence, time, channel)`, the
                axes before `sequence` those of the first, or none.
        """
        *several, _, time, channels = groups[0].shape
        rows = np.zeros((*several, time, channels, self.lanes), np.float32)
        last = 0
        for group in groups:
            first, last = last, last + group.shape[-3]
            rows[..., first:last] = np.moveaxis(group, -3, -1)
        return rows.reshape(*several, time, -1)

    def once(self, value):
        """Have XLA compute a value once, not again wherever it is used."""
        # It repeats what is cheap; a division is not, and that it divides by
        # one is not known before it runs.
        return value / self._one.read_value()

    def after(self, value, step):
        """Return a step's number, made to wait for a value of two axes."""
        # Used twice, here and where it is wanted, the value keeps a loop of
        # its own over its two axes.
        return step + tf.cast(value[0, 0] * 0.0, tf.int32)

    def product(self, *pairs):
        """Return the sum of the products of matrices and rows."""
        parts = [
            column * row
            for matrix, rows in pairs
            for column, row in zip(
                tf.unstack(matrix[:, :, None], axis=1),
                tf.unstack(tf.reshape(rows, (-1, 1, self.lanes))),
            )
        ]
        return self.once(sum(parts[1:], parts[0]))

    def rooms(self):
        """Return empty rooms: the bias is there, and who has to wait."""
        n, length = self.units * self.lanes, self.steps + self.depth
        rows = np.zeros((length, self.columns, self.lanes), np.float32)
        for layer in range(self.depth - 1):
            rows[: 1 + layer, layer] = 1
        rows[:, self.bias] = 1
        return Rooms(
            tf.constant(rows.reshape(length, -1)),
            tf.zeros((self.steps + 1, 6 * n)),
            tf.zeros((self.steps, self.units, self.lanes)),
            tf.zeros((self.steps, 4 * n)),
        )

    def forward(self, matrix, inputs, rooms):
        """Return the rooms with what the way back needs of each step."""
        matrix, bias = self._square(matrix) * self.half, self.bias + 1
        n = self.units * self.lanes
        start = [0, (self.depth - 1) * self.lanes]
        rows = xla.dynamic_update_slice(rooms.rows, inputs, start)
        # Of two layers, the second waits only before the loop.
        first = 1 if self.depth == 2 else 0

        def step(t, z, c, memory, rows):
            # What is written into a room is read from there, so that XLA
            # neither computes it twice nor copies it.
            memory = _put(memory, tf.tanh(z), t)
            i, f, g, o = tf.split(_get(memory, t, 0, 4 * n), 4)
            c = _half(f) * c + _half(i) * g
            tanh_c = tf.tanh(c)
            memory = _put(memory, tanh_c, t, 4 * n)
            rows = _put(rows, _half(o) * tanh_c, t + 1, bias * self.lanes)
            seen = _get(rows, t + 1, first * self.lanes)
            z = self.product((matrix[:, first:], seen))
            memory = _put(memory, c, self.after(z, t + 1), 5 * n)
            return t + 1, tf.reshape(z, (-1,)), c, memory, rows

        z, c = self.product((matrix, rows[0])), tf.zeros(n)
        memory = _put(rooms.memory, c, self.after(z, 0), 5 * n)
        start = 0, tf.reshape(z, (-1,)), c, memory, rows
        *_, memory, rows = _loop(
            step, start, lambda t: t < self.steps, self.steps
        )
        return rooms._replace(rows=rows, memory=memory)

    def hidden(self, rooms, layer):
        """Return what a layer answered: (sequence, time, unit)."""
        first, own = layer + 1, self.seen(layer)[1]
        rows = tf.reshape(rooms.rows, (-1, self.columns, self.lanes))
        hidden = rows[first : first + self.time, own]
        return tf.transpose(hidden, (2, 0, 1))[: self.sequences]

    def backward(self, matrix, errors, rooms):
        """Return the matrix's gradient, from that of the last layer."""
        n, memory = self.units * self.lanes, rooms.memory
        place = [self.depth - 1, self.units - errors.shape[2], 0]
        errors = tf.transpose(errors, (1, 2, 0))
        errors = xla.dynamic_update_slice(rooms.errors, errors, place)

        def error_at(t):
            shape = [1, *errors.shape[1:]]
            return tf.reshape(xla.dynamic_slice(errors, [t, 0, 0], shape), [-1])

        # Gate by gate: the columns of one long matrix are read more slowly.
        back = tf.transpose(self._square(matrix)[:, self.bias + 1 :])
        back = tf.split(back, 4, 1)

        def step(t, error, dh, dc, changes):
            i, f, g, o, tanh_c, c_before = tf.split(_get(memory, t), 6)
            dh = dh + error
            dc = self.once(dc + dh * _half(o) * (1 - tanh_c * tanh_c))
            dz = [
                dc * 0.25 * g * (1 - i * i),
                dc * 0.25 * c_before * (1 - f * f),
                dc * _half(i) * (1 - g * g),
                dh * tanh_c * 0.25 * (1 - o * o),
            ]
            for gate, part in enumerate(dz):
                changes = _put(changes, part, t, gate * n)
            asked = tf.split(_get(changes, t), 4)
            dh = self.product(*zip(back, asked))
            error = error_at(self.after(dh, t - 1))
            dh, dc = tf.reshape(dh, (-1,)), dc * _half(f)
            return t - 1, error, dh, dc, changes

        t, none = self.steps - 1, tf.zeros(n)
        start = t, error_at(t), none, none, rooms.changes
        *_, changes = _loop(step, start, lambda t: t >= 0, self.steps)
        rooms = rooms._replace(errors=errors, changes=changes)
        return self._gradient(changes, rooms.rows), rooms

    def _gradient(self, dz, rows):
        """Sum the products of errors and rows over steps and lanes."""
        blocks = -(-self.steps // SUMMED_STEPS)
        size = self.steps // blocks
        # Lanes a register apart are summed at once, if they are not many.
        lanes = 8 if size * self.lanes <= 8 * TERMS else self.lanes

        def add(block, *sums):
            parts, following = (dz, rows), block + 1
            if blocks > 1:
                parts = [
                    self.once(_get(part, block * size, steps=size))
                    for part in parts
                ]
                for part in parts:
                    following = self.after(part, following)
            new = self._products(*parts, lanes)
            return following, *(a + b for a, b in zip(sums, new))

        zeros = [
            tf.zeros((4, own.stop - own.start, at.stop - at.start, lanes))
            for own, at in zip(self.own, self._read())
        ]
        _, *sums = _loop(add, (0, *zeros), lambda b: b < blocks, blocks)
        gradient = []
        for total, at in zip(sums, self._read()):
            space = [at.start, self.columns - at.stop]
            total = tf.reduce_sum(total, -1)
            gradient.append(tf.pad(total, [[0, 0], [0, 0], space]))
        gradient = self._square(tf.concat(gradient, 1))
        read = self.pack(map(np.ones_like, self.places()))
        return gradient * self._square(read)

    def _square(self, matrix):
        return tf.reshape(matrix, (-1, self.columns))

    def _read(self):
        """Return the columns that each layer reads, and some in between."""
        first = [self.depth - 1] + [self.bias] * (self.depth - 1)
        return [slice(f, self.seen(k)[1].stop) for k, f in enumerate(first)]

    def _products(self, dz, rows, lanes):
        """Return the sums over steps, for each layer and some lanes."""
        dz = tf.reshape(dz, (-1, 4, self.units, 1, self.lanes))
        rows = tf.reshape(rows, (-1, 1, 1, self.columns, self.lanes))

        def product(own, at, some):
            # Cut up all at once: TensorFlow's cost is the number of operations.
            errors = tf.unstack(dz[:, :, own, :, some])
            seen = tf.unstack(rows[: len(errors), :, :, at, some])
            return tf.add_n([e * s for e, s in zip(errors, seen)])

        together = [
            slice(first, first + lanes) for first in range(0, self.lanes, lanes)
        ]
        return [
            tf.add_n([product(own, at, some) for some in together])
            for own, at in zip(self.own, self._read())
        ]


def _half(tanh):
    return 0.5 * tanh + 0.5


def _loop(step, start, condition, most):
    return tf.while_loop(
        lambda t, *_: condition(t), step, start, maximum_iterations=most
    )


def _put(history, value, step, first=0):
    return xla.dynamic_update_slice(history, value[None], [step, first])


def _get(history, step, first=0, last=None, steps=None):
    size = [steps or 1, (last or history.shape[1]) - first]
    cut = xla.dynamic_slice(history, [step, first], size)
    return cut if steps else cut[0]
