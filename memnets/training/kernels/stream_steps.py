"""One step of an LSTM with forget gates that learns online, in lanes.

Written like the equations in `streams`, which calls `run`. All networks take
the same step at once, one in each lane; `live` is above 0 in the lanes whose
stream goes on. In all other lanes nothing changes.
"""

from __future__ import annotations

import collections

from memnets.training.kernels import lanes as vectors
from memnets.training.kernels.lanes import (
    HALF,
    ONE,
    ZERO,
    f4,
    fma,
    inline,
    larger,
    rows,
    sigmoid,
    tanh,
    vector,
    where,
)

TWO, QUARTER = f4(2), f4(0.25)
IDENTITY, TANH, LOGISTIC = 0, 1, 2  # the values of `g` and `h` in `Layout`
S, BEFORE, Y, H, DS = 0, 1, 2, 3, 4  # s(t), s(t-1), y, h(s), the error of s

# Hidden units see `width` rows: inputs, 1, cells, gates. Their weights are a
# matrix of these rows and `units` columns: input gates, output gates, forget
# gates, cells. Output units see `tall` rows: inputs, 1, cells. Peepholes have
# a row of cells for each kind of gate. The three matrices lie one behind the
# other, from 0, `output_start` and `peephole_start` on; `count` is their size.
Layout = collections.namedtuple(
    "Layout",
    "blocks size cells gates units outputs inputs columns width tall first "
    "biased feedback output_start peephole_start count "
    "symbols forget peepholes linear g h",
)
# weights and changes: see `Layout`. Without momentum, changes are the weights
# themselves. traces, ds/dw: [row, 3 * cell + kind], for the weights of input
# gate, forget gate and cell; peephole_traces: the same, with a row for each
# cell of the block. seen by hidden units, shown to output units: [0, row].
# nets: [0, unit or output]. gains, ds/dnet: [0, 3 * cell + kind]. gates: [0,
# forget gate's factor or error of the output gate, block]. cells: [S to DS,
# cell]. errors: [0, output]. starts: [step, 0], 2 where every lane starts a new
# stream, 1 where those do that wait. turns: see `Turns` in `streams`.
Buffers = collections.namedtuple(
    "Buffers",
    "weights changes traces peephole_traces seen shown nets gains gates cells "
    "errors inputs targets starts outputs turns",
)
KEEP, ERROR = 0, 1
# What each lane does with its piece: the rows of `turns`, as in `Turns`.
RATE, DECAY, TRAINING, WAITING, ERRORS, LENGTH = range(6)
RIGHT, TRAINED, TESTED, USED = range(6, 10)
NEVER = f4(1e9)  # later than any step
View = collections.namedtuple(
    "View",
    "w v p dw dv dp all_w all_dw traces peephole_traces seen shown nets gains "
    "gates cells errors inputs targets starts outputs turns",
)


@inline
def view(lanes, net, b, width):
    """Return the buffers as vectors."""
    v, p = net.output_start * width, net.peephole_start * width
    return View(
        rows(lanes, b.weights, 0, (net.units,)),
        rows(lanes, b.weights, v, (net.outputs,)),
        rows(lanes, b.weights, p, (net.cells,)),
        rows(lanes, b.changes, 0, (net.units,)),
        rows(lanes, b.changes, v, (net.outputs,)),
        rows(lanes, b.changes, p, (net.cells,)),
        rows(lanes, b.weights, 0, (1,)),
        rows(lanes, b.changes, 0, (1,)),
        rows(lanes, b.traces, 0, (3 * net.cells,)),
        rows(lanes, b.peephole_traces, 0, (3 * net.cells,)),
        rows(lanes, b.seen, 0, (net.width,)),
        rows(lanes, b.shown, 0, (net.tall,)),
        rows(lanes, b.nets, 0, (net.units,)),
        rows(lanes, b.gains, 0, (3 * net.cells,)),
        rows(lanes, b.gates, 0, (net.blocks,)),
        rows(lanes, b.cells, 0, (net.cells,)),
        rows(lanes, b.errors, 0, (net.outputs,)),
        rows(lanes, b.inputs, 0, (net.columns,)),
        rows(lanes, b.targets, 0, (net.outputs,)),
        rows(lanes, b.starts, 0, (1,)),
        rows(lanes, b.outputs, 0, (net.outputs,)),
        rows(lanes, b.turns, 0, (1,)),
    )


@inline
def add_nets(lanes, w, nets, seen, start, end, columns):
    """Compute net inputs from the rows from `start` to `end`."""
    # Three sums at once, which need not wait for each other. If their number
    # is no multiple of three, the last is computed again.
    for k in range(0, columns, 3):
        k1, k2 = min(k + 1, columns - 1), min(k + 2, columns - 1)
        a = b = c = vector(lanes, ZERO)
        for row in range(start, end):
            x = seen[0, row]
            a = fma(w[row, k], x, a)
            b = fma(w[row, k1], x, b)
            c = fma(w[row, k2], x, c)
        nets[0, k], nets[0, k1], nets[0, k2] = a, b, c


@inline
def see(lanes, net, of, t, live):
    """Show the inputs of a step to the hidden and the output units."""
    for j in range(net.inputs):
        if net.symbols:  # a one-hot input; no symbol is a row of zeros
            away = of.inputs[t, 0] - f4(j)
            x = where(HALF - away * away, vector(lanes, ONE), ZERO)
        else:
            x = of.inputs[t, j]
        of.seen[0, j] = of.shown[0, j] = where(live, x, ZERO)


@inline
def forget_all(net, of, start):
    """Set states and outputs to 0 where a stream starts."""
    for c in range(net.cells):
        of.cells[S, c] = where(start, ZERO, of.cells[S, c])
        of.cells[Y, c] = where(start, ZERO, of.cells[Y, c])
    for row in range(net.inputs + 1, net.width):
        of.seen[0, row] = where(start, ZERO, of.seen[0, row])


@inline
def squash(lanes, kind, z):
    """Return g of a net input, and its derivative."""
    if kind == IDENTITY:
        return z, vector(lanes, ONE)
    if kind == LOGISTIC:
        g = sigmoid(z)
        return g, g * (ONE - g)
    g = TWO * tanh(HALF * z)
    return g, fma(g * -QUARTER, g, ONE)


@inline
def update_cell(lanes, net, of, c, i, f, live):
    """Update a state, and its derivatives by the net inputs."""
    g, slope = squash(lanes, net.g, of.nets[0, net.gates + c])
    s = of.cells[S, c]
    of.gains[0, 3 * c] = where(live, g * (i * (ONE - i)), ZERO)
    of.gains[0, 3 * c + 1] = where(live, s * (f * (ONE - f)), ZERO)
    of.gains[0, 3 * c + 2] = where(live, i * slope, ZERO)
    of.cells[BEFORE, c] = s
    of.cells[S, c] = where(live, fma(i, g, f * s), s)


@inline
def update_blocks(lanes, net, of, live, start):
    """Compute gates, states and outputs of all blocks."""
    for j in range(net.blocks):
        first, last = j * net.size, (j + 1) * net.size
        to_i, to_o = of.nets[0, j], of.nets[0, net.blocks + j]
        to_f = of.nets[0, 2 * net.blocks + j] if net.forget else to_i
        for c in range(first, last if net.peepholes else first):
            to_i = fma(of.p[0, c], of.cells[S, c], to_i)
            to_f = fma(of.p[1, c], of.cells[S, c], to_f)
        i, f = sigmoid(to_i), vector(lanes, ONE)
        if net.forget:
            f = sigmoid(to_f)
        of.gates[KEEP, j] = where(start, ZERO, where(live, f, ONE))
        for c in range(first, last):
            update_cell(lanes, net, of, c, i, f, live)
        for c in range(first, last if net.peepholes else first):
            to_o = fma(of.p[2, c], of.cells[S, c], to_o)
        o = sigmoid(to_o)
        of.nets[0, j], of.nets[0, net.blocks + j] = i, o
        if net.forget:
            of.nets[0, 2 * net.blocks + j] = f
        for c in range(first, last):
            s = of.cells[S, c]
            h = s if net.h == IDENTITY else tanh(HALF * s)
            y = where(live, o * h, of.cells[Y, c])
            of.cells[H, c] = h
            of.cells[Y, c] = of.shown[0, net.inputs + 1 + c] = y


@inline
def answer_step(lanes, net, of, t, live, tolerance):
    """Compute outputs and errors; return 1 where all are right, else 0."""
    add_nets(lanes, of.v, of.errors, of.shown, net.first, net.tall, net.outputs)
    right = vector(lanes, ONE)
    for k in range(net.outputs):
        z = of.errors[0, k]
        y = z if net.linear else sigmoid(z)
        d = y - of.targets[t, k]
        # The comparison is false for NaN, so NaN is never right.
        right = where(tolerance - larger(d, d * -ONE), right, ZERO)
        of.outputs[t, k] = where(live, y, ZERO)
        of.errors[0, k] = d if net.linear else d * (y * (ONE - y))
    return right


@inline
def find_errors(lanes, net, of, learning, scale):
    """Compute the errors of states and output gates, times minus the rate."""
    for c in range(net.cells):
        of.cells[DS, c] = vector(lanes, ZERO)
    for k in range(net.outputs):
        d = where(learning, of.errors[0, k] * scale, ZERO)
        of.errors[0, k] = d
        for c in range(net.cells):
            w = of.v[net.inputs + 1 + c, k]
            of.cells[DS, c] = fma(d, w, of.cells[DS, c])
    for j in range(net.blocks):
        o, do = of.nets[0, net.blocks + j], vector(lanes, ZERO)
        for c in range(j * net.size, (j + 1) * net.size):
            dy, h = of.cells[DS, c], of.cells[H, c]
            do = fma(dy, h, do)
            ds = dy * o
            if net.h != IDENTITY:
                ds = ds * fma(h * -HALF, h, HALF)
            of.cells[DS, c] = where(learning, ds, ZERO)
        do = where(learning, do * (o * (ONE - o)), ZERO)
        of.gates[ERROR, j] = do


@inline
def update_hidden(net, of, j):
    """Update traces and weights of a block."""
    keep, do = of.gates[KEEP, j], of.gates[ERROR, j]
    out, forget = net.blocks + j, (2 * net.blocks + j) * net.forget
    for row in range(net.width):
        x = of.seen[0, row]
        of.dw[row, out] = fma(do, x, of.dw[row, out])
        a, b = of.dw[row, j], of.dw[row, forget]
        for c in range(j * net.size, (j + 1) * net.size):
            ds, k = of.cells[DS, c], 3 * c
            trace = fma(keep, of.traces[row, k], of.gains[0, k] * x)
            of.traces[row, k], a = trace, fma(ds, trace, a)
            if net.forget:
                trace = of.gains[0, k + 1] * x
                trace = fma(keep, of.traces[row, k + 1], trace)
                of.traces[row, k + 1], b = trace, fma(ds, trace, b)
            trace = of.gains[0, k + 2] * x
            trace = fma(keep, of.traces[row, k + 2], trace)
            of.traces[row, k + 2], unit = trace, net.gates + c
            of.dw[row, unit] = fma(ds, trace, of.dw[row, unit])
        of.dw[row, j] = a
        if net.forget:
            of.dw[row, forget] = b


@inline
def update_peepholes(net, of, j):
    """Update traces and weights of a block's peepholes."""
    keep, do, first = of.gates[KEEP, j], of.gates[ERROR, j], j * net.size
    for d in range(first, first + net.size):
        x = of.cells[BEFORE, d]
        of.dp[2, d] = fma(do, of.cells[S, d], of.dp[2, d])
        for kind in range(1 + net.forget):
            a = of.dp[kind, d]
            for c in range(first, first + net.size):
                k = 3 * c + kind
                trace = of.peephole_traces[d - first, k]
                trace = fma(keep, trace, of.gains[0, k] * x)
                of.peephole_traces[d - first, k] = trace
                a = fma(of.cells[DS, c], trace, a)
            of.dp[kind, d] = a


@inline
def update_weights(net, of):
    """Update all traces, and the weights or their changes."""
    for row in range(net.first, net.tall):
        for k in range(net.outputs):
            x, d = of.shown[0, row], of.errors[0, k]
            of.dv[row, k] = fma(d, x, of.dv[row, k])
    for j in range(net.blocks):
        update_hidden(net, of, j)
        if net.peepholes:
            update_peepholes(net, of, j)


@inline
def learn_step(lanes, net, of, live, momentum):
    """Update the weights after a step."""
    rate = of.turns[RATE, 0]
    learning = where(live, where(of.turns[TRAINING, 0], rate, ZERO), ZERO)
    if momentum > ZERO:
        for n in range(net.count):
            change = of.all_dw[n, 0]
            of.all_dw[n, 0] = where(learning, change * momentum, change)
    find_errors(lanes, net, of, learning, rate * -ONE)
    update_weights(net, of)
    for k in range(net.biased, net.units):  # these have no biases
        of.w[net.inputs, k] = of.dw[net.inputs, k] = vector(lanes, ZERO)
    if momentum > ZERO:
        for n in range(net.count):
            w = of.all_w[n, 0]
            of.all_w[n, 0] = where(learning, w + of.all_dw[n, 0], w)


@inline
def feed_back(net, of, live):
    """Show the outputs of cells and gates to the next step."""
    one = net.inputs + 1
    for c in range(net.cells if net.feedback else 0):
        of.seen[0, one + c] = of.cells[Y, c]
    one = one + net.cells
    for k in range(net.gates if net.feedback == 2 else 0):
        of.seen[0, one + k] = where(live, of.nets[0, k], of.seen[0, one + k])


@inline
def begin(lanes, of, t, alive):
    """Let lanes begin new streams; return which are live, and which begin."""
    one, waiting = vector(lanes, ONE), of.turns[WAITING, 0]
    may = of.starts[t, 0]
    begins = where(may - f4(1.5), one, where(may, waiting, ZERO))
    waiting = where(begins, ZERO, waiting)
    of.turns[WAITING, 0] = waiting
    live = where(waiting, ZERO, alive)
    return live, where(begins, live, ZERO)


@inline
def count(lanes, of, live, right, alive):
    """Count a step, and end the stream of lanes in error; return the others.

    A lane in error waits for its next stream, and tests if it has learned,
    unless that was the last error that it may make.
    """
    one, training = vector(lanes, ONE), of.turns[TRAINING, 0]
    of.turns[USED, 0] = of.turns[USED, 0] + alive
    learned = where(training, live, ZERO)
    of.turns[TRAINED, 0] = of.turns[TRAINED, 0] + learned
    of.turns[TESTED, 0] = of.turns[TESTED, 0] + (live - learned)
    of.turns[RIGHT, 0] = of.turns[RIGHT, 0] + where(right, live, ZERO)
    failed = where(right, ZERO, live)
    of.turns[ERRORS, 0] = of.turns[ERRORS, 0] - failed
    decay = where(training, of.turns[DECAY, 0], one)
    of.turns[RATE, 0] = of.turns[RATE, 0] * where(failed, decay, one)
    of.turns[TRAINING, 0] = where(failed, one - training, training)
    of.turns[WAITING, 0] = where(failed, one, of.turns[WAITING, 0])
    alive = where(of.turns[ERRORS, 0], alive, ZERO)
    again = where(failed, alive, ZERO)
    of.turns[RIGHT, 0] = where(again, ZERO, of.turns[RIGHT, 0])
    of.turns[LENGTH, 0] = where(again, NEVER, of.turns[LENGTH, 0])
    return alive


@vectors.cached
def run(lanes, net, learning, b, momentum, tolerance, clock):
    """Run every lane's network through its streams."""
    of = view(lanes, net, b, len(b.turns) // (USED + 1))
    alive = where(of.turns[ERRORS, 0], vector(lanes, ONE), ZERO)
    # See `online.run`: t is read from memory, as no loop counter.
    for t in clock:
        alive = where(of.turns[LENGTH, 0] - f4(t), alive, ZERO)
        if vectors.total(alive) == ZERO:
            break
        live, start = begin(lanes, of, t, alive)
        forget_all(net, of, start)
        see(lanes, net, of, t, live)
        add_nets(lanes, of.w, of.nets, of.seen, 0, net.width, net.units)
        update_blocks(lanes, net, of, live, start)
        right = answer_step(lanes, net, of, t, live, tolerance)
        if learning:
            learn_step(lanes, net, of, live, momentum)
        feed_back(net, of, live)
        alive = count(lanes, of, live, right, alive)
