"""The LSTM of 1997, trained as in 1997: online, by plain gradient descent.

S. Hochreiter and J. Schmidhuber, Long Short-Term Memory, Neural Computation
9 (8), 1735 (1997), sections 4 and A.1. The cells of a memory block share an
input and an output gate, and there is no forget gate:

    i, o = sigmoid(net_i), sigmoid(net_o)          one of each for a block
    s = s(t-1) + i * g(net_c)                      for each cell of the block
    y = o * h(s)

The gradient is truncated: errors are carried through time only by the states,
not by the weights from the units of one step to those of the next.

Each lane of a vector is a network with its own weights and sequences, so the
code for one network trains up to 24 at once. Lanes are independent: a network
learns the same weights, to the last bit, whatever the others do.
"""

from __future__ import annotations

import collections
import dataclasses
import math

import numpy as np
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from memnets.training.kernels import lanes as vectors
from memnets.training.kernels.lanes import (
    HALF,
    ONE,
    ZERO,
    aligned,
    f4,
    fma,
    inline,
    rows,
    sigmoid,
    tanh,
    vector,
    where,
)

TWO, QUARTER = f4(2), f4(0.25)
MOST_PARTS = 3  # of 8 lanes: up to 24 trials of a row fit side by side
CHUNK = 16  # steps whose gradients are summed together
# Weights are updated never, after each sequence, or at each step with a target.
ANSWER, AFTER, EACH = 0, 1, 2
S, DS, Y, DY = 0, 1, 2, 3  # a cell's state and output, each with its error


@dataclasses.dataclass(frozen=True)
class Network:
    """The sizes and options of a network, without its weights.

    Args:
        blocks: Positive integer, the number of memory blocks.
        cells_per_block: Positive integer, the number of cells that share the
            gates of a block.
        inputs: Positive integer, the number of inputs, or of symbols.
        outputs: Positive integer, the number of output units, which see the
            cells of the same step.
        symbols: Boolean, whether the input is one of `inputs` symbols, given
            as an integer instead of one-hot. Default: `False`.
        feedback: Which previous outputs cells and gates see: `"all"`, of cells
            and gates, `"cells"` or `None`. Default: `"all"`.
        biases: Which hidden units have biases: `"all"`, `"gates"` or `None`.
            Default: `"all"`.
        output_gate: Boolean, whether blocks have an output gate; without one,
            y = h(s). Default: `True`.
        logistic: Boolean, whether the range of g is [0, 1] instead of [-2, 2].
            Default: `False`.
        identity: Boolean, whether h(s) = s instead of h with the range
            [-1, 1]. Default: `False`.
        shortcut: Boolean, whether output units also see the inputs.
            Default: `False`.
        output_biases: Boolean, whether output units have biases. Default:
            `False`.
        linear: Boolean, whether output units are linear, not logistic.
            Default: `False`.
    """

    blocks: int
    cells_per_block: int
    inputs: int
    outputs: int
    symbols: bool = False
    feedback: str | None = "all"
    biases: str | None = "all"
    output_gate: bool = True
    logistic: bool = False
    identity: bool = False
    shortcut: bool = False
    output_biases: bool = False
    linear: bool = False

    @property
    def layout(self) -> Layout:
        """The sizes and options as integers."""
        cells = self.blocks * self.cells_per_block
        gates = self.blocks * (1 + self.output_gate)
        units, columns = gates + cells, 1 if self.symbols else self.inputs
        return Layout(
            *(self.blocks, self.cells_per_block, cells, gates, units),
            *(self.outputs, units + self.outputs, columns, self.inputs),
            *(columns + units + 1, self.inputs + units + 1),
            gates if self.biases == "gates" else units,
            {"all": 2, "cells": 1, None: 0}[self.feedback],
            int(self.symbols) if self.shortcut else columns + gates,
            *(int(getattr(self, name)) for name in Layout._fields[14:]),
        )

    @property
    def places(self) -> list[np.ndarray]:
        """The indices of the weights in the kernel's matrix, part by part.

        The parts are the weights of inputs, feedback and biases of the hidden
        units, then those of cells, inputs and biases of the output units.
        Hidden units are input gates, output gates, cells. The order is that of
        `LSTM1997` and `Dense` in Keras.
        """
        net = self.layout
        one = net.inputs + net.gates
        grid = np.arange(net.tall * net.columns).reshape(net.tall, -1)
        gates = np.arange(net.inputs, one)
        fed_back = np.concatenate([np.arange(one + 1, net.tall), gates])
        hidden, output = grid[:, : net.units], grid[:, net.units :]
        biased = net.biased * (self.biases is not None)
        return [
            hidden[: net.inputs],
            hidden[fed_back[: [0, net.cells, net.units][net.feedback]]],
            hidden[one : one + 1, :biased],
            output[-net.cells :],
            output[: net.inputs * self.shortcut],
            output[one : one + self.output_biases],
        ]

    @property
    def count(self) -> int:
        """The number of weights."""
        return sum(part.size for part in self.places)

    def split(self, weights) -> list[np.ndarray]:
        """Return views of flat weights, in the shapes of `places`."""
        shapes = [part.shape for part in self.places]
        ends = np.cumsum([math.prod(shape) for shape in shapes])
        parts = np.split(weights, ends[:-1], axis=-1)
        lead = weights.shape[:-1]
        return [part.reshape(lead + s) for part, s in zip(parts, shapes)]


# All weights are one matrix `w`. Its columns are the units: input gates,
# output gates, cells, outputs. Its rows are what the units see: inputs, gates,
# 1, cells. What a network's units do not see is 0, so these weights stay 0. A
# step has `width` columns, with `numbers` inputs; w has `tall` rows, with one
# row for each symbol instead. Outputs see the columns from `shown` on.
Layout = collections.namedtuple(
    "Layout",
    "blocks size cells gates units outputs columns numbers inputs width tall "
    "biased feedback shown symbols output_gate logistic identity linear",
)
# w and its gradients dw: [row, column]. traces, ds/dw: [row, gate or cell of a
# cell]. seen by hidden units, shown to outputs: [step, row]. units, the gates
# and g: [step, unit]. h: [step, cell]. cells: [S to DY, cell]. nets: [0,
# column]. dz, their errors: [step of a chunk, column]. gains, ds/dnet: [0,
# gate or cell of a cell].
Buffers = collections.namedtuple(
    "Buffers",
    "w dw traces seen shown units h cells nets dz gains "
    "inputs targets outputs ages",
)


def _at_symbols(context, builder, sig, args):
    """Yield each lane's part, its place in it, and a pointer to its row."""
    view = cgutils.create_struct_proxy(sig.args[0])(context, builder, args[0])
    size, lane = builder.extract_value(view.sizes, 0), 0
    for n, part in enumerate(vectors.split(builder, args[1], sig.args[1])):
        for k in range(part.type.count):
            symbol = builder.extract_element(part, vectors.INT(k))
            symbol = builder.fptosi(symbol, vectors.LONG)
            at = builder.add(builder.mul(symbol, size), args[2])
            at = builder.mul(at, vectors.LONG(sum(sig.args[1].parts)))
            at = builder.add(at, vectors.LONG(lane))
            yield n, vectors.INT(k), builder.gep(view.data, [at])
            lane += 1


@intrinsic
def pick(typingctx, view, symbols, column):
    """Return the number in a column of the row of each lane's symbol."""

    def code(context, builder, sig, args):
        parts = vectors.split(builder, args[1], symbols)
        for n, k, place in _at_symbols(context, builder, sig, args):
            number = builder.load(place)
            parts[n] = builder.insert_element(parts[n], number, k)
        return vectors.join(builder, parts)

    return symbols(view, symbols, types.intp), code


@intrinsic
def put(typingctx, view, symbols, column, value):
    """Write a number to a column of the row of each lane's symbol."""

    def code(context, builder, sig, args):
        parts = vectors.split(builder, args[3], symbols)
        for n, k, place in _at_symbols(context, builder, sig, args):
            builder.store(builder.extract_element(parts[n], k), place)
        return context.get_dummy_value()

    return types.void(view, symbols, types.intp, value), code


@inline
def add_nets(lanes, net, of, seen, t, first, last, start):
    """Compute the net inputs of some columns."""
    # Three sums at once, which need not wait for each other. If their number
    # is no multiple of three, the last is computed again.
    for k in range(first, last, 3):
        k1, k2 = min(k + 1, last - 1), min(k + 2, last - 1)
        a = b = c = vector(lanes, ZERO)
        if net.symbols and start == 1:
            x = seen[t, 0]
            a, b, c = pick(of.w, x, k), pick(of.w, x, k1), pick(of.w, x, k2)
        for j in range(start, net.width):
            x, row = seen[t, j], net.tall - net.width + j
            a = fma(of.w[row, k], x, a)
            b = fma(of.w[row, k1], x, b)
            c = fma(of.w[row, k2], x, c)
        of.nets[0, k], of.nets[0, k1], of.nets[0, k2] = a, b, c


@inline
def add_product(net, into, errors, i, seen, t, first, last, start):
    """Add the products of a step's inputs and the errors of some columns."""
    for k in range(first, last):
        error = errors[i, k]
        for j in range(start, net.width):
            row = net.tall - net.width + j
            into[row, k] = fma(error, seen[t, j], into[row, k])
        if net.symbols and start == 1:
            x = seen[t, 0]
            put(into, x, k, pick(into, x, k) + error)


@inline
def add_gradients(net, of, begin, end):
    """Add the gradients of the hidden units over a chunk of steps.

    Each sum stays in a register, three at once.
    """
    last = net.units - 1
    for k in range(0, net.units, 3):
        k1, k2 = min(k + 1, last), min(k + 2, last)
        for j in range(net.symbols, net.width):
            row = net.tall - net.width + j
            a, b, c = of.dw[row, k], of.dw[row, k1], of.dw[row, k2]
            for t in range(begin, end):
                x = of.seen[t, j]
                a = fma(of.dz[t - begin, k], x, a)
                b = fma(of.dz[t - begin, k1], x, b)
                c = fma(of.dz[t - begin, k2], x, c)
            of.dw[row, k], of.dw[row, k1], of.dw[row, k2] = a, b, c
    if net.symbols:
        for t in range(begin, end):
            for k in range(net.units):
                x, dz = of.seen[t, 0], of.dz[t - begin, k]
                put(of.dw, x, k, pick(of.dw, x, k) + dz)


@inline
def step(lanes, net, of, t, live):
    """Take a time step; values stay 0 where a sequence has not begun."""
    for j in range(net.numbers):
        of.seen[t, j] = where(live, of.inputs[t, j], ZERO)
    add_nets(lanes, net, of, of.seen, t, 0, net.units, net.symbols)
    for k in range(net.units):
        z = tanh(HALF * of.nets[0, k])
        y = fma(HALF, z, HALF)
        if k >= net.gates and not net.logistic:
            y = TWO * z
        of.units[t, k] = y
        if k < net.gates and net.feedback == 2:
            of.seen[t + 1, net.numbers + k] = where(live, y, ZERO)
    for j in range(net.blocks):
        i, o = of.units[t, j], vector(lanes, ONE)
        if net.output_gate:
            o = of.units[t, net.blocks + j]
        for c in range(j * net.size, (j + 1) * net.size):
            s = fma(i, of.units[t, net.gates + c], of.cells[S, c])
            s = where(live, s, ZERO)
            h = s if net.identity else tanh(HALF * s)
            of.cells[S, c], of.h[t, c], of.cells[Y, c] = s, h, o * h
            if net.feedback:
                of.seen[t + 1, net.width - net.cells + c] = o * h


@inline
def answer_step(lanes, net, of, t, at, live):
    """Compute the outputs of a step."""
    for j in range(net.numbers):
        of.shown[at, j] = of.seen[t, j]
    for c in range(net.cells):
        of.shown[at, net.width - net.cells + c] = of.cells[Y, c]
    first, last = net.units, net.columns
    add_nets(lanes, net, of, of.shown, at, first, last, net.shown)
    for k in range(net.outputs):
        z = of.nets[0, net.units + k]
        y = z if net.linear else sigmoid(z)
        of.outputs[at, k] = where(live, y, ZERO)


@inline
def find_errors(lanes, net, of, into, t, at, i, live, scale):
    """Compute the errors of output gates and states at a step with a target.

    The gradients of the output units' weights are added to `into`.
    """
    for c in range(net.cells):
        of.cells[DY, c] = vector(lanes, ZERO)
    for k in range(net.outputs):
        y = of.outputs[at, k]
        d = where(live, y - of.targets[at, k], ZERO)
        if not net.linear:
            d = d * (y * (ONE - y))
        of.dz[i, net.units + k] = d * scale
        for c in range(net.cells):
            w = of.w[net.tall - net.cells + c, net.units + k]
            of.cells[DY, c] = fma(d, w, of.cells[DY, c])
    first, last = net.units, net.columns
    add_product(net, into, of.dz, i, of.shown, at, first, last, net.shown)
    for j in range(net.blocks):
        o, do = vector(lanes, ONE), vector(lanes, ZERO)
        if net.output_gate:
            o = of.units[t, net.blocks + j]
        for c in range(j * net.size, (j + 1) * net.size):
            h, dy = of.h[t, c], of.cells[DY, c] * scale
            dh = dy * o
            if not net.identity:
                dh = dh * fma(h * -HALF, h, HALF)
            ds = of.cells[DS, c] + dh
            of.cells[DS, c] = where(live, ds, ZERO)
            do = fma(dy, h, do)
        if net.output_gate:
            of.dz[i, net.blocks + j] = where(live, do * (o * (ONE - o)), ZERO)


@inline
def find_gains(net, of, t, j, c, live):
    """Return ds/dnet of a step, for the input gate and for the cell."""
    i, g = of.units[t, j], of.units[t, net.gates + c]
    slope = g * (ONE - g) if net.logistic else fma(g * -QUARTER, g, ONE)
    to_gate = where(live, g * (i * (ONE - i)), ZERO)
    return to_gate, where(live, i * slope, ZERO)


@inline
def backpropagate(lanes, net, of, steps, scored, age):
    """Add a sequence's gradients, from its last step to its first.

    The error of a state is carried back with a factor of 1 per step. As
    weights do not change meanwhile, the sum is that of the traces, for less
    work.
    """
    # Chunks are counted from the end. So the padding at the start only adds
    # zeros, and the order of the sum depends on no other network's sequences.
    for end in range(steps, 0, -CHUNK):
        begin = max(0, end - CHUNK)
        for t in range(end - 1, begin - 1, -1):
            live, at = age + f4(t + 1 - steps), t - steps + scored
            for k in range(net.blocks, net.gates):
                of.dz[t - begin, k] = vector(lanes, ZERO)
            if at >= 0:
                find_errors(lanes, net, of, of.dw, t, at, t - begin, live, ONE)
            for j in range(net.blocks):
                di = vector(lanes, ZERO)
                for c in range(j * net.size, (j + 1) * net.size):
                    to_gate, to_cell = find_gains(net, of, t, j, c, live)
                    di = fma(of.cells[DS, c], to_gate, di)
                    dc = of.cells[DS, c] * to_cell
                    of.dz[t - begin, net.gates + c] = dc
                of.dz[t - begin, j] = di
        add_gradients(net, of, begin, end)


@inline
def update_traces(net, of, t, live):
    """Update the derivatives of the states by the weights, ds/dw."""
    for j in range(net.blocks):
        for c in range(j * net.size, (j + 1) * net.size):
            to_gate, to_cell = find_gains(net, of, t, j, c, live)
            of.gains[0, c], of.gains[0, net.cells + c] = to_gate, to_cell
    last, start = 2 * net.cells, net.symbols
    add_product(net, of.traces, of.gains, 0, of.seen, t, 0, last, start)


@inline
def update_weights(lanes, net, of, t, at, live, scale):
    """Update the weights at a step with a target, by the traces."""
    for c in range(net.cells):
        of.cells[DS, c] = vector(lanes, ZERO)
    find_errors(lanes, net, of, of.w, t, at, 0, live, scale)
    for j in range(net.blocks):
        for c in range(j * net.size, (j + 1) * net.size):
            ds, k = of.cells[DS, c], net.gates + c
            for row in range(net.tall):
                trace = of.traces[row, net.cells + c]
                of.w[row, k] = fma(ds, trace, of.w[row, k])
                of.w[row, j] = fma(ds, of.traces[row, c], of.w[row, j])
    first, last, start = net.blocks, net.gates, net.symbols
    add_product(net, of.w, of.dz, 0, of.seen, t, first, last, start)


@inline
def views(lanes, net, b, start, n, scored, count):
    """Return the buffers as vectors, for one sequence."""
    last = n * scored * net.outputs * count
    return Buffers(
        rows(lanes, b.w, 0, (net.columns,)),
        rows(lanes, b.dw, 0, (net.columns,)),
        rows(lanes, b.traces, 0, (2 * net.cells,)),
        rows(lanes, b.seen, 0, (net.width,)),
        rows(lanes, b.shown, 0, (net.width,)),
        rows(lanes, b.units, 0, (net.units,)),
        rows(lanes, b.h, 0, (net.cells,)),
        rows(lanes, b.cells, 0, (net.cells,)),
        rows(lanes, b.nets, 0, (net.columns,)),
        rows(lanes, b.dz, 0, (net.columns,)),
        rows(lanes, b.gains, 0, (2 * net.cells,)),
        rows(lanes, b.inputs, start * net.numbers * count, (net.numbers,)),
        rows(lanes, b.targets, last, (net.outputs,)),
        rows(lanes, b.outputs, last, (net.outputs,)),
        rows(lanes, b.ages, n * count, (1,)),
    )


@vectors.cached
def run(lanes, net, mode, b, starts, steps, scored, rates, clock):
    """Run every lane's network through its sequences."""
    scale = rows(lanes, rates, 0, (1,))[0, 0] * -ONE
    for n in range(len(steps)):
        of = views(lanes, net, b, starts[n], n, scored, len(rates))
        age = of.ages[0, 0]
        for c in range(net.cells):
            of.cells[S, c] = of.cells[DS, c] = vector(lanes, ZERO)
        for row in range(net.tall if mode == EACH else 0):
            for k in range(2 * net.cells):
                of.traces[row, k] = vector(lanes, ZERO)
        # If t is a loop counter, LLVM derives some sixty pointers from it and
        # updates them at every step. It cannot if t is read from memory.
        for t in clock[: steps[n]]:
            for k in range(net.biased, net.units):  # these have no biases
                of.w[net.inputs + net.gates, k] = vector(lanes, ZERO)
            # Above 0 in lanes whose sequence has begun; all end together.
            live, at = age + f4(t + 1 - steps[n]), t - steps[n] + scored
            step(lanes, net, of, t, live)
            if at >= 0:
                answer_step(lanes, net, of, t, at, live)
            if mode == EACH:
                update_traces(net, of, t, live)
                if at >= 0:
                    update_weights(lanes, net, of, t, at, live, scale)
        if mode == AFTER:
            backpropagate(lanes, net, of, steps[n], scored, age)
            for row in range(net.tall):
                for k in range(net.columns):
                    w = fma(scale, of.dw[row, k], of.w[row, k])
                    of.w[row, k], of.dw[row, k] = w, vector(lanes, ZERO)


def draw(network, width, rng, input_gates=None, output_gates=None):
    """Draw the weights of a network.

    Args:
        network: `Network`.
        width: Float; weights are drawn from [-width, width).
        rng: `numpy.random.Generator`.
        input_gates: List of floats, the biases of the input gates. Default:
            `None`, drawn like the weights.
        output_gates: The same for output gates.

    Returns:
        float32 array of shape `(network.count,)`.
    """
    weights = ((2 * rng.random(network.count) - 1) * width).astype(f4)
    biases, blocks = network.split(weights)[2][0], network.blocks
    if input_gates is not None:
        biases[:blocks] = input_gates
    if output_gates is not None:
        biases[blocks : 2 * blocks] = output_gates
    return weights


def answer(network, weights, inputs, lengths=None, scored=1, parts=None):
    """Return the answers of networks to sequences.

    Args:
        network: `Network`.
        weights: float32 array of shape `(networks, network.count)`.
        inputs: float array of shape `(networks, sequences, steps, inputs)` or,
            if they are symbols, int array of shape `(networks, sequences,
            steps)`. All sequences end at the last step.
        lengths: int array of shape `(networks, sequences)`, the number of
            steps of each sequence; earlier steps are ignored. Default: `None`,
            all steps.
        scored: Positive integer, the number of last steps with answers.
            Default: 1.
        parts: Tuple of integers, the parts of `Lanes`. Default: `None`, the
            least of 8, 16 and 24 lanes that hold all networks; 24 at most.

    Returns:
        float32 array of shape `(networks, sequences, scored, outputs)`, 0
        where a sequence has not begun.
    """
    targets = np.zeros((*np.shape(inputs)[:2], scored, network.outputs), f4)
    weights = np.array(weights)
    return _run(network, ANSWER, weights, inputs, targets, 0, lengths, parts)


def learn(
    network,
    weights,
    inputs,
    targets,
    rate,
    lengths=None,
    each_step=False,
    parts=None,
):
    """Train networks on sequences, one sequence after another.

    Rates of 0 and sequences of length 0 leave a network's weights unchanged.

    Args:
        network: `Network`.
        weights: float32 array of shape `(networks, network.count)`, updated in
            place.
        inputs: As in `answer`.
        targets: float array of shape `(networks, sequences, scored, outputs)`,
            for the last `scored` steps.
        rate: Float, or one for each network.
        lengths: As in `answer`.
        each_step: Boolean, whether to update the weights at every step with a
            target instead of after every sequence. Default: `False`.
        parts: As in `answer`.

    Returns:
        The answers as in `answer`, from before the update after a sequence, or
        at a step.
    """
    mode = EACH if each_step else AFTER
    return _run(network, mode, weights, inputs, targets, rate, lengths, parts)


def _run(network, mode, weights, inputs, targets, rate, lengths, parts):
    """Run networks through sequences, one network per lane at once."""
    inputs, targets = np.asarray(inputs), np.asarray(targets, f4)
    count, sequences, length = inputs.shape[:3]
    if network.symbols:
        inputs = inputs[..., None]
    if lengths is None:
        lengths = np.full((count, sequences), length)
    check(network, weights, inputs, targets, lengths)
    rates = np.broadcast_to(np.asarray(rate, f4), count)
    parts = parts or (8,) * min(-(-count // 8), MOST_PARTS)
    outputs = []
    for first in range(0, count, sum(parts)):
        group = slice(first, first + sum(parts))
        given = [x[group] for x in (inputs, targets, lengths, rates, weights)]
        outputs.append(_run_lanes(network, mode, vectors.Lanes(parts), *given))
    return np.moveaxis(np.concatenate(outputs, axis=-1), -1, 0)


def check(network, weights, inputs, targets, lengths):
    """Refuse shapes and values that would overrun the kernel's buffers."""
    (count, sequences, length), scored = inputs.shape[:3], targets.shape[2:3]
    columns = 1 if network.symbols else network.inputs
    for name, array, shape in (
        ("weights", weights, (count, network.count)),
        ("inputs", inputs, (count, sequences, length, columns)),
        ("targets", targets, (count, sequences, *scored, network.outputs)),
        ("lengths", lengths, (count, sequences)),
    ):
        if array.shape != shape:
            raise ValueError(f"{name} must be {shape}, got {array.shape}")
    limits = [("lengths", lengths, length)]
    limits += [("inputs", inputs, network.inputs - 1)] * network.symbols
    for name, array, most in limits:
        for value in (array.min(initial=0), array.max(initial=0)):
            if not 0 <= value <= most:
                raise ValueError(f"{name} must be 0 to {most}, got {value}")


def _run_lanes(network, mode, lanes, inputs, targets, lengths, rates, weights):
    """Copy networks to the lanes, run them, and copy the results back."""
    net, (count, sequences, length) = network.layout, inputs.shape[:3]
    scored, width = targets.shape[2], len(lanes)

    def in_lanes(array):
        copy = aligned(*array.shape[1:], width)
        copy[..., : len(array)] = np.moveaxis(array, 0, -1)
        return copy

    def make(*shape):
        return aligned(*shape, width)

    places = np.concatenate([part.ravel() for part in network.places])
    w = make(net.tall * net.columns)
    w[places, :count] = weights.T
    seen, shown = make(length + 1, net.width), make(scored, net.width)
    one = net.numbers + net.gates
    seen[:, one] = network.biases is not None
    shown[:, one] = network.output_biases
    buffers = Buffers(
        w,
        w if mode == EACH else np.zeros_like(w),
        make(net.tall, 2 * net.cells),
        *(seen, shown, make(length, net.units), make(length, net.cells)),
        *(make(4, net.cells), make(net.columns), make(CHUNK, net.columns)),
        *(make(2 * net.cells), in_lanes(inputs), in_lanes(targets)),
        *(make(sequences, scored, net.outputs), in_lanes(lengths)),
    )
    steps = lengths.max(0)
    starts = np.arange(1, sequences + 1) * length - steps
    flat = Buffers(*(buffer.reshape(-1) for buffer in buffers))
    rates, clock = in_lanes(rates), np.arange(length)
    run(lanes, net, mode, flat, starts, steps, scored, rates, clock)
    weights[:] = w[places, :count].T
    return buffers.outputs[..., :count]
