"""A stack of layers as the batch kernel has it: one buffer and its plan."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from memnets.kernels import batch
from memnets.kernels.lanes import Lanes
from memnets.kernels.optimizers import Optimizer

KINDS = {"lstm": batch.LSTM, "gru": batch.GRU}
GATES = {"lstm": 4, "gru": 3}
READOUTS = {
    None: batch.LINEAR,
    "linear": batch.LINEAR,
    "sigmoid": batch.SIGMOID,
    "softmax": batch.SOFTMAX,
}
# The flat arrays that have an entry for each weight, in the plan's order.
FLAT = ("weights", "turned", "slopes", "real", "mean", "square")


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
            gates = GATES[cell] * units
            bias = (2, gates) if cell == "gru" else (gates,)
            shapes += [(below, gates), (units, gates), bias]
            below = units
        if self.readout is not None:
            shapes += [(below, self.outputs), (self.outputs,)]
        return shapes

    def places(self) -> list[np.ndarray]:
        """Return where in the flat weights each of Keras's numbers is.

        A GRU's candidate has two sums, one over the inputs and one over the
        output before. Each is a gate of its own here, with weights of 0 for
        what it does not see.
        """
        places, first, shapes = [], 0, iter(self.shapes())
        for cell, units in zip(self.cells, self.units):
            for part in ("kernel", "recurrent", "bias"):
                *rows, columns = next(shapes)
                row, column = np.mgrid[: math.prod(rows), :columns]
                if cell == "gru":
                    first_row = {"recurrent": 0, "bias": 1}.get(part, math.inf)
                    of_output = (row >= first_row) & (column >= 2 * units)
                    column += units * of_output
                places.append((first + row * 4 * units + column).ravel())
                first += math.prod(rows) * 4 * units
        for shape in shapes:
            places.append(first + np.arange(math.prod(shape)))
            first += math.prod(shape)
        return places


def lanes_for(sequences: int) -> Lanes:
    """Return the lanes for a batch: in one block up to 24, then in 16s.

    As measured: of 16 lanes a register of 512 bits, or two of 256, keeps the
    processor as busy as it can be, and 24 waste least of a batch of 20.
    """
    if sequences <= 8:
        return Lanes((8,))
    return Lanes((16, 8)) if 16 < sequences <= 24 else Lanes((16,))


class Network:
    """A stack's weights, and room for a batch and for a probe.

    The probe rides in lanes that the batch leaves free, where it costs
    nothing, or else has room of its own.

    Args:
        stack: The `Stack`.
        lanes: The `Lanes`.
        batch_size: Integer, the sequences of a batch.
        timesteps: Integer, their length.
        probe: Tuple, the shape of the probe's inputs.
        symbols: Boolean, whether inputs are symbols. Default: `False`.
        optimizer: The `Optimizer`. Default: `None`, nothing is taught.
    """

    def __init__(
        self,
        stack: Stack,
        lanes: Lanes,
        batch_size: int,
        timesteps: int,
        probe: tuple[int, ...],
        symbols: bool = False,
        optimizer: Optimizer | None = None,
    ):
        self.stack, self.lanes, self._symbols = stack, lanes, symbols
        self._options = optimizer.options() if optimizer else [0] * 5
        self._places = stack.places()
        self._count = len(lanes)
        sizes = [c * g * u for _, u, c, g in stack.layers()]
        self._starts = np.cumsum([0, *sizes[:-1]])
        self._size = -(-sum(sizes) // self._count) * self._count
        self._floats = 0
        self._flat = {name: self._take(self._size) for name in FLAT}
        self._constants = self._take(4)
        sequences, length = probe[:2]
        free = -batch_size % self._count if batch_size else self._count
        self.riding = length == timesteps and sequences <= free
        behind = sequences if self.riding else 0
        plans = [
            self._plan(batch_size + behind, batch_size, timesteps),
            self._plan(sequences - behind, 0, length),
        ]
        # Whole cache lines are read faster.
        room = np.zeros(self._floats + 16, np.float32)
        first = -room.ctypes.data % 64 // 4
        self._buffer = room[first : first + self._floats]
        for place in self._places:
            self._array("real")[place] = 1
        if optimizer is not None:
            self._buffer[self._constants :][:4] = optimizer.constants()
        self.net, self.probe = (self._net(*plan) for plan in plans)

    def put(self, name: str, arrays: list[np.ndarray]) -> None:
        """Write arrays of Keras's shapes; the name is one of `FLAT`."""
        for place, array in zip(self._places, arrays):
            self._array(name)[place] = np.ravel(array)

    def get(self, name: str) -> list[np.ndarray]:
        """Return arrays of Keras's shapes."""
        shapes = self.stack.shapes()
        return [
            self._array(name)[place].reshape(shape)
            for place, shape in zip(self._places, shapes)
        ]

    def show(self, inputs: np.ndarray) -> None:
        """Write the probe's inputs."""
        net = self.net if self.riding else self.probe
        first = net.plan[batch.TAUGHT]
        lane = np.arange(first, first + len(inputs))
        block, lane = lane // self._count, lane % self._count
        if self._symbols:
            net.symbols[block, :, lane] = inputs
            return
        steps, (_, _, columns, *_) = inputs.shape[1], self.stack.layers()[0]
        size = -(-(first + len(inputs)) // self._count) * (steps + 1)
        start = net.plan[batch.HEAD + 6]
        seen = self._buffer[start:][: size * columns * self._count]
        seen = seen.reshape(-1, steps + 1, columns, self._count)
        seen[block, :steps, : self.stack.channels, lane] = inputs

    def _take(self, size: int) -> int:
        """Return where the next numbers begin, at a whole cache line."""
        first = self._floats
        self._floats += -(-size // 16) * 16
        return first

    def _array(self, name):
        return self._buffer[self._flat[name] :][: self._size]

    def _plan(self, sequences, taught, steps):
        """Return the head of a plan and its layers."""
        stack, count = self.stack, self._count
        blocks = -(-sequences // count)
        layers = []
        for n, (kind, units, columns, _) in enumerate(stack.layers()):
            below = stack.channels if n == 0 else stack.units[n - 1]
            skipped = below if self._symbols and n == 0 else 0
            gates = 0 if kind == batch.DENSE else batch.GATES
            memory = gates * (units | batch.ODD)
            sizes = columns - skipped, memory, columns * (taught > 0)
            rows = blocks * (steps + 1) * count
            starts = [self._take(rows * size) for size in sizes]
            layer = kind, units, columns, below, skipped, self._starts[n]
            layers.append([*layer, *starts])
        outputs = steps * stack.outputs
        fed = steps * 4 * stack.units[0] * self._symbols
        sizes = 1, fed, outputs, outputs, outputs * (taught > 0)
        starts = [self._take(blocks * count * size) for size in sizes]
        readout = READOUTS[stack.readout]
        head = [count, taught, blocks, steps, stack.outputs, readout]
        head += [*self._options, len(layers), self._size]
        head += [*self._flat.values(), *starts, self._constants]
        return head, layers

    def _net(self, head, layers):
        """Return the `Net` of a plan, with ones where biases are seen."""
        count, taught, blocks, steps = head[:4]
        for kind, units, columns, below, skipped, _, start, *_ in layers:
            size = columns - skipped
            seen = self._buffer[start:][: blocks * (steps + 1) * size * count]
            biases = below + (0 if kind == batch.DENSE else units)
            seen.reshape(-1, size, count)[:, biases - skipped :] = 1
        self._buffer[head[batch.OF_BATCH] :][:taught] = 1
        ends = [place.max() + 1 for place in self._places]
        plan = np.array([*head, *np.ravel(layers), *ends], np.int64)
        symbols = np.full((blocks, steps, count), -1, np.int32)
        return batch.Net(self.lanes, plan, symbols, self._buffer)
