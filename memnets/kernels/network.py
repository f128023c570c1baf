"""A stack of layers for the batch kernel: its weights, and its buffers."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from memnets.kernels import batch
from memnets.kernels.lanes import Lanes

KINDS = {"lstm": batch.LSTM, "gru": batch.GRU}
READOUTS = {
    "linear": batch.LINEAR,
    "sigmoid": batch.SIGMOID,
    "softmax": batch.SOFTMAX,
}


@dataclasses.dataclass(frozen=True)
class Stack:
    """Recurrent layers one on the other, and a Dense readout or none.

    Args:
        channels: Positive integer, the input channels.
        cells: Tuple of strings, `"lstm"` or `"gru"`, one for each layer.
        units: Tuple of positive integers, the size of each layer.
        readout: `"linear"`, `"sigmoid"` or `"softmax"`, the activation of a
            Dense readout, or `None` if the last layer answers.
        outputs: Positive integer, the output channels.
    """

    channels: int
    cells: tuple[str, ...]
    units: tuple[int, ...]
    readout: str | None
    outputs: int

    def layers(self) -> list[tuple[int, int, int, int]]:
        """Return kind, units, columns and gates of each layer."""
        below, layers = self.channels, []
        for cell, units in zip(self.cells, self.units):
            biases = 2 if cell == "gru" else 1
            layers.append((KINDS[cell], units, below + units + biases, 4))
            below = units
        if self.readout is not None:
            layers.append((batch.DENSE, self.outputs, below + 1, 1))
        return layers

    def shapes(self) -> list[tuple[int, ...]]:
        """Return the shapes of Keras's arrays."""
        below, shapes = self.channels, []
        for cell, units in zip(self.cells, self.units):
            gates = {"lstm": 4, "gru": 3}[cell] * units
            bias = (2, gates) if cell == "gru" else (gates,)
            shapes += [(below, gates), (units, gates), bias]
            below = units
        if self.readout is not None:
            shapes += [(below, self.outputs), (self.outputs,)]
        return shapes

    def places(self) -> list[np.ndarray]:
        """Return where in the flat weights each of Keras's numbers is.

        A GRU's candidate has two sums, one over the inputs and one over the
        output before, and each is a gate of its own here.
        """
        places, first, shapes = [], 0, iter(self.shapes())
        for cell, units in zip(self.cells, self.units):
            for part in range(3):
                shape = next(shapes)
                rows, columns = math.prod(shape[:-1]), shape[-1]
                row = np.arange(rows)[:, None] * 4 * units
                column = np.tile(np.arange(columns), (rows, 1))
                if cell == "gru":
                    last = column >= 2 * units
                    fed_back = np.arange(rows)[:, None] == 1
                    fed_back = part == 1 if part < 2 else fed_back
                    column = column + np.where(last & fed_back, units, 0)
                places.append(first + row + column)
                first += rows * 4 * units
        for shape in shapes:
            places.append(first + np.arange(math.prod(shape)))
            first += math.prod(shape)
        return places


def parts(sequences: int) -> Lanes:
    """Return the lanes for a batch."""
    return Lanes((8, 8, 8))


class Room:
    """Plans one buffer: who needs how many numbers."""

    def __init__(self):
        self.size = 0

    def take(self, size: int) -> int:
        """Return where the next numbers begin, at a whole cache line."""
        first = self.size
        self.size += -(-size // 16) * 16
        return first


WEIGHTS = "weights turned slopes real mean square".split()


class Network:
    """A stack's weights, and rooms for a batch and for a probe."""

    def __init__(self, stack: Stack, lanes: Lanes, batch_size, steps, probe=(0, 0), symbols=False):
        self.stack, self.lanes = stack, lanes
        self.places = [place.ravel() for place in stack.places()]
        count = self.count = sum(lanes)
        sizes = [c * g * u for _, u, c, g in stack.layers()]
        self.starts = np.cumsum([0, *sizes[:-1]])
        self.size = -(-sum(sizes) // count) * count
        room = Room()
        self.shared = {name: room.take(self.size) for name in WEIGHTS}
        sequences, length = probe
        free = -(-batch_size // count) * count - batch_size
        self.riding = length == steps and sequences <= free
        nets = [(batch_size + sequences * self.riding, batch_size, steps)]
        nets.append((0 if self.riding else sequences, 0, length))
        plans = [self._plan(room, *net, symbols) for net in nets]
        raw = np.zeros(room.size + 16, np.float32)
        first = -raw.ctypes.data % 64 // 4
        self.buffer = raw[first : first + room.size]
        for place in self.places:
            self.array("real")[place] = 1
        ends = np.array([place.max() + 1 for place in self.places])
        self.net, self.probe = (self._net(plan, ends) for plan in plans)

    def array(self, name):
        """Return one of the flat arrays of weights."""
        return self.buffer[self.shared[name] :][: self.size]

    def put(self, name, arrays):
        """Write Keras's arrays."""
        for place, array in zip(self.places, arrays):
            self.array(name)[place] = np.ravel(array)
        if name == "weights":
            batch.turn(self.net)

    def get(self, name):
        """Return Keras's arrays."""
        shapes = self.stack.shapes()
        return [
            self.array(name)[place].reshape(shape)
            for place, shape in zip(self.places, shapes)
        ]

    def _plan(self, room, sequences, taught, steps, symbols):
        stack, count = self.stack, self.count
        blocks = -(-sequences // count)
        layers = []
        for n, (kind, units, columns, _) in enumerate(stack.layers()):
            below = stack.channels if n == 0 else stack.units[n - 1]
            skipped = below if symbols and n == 0 else 0
            gates = 0 if kind == batch.DENSE else batch.GATES
            sizes = columns - skipped, gates * units, columns
            starts = [room.take(blocks * (steps + 1) * s * count) for s in sizes]
            layers.append([kind, units, columns, below, skipped, self.starts[n], *starts])
        fed = 4 * stack.units[0] if symbols else 0
        outs = stack.outputs
        sizes = 1, steps * fed, steps * outs, steps * outs, steps * outs
        starts = [room.take(blocks * s * count) for s in sizes]
        head = [count, taught, blocks, steps, outs, READOUTS.get(self.stack.readout, 0), len(layers), self.size, *self.shared.values(), *starts]
        return head, layers

    def _net(self, plan, ends):
        head, layers = plan
        count, taught, blocks, steps = head[:4]
        for kind, units, columns, below, skipped, _, start, _, _ in layers:
            size = columns - skipped
            here = self.buffer[start:][: blocks * (steps + 1) * size * count]
            last = below + (0 if kind == batch.DENSE else units)
            here.reshape(-1, size, count)[:, last - skipped :] = 1
        self.buffer[head[batch.OF_BATCH] :][:taught] = 1
        symbols = np.full((blocks, steps, count), -1, np.int32)
        plan = np.array([*head, *sum(layers, []), *ends], np.int64)
        return batch.Net(self.lanes, plan, symbols, self.buffer)
