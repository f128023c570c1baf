"""The batch kernel's form of a stack of layers: one buffer and its plan."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from memnets.training.kernels import batch
from memnets.training.kernels.lanes import Lanes
from memnets.training.kernels.optimizers import Optimizer

KINDS = {
    "lstm": batch.LSTM,
    "gru": batch.GRU,
    "simple_rnn": batch.SIMPLE,
    "elman": batch.ELMAN,
}
GATES = {"lstm": 4, "gru": 3, "simple_rnn": 1, "elman": 1}
READOUTS = {
    None: batch.LINEAR,
    "linear": batch.LINEAR,
    "sigmoid": batch.SIGMOID,
    "softmax": batch.SOFTMAX,
}
# The flat arrays with an entry for each weight, in the plan's order.
FLAT = ("weights", "transposed", "gradients", "real", "mean", "square")


@dataclasses.dataclass(frozen=True)
class Stack:
    """A stack of recurrent layers, with or without a Dense readout.

    Args:
        channels: Positive integer, the number of input channels.
        cells: Tuple of strings, `"lstm"`, `"gru"`, `"simple_rnn"` or `"elman"`,
            one for each layer.
        units: Tuple of positive integers, the size of each layer.
        readout: `"linear"`, `"sigmoid"` or `"softmax"`, the activation of a
            Dense readout, or `None` if the last layer answers.
        outputs: Positive integer, the number of output channels.
    """

    channels: int
    cells: tuple[str, ...]
    units: tuple[int, ...]
    readout: str | None
    outputs: int

    def layers(self) -> list[tuple[int, int, int, int]]:
        """Return kind, units, columns and net inputs per unit of each layer."""
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
        """Return the index in the flat weights of each of Keras's weights.

        A GRU's candidate has two net inputs, one from the inputs and one from
        the previous output. Each has a gate's place here, and weights of 0 for
        what it does not see. A simple layer has only a candidate.
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
                elif GATES[cell] == 1:
                    column += batch.G * units
                places.append((first + row * 4 * units + column).ravel())
                first += math.prod(rows) * 4 * units
        for shape in shapes:
            places.append(first + np.arange(math.prod(shape)))
            first += math.prod(shape)
        return places


def lanes_for(sequences: int) -> Lanes:
    """Return the lanes for a batch: one block up to 24, else blocks of 16.

    In measurements 16 lanes, a register of 512 bits or two of 256, use the
    processor best. For a batch of 20 sequences 24 lanes waste the least.
    """
    if sequences <= 8:
        return Lanes((8,))
    return Lanes((16, 8)) if 16 < sequences <= 24 else Lanes((16,))


class Network:
    """A stack's weights, and buffers for a batch and for a probe.

    The probe is appended to the batch if it fits in the lanes that the batch
    leaves free, where it costs nothing. Otherwise it has its own buffer.

    Args:
        stack: The `Stack`.
        lanes: The `Lanes`.
        batch_size: Integer, the number of sequences per batch.
        timesteps: Integer, their length.
        probe: Tuple, the shape of the probe's inputs.
        symbols: Boolean, whether inputs are symbols. Default: `False`.
        optimizer: The `Optimizer`. Default: `None`, no training.
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
        self._flat = {name: self._allocate(self._size) for name in FLAT}
        self._constants = self._allocate(4)
        sequences, length = probe[:2]
        free = -batch_size % self._count if batch_size else self._count
        self.appended = length == timesteps and sequences <= free
        extra = sequences if self.appended else 0
        plans = [
            self._plan(batch_size + extra, batch_size, timesteps),
            self._plan(sequences - extra, 0, length),
        ]
        # Aligned to a cache line, which is faster.
        room = np.zeros(self._floats + 16, np.float32)
        first = -room.ctypes.data % 64 // 4
        self._buffer = room[first : first + self._floats]
        for place in self._places:
            self._array("real")[place] = 1
        if optimizer is not None:
            self._buffer[self._constants :][:4] = optimizer.constants()
        self.net, self.probe = (self._net(*plan) for plan in plans)

    def put(self, name: str, arrays: list[np.ndarray]) -> None:
        """Write arrays in Keras's shapes to a flat array of `FLAT`."""
        for place, array in zip(self._places, arrays):
            self._array(name)[place] = np.ravel(array)

    def get(self, name: str) -> list[np.ndarray]:
        """Return a flat array of `FLAT` as arrays in Keras's shapes."""
        shapes = self.stack.shapes()
        return [
            self._array(name)[place].reshape(shape)
            for place, shape in zip(self._places, shapes)
        ]

    def set_probe(self, inputs: np.ndarray) -> None:
        """Write the probe's inputs."""
        net = self.net if self.appended else self.probe
        first = net.plan[batch.BATCH_SIZE]
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

    def answers(self) -> np.ndarray:
        """Return the last answers to a batch, `(batch, time, output)`."""
        plan, count = self.net.plan, self._count
        size, blocks = plan[batch.BATCH_SIZE], plan[batch.BLOCKS]
        shape = blocks, plan[batch.STEPS], plan[batch.OUTPUTS], count
        flat = self._buffer[plan[batch.ANSWERS] :][: math.prod(shape)]
        lanes_last = np.moveaxis(flat.reshape(shape), -1, 1)
        return lanes_last.reshape(blocks * count, *shape[1:3])[:size].copy()

    def begin_at_end(self, keep: np.ndarray) -> None:
        """Begin in the states at the end of the last pass.

        Args:
            keep: bool array, one for each of the first sequences; all others
                begin at 0. There must be one block.
        """
        kept = np.zeros(self._count, np.float32)
        kept[: len(keep)] = keep
        for outputs, states in self._states():
            outputs[0], states[0] = outputs[-1] * kept, states[-1] * kept

    def begin_at_zero(self) -> None:
        """Begin with outputs and cell states of 0, as usual."""
        for outputs, states in self._states():
            outputs[0] = states[0] = 0

    def _states(self):
        """Yield each layer's outputs and cell states, (step, unit, lane)."""
        plan, count = self.net.plan, self._count
        steps = plan[batch.STEPS] + 1
        for n in range(len(self.stack.units)):
            row = plan[batch.HEAD + 9 * n :]
            _, units, columns, own, skipped, _, seen, memory = row[:8]
            size, odd = columns - skipped, units | batch.ODD
            flat = self._buffer[seen:][: steps * size * count]
            first = own - skipped
            outputs = flat.reshape(steps, size, count)
            flat = self._buffer[memory:][: steps * batch.GATES * odd * count]
            inner = flat.reshape(steps, batch.GATES, odd, count)
            yield outputs[:, first : first + units], inner[:, batch.STATE]

    def _allocate(self, size: int) -> int:
        """Return the start of the next `size` numbers, at a cache line."""
        first = self._floats
        self._floats += -(-size // 16) * 16
        return first

    def _array(self, name):
        return self._buffer[self._flat[name] :][: self._size]

    def _plan(self, sequences, batch_size, steps):
        """Return the head of a plan, and its layers."""
        stack, count = self.stack, self._count
        blocks = -(-sequences // count)
        layers = []
        for n, (kind, units, columns, _) in enumerate(stack.layers()):
            below = stack.channels if n == 0 else stack.units[n - 1]
            skipped = below if self._symbols and n == 0 else 0
            gates = 0 if kind == batch.DENSE else batch.GATES
            memory = gates * (units | batch.ODD)
            sizes = columns - skipped, memory, columns * (batch_size > 0)
            rows = blocks * (steps + 1) * count
            starts = [self._allocate(rows * size) for size in sizes]
            layer = kind, units, columns, below, skipped, self._starts[n]
            layers.append([*layer, *starts])
        outputs = steps * stack.outputs
        fed = steps * 4 * stack.units[0] * self._symbols
        sizes = 1, fed, outputs, outputs, outputs * (batch_size > 0)
        starts = [self._allocate(blocks * count * size) for size in sizes]
        readout = READOUTS[stack.readout]
        head = [count, batch_size, blocks, steps, stack.outputs, readout]
        head += [*self._options, len(layers), self._size]
        head += [*self._flat.values(), *starts, self._constants]
        return head, layers

    def _net(self, head, layers):
        """Return the `Net` of a plan, with inputs of 1 for the biases."""
        count, batch_size, blocks, steps = head[:4]
        for kind, units, columns, below, skipped, _, start, *_ in layers:
            size = columns - skipped
            seen = self._buffer[start:][: blocks * (steps + 1) * size * count]
            biases = below + (0 if kind == batch.DENSE else units)
            seen.reshape(-1, size, count)[:, biases - skipped :] = 1
        self._buffer[head[batch.OF_BATCH] :][:batch_size] = 1
        ends = [place.max() + 1 for place in self._places]
        plan = np.array([*head, *np.ravel(layers), *ends], np.int64)
        symbols = np.full((blocks, steps, count), -1, np.int32)
        return batch.Net(self.lanes, plan, symbols, self._buffer)
