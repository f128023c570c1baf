"""Stacks of LSTM or GRU layers, trained a batch at a time.

A block of lanes is a vector of sequences. What a layer sees at a step is a row
of columns: its inputs, its own output of the step before, and 1 for the bias,
as the rows of Keras's kernel, recurrent kernel and bias. A weight has the
index (column, gate, unit), so that a layer's weights are Keras's arrays one
after the other. All numbers lie in one buffer.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from memnets.kernels.cells import (
    gru_backward,
    gru_forward,
    lstm_backward,
    lstm_forward,
)
from memnets.kernels.lanes import (
    FAST,
    ONE,
    ZERO,
    Lanes,
    cached,
    exp,
    f4,
    fma,
    larger,
    numbers,
    rows,
    sigmoid,
    sqrt,
    total,
    vector,
    where,
)

LSTM, GRU, DENSE = range(3)  # what a layer is
LINEAR, SIGMOID, SOFTMAX = range(3)  # what a readout makes of its sums
SQUARED, BINARY, CATEGORICAL = range(3)  # losses
SGD, ADAM = range(2)
NO_CLIP, EACH_NORM, GLOBAL_NORM, EACH_VALUE = range(4)
# A unit's memory of a step: four gates (on the way back, their errors), what
# else the way back needs, the cell state before, the error for the step before.
GATES, I, F, G, O, TANH_C, STATE, LATER = 7, *range(7)
# The units of a memory lie an odd number of vectors apart: steps that are a
# power of two apart would fall into the same few lines of the cache.
ODD = 1
# Steps whose slopes are summed in one go: their memory stays in the cache.
CHUNK = 20
# As a plain 0 a first block would be a type of its own, compiled again.
FIRST = np.int64(0)


class Layer(NamedTuple):
    """A layer's sizes, and where in the buffer it begins for some block."""

    kind: int
    units: int
    columns: int  # rows of its weights
    own: int  # the first column of its own output
    skipped: int  # columns that are symbols: looked up, not seen
    weights: int  # (column, gate, unit)
    turned: int  # the same as (unit, column, gate)
    slopes: int
    seen: int  # (step, column, lane)
    memory: int  # (step, gate and so on, unit, lane)
    errors: int  # (step, column, lane)
    above: int  # where its output goes
    above_size: int
    asked: int  # the errors of its output
    asked_size: int


# The plan of a network: sizes; where in the buffer things begin that are not a
# layer's; the first nine of each `Layer`, for block 0; where each of Keras's
# arrays ends.
(
    COUNT,  # of lanes
    TAUGHT,  # sequences of the batch
    BLOCKS,
    STEPS,
    OUTPUTS,
    READOUT,
    LOSS,
    BY_WEIGHT,  # whether the loss is a mean over the weights' sum
    OPTIMIZER,
    NESTEROV,
    CLIP,
    LAYERS,
    SIZE,  # of the weights, with padding
    WEIGHTS,
    TURNED,
    SLOPES,
    REAL,  # 1 for a weight, 0 for padding
    MEAN,  # Adam's, or the momentum
    SQUARE,
    OF_BATCH,  # (block, lane): 1 for a sequence of the batch
    LOOKED_UP,  # (block, step, gate, unit, lane)
    SUMS,  # of the readout: (block, step, output, lane)
    ANSWERS,
    ASKED,  # the derivative of the loss by the answers, or sums
    CONSTANTS,  # 1 - beta_1 or the momentum, 1 - beta_2, epsilon, limit
    HEAD,
) = range(26)


class Net(NamedTuple):
    """A network's weights, and room for its sequences."""

    lanes: Lanes
    plan: np.ndarray
    symbols: np.ndarray  # (block, step, lane), below 0 for none
    buffer: np.ndarray


@njit(**FAST)
def layer_of(net, n, b):
    """Return a layer as it stands for a block of sequences."""
    plan = net.plan
    row = plan[HEAD + 9 * n :]
    kind, units, columns, own, skipped = row[0], row[1], row[2], row[3], row[4]
    past = b * (plan[STEPS] + 1) * plan[COUNT]
    answers = b * plan[STEPS] * plan[OUTPUTS] * plan[COUNT]
    above, asked = plan[ANSWERS] + answers, plan[ASKED] + answers
    above_size = asked_size = plan[OUTPUTS]
    if n + 1 < plan[LAYERS]:
        upper = row[9:]
        above_size, asked_size = upper[2] - upper[4], upper[2]
        above, asked = upper[6] + past * above_size, upper[8] + past * upper[2]
    return Layer(
        kind,
        units,
        columns,
        own,
        skipped,
        plan[WEIGHTS] + row[5],
        plan[TURNED] + row[5],
        plan[SLOPES] + row[5],
        row[6] + past * (columns - skipped),
        row[7] + past * GATES * (units | ODD),
        row[8] + past * columns,
        above,
        above_size,
        asked,
        asked_size,
    )


@njit(**FAST)
def forward(lanes, buffer, here, steps, looked_up):
    """Run a recurrent layer over all steps."""
    units, columns, skipped = here.units, here.columns, here.skipped
    size, own = columns - skipped, here.own - skipped
    w = numbers(buffer, here.turned, (columns, 4))
    seen = rows(lanes, buffer, here.seen, (size,))
    memory = rows(lanes, buffer, here.memory, (GATES, units | ODD))
    above = rows(lanes, buffer, here.above, (here.above_size,))
    fed = rows(lanes, buffer, looked_up, (4, units))
    for t in range(steps):
        for u in range(units):
            i = f = g = o = vector(lanes, ZERO)
            if skipped:
                i, f = fed[t, I, u], fed[t, F, u]
                g, o = fed[t, G, u], fed[t, O, u]
            for j in range(size):
                s, k = seen[t, j], j + skipped
                i, f = fma(w[u, k, I], s, i), fma(w[u, k, F], s, f)
                g, o = fma(w[u, k, G], s, g), fma(w[u, k, O], s, o)
            if here.kind == LSTM:
                c = memory[t, STATE, u]
                i, f, g, o, tanh_c, c, h = lstm_forward(i, f, g, o, c)
                memory[t, TANH_C, u] = tanh_c
                memory[t + 1, STATE, u] = c
            else:
                i, f, g, o, h = gru_forward(i, f, g, o, seen[t, own + u])
            memory[t, I, u], memory[t, F, u] = i, f
            memory[t, G, u], memory[t, O, u] = g, o
            seen[t + 1, own + u] = h
            above[t, u] = h


@njit(**FAST)
def backward(lanes, buffer, here, first, last, lowest):
    """Turn gates into errors of their sums, and send these back in time."""
    units, own, end = here.units, here.own, here.own + here.units
    w = numbers(buffer, here.weights, (4, units))
    seen = rows(lanes, buffer, here.seen, (here.columns - here.skipped,))
    memory = rows(lanes, buffer, here.memory, (GATES, units | ODD))
    errors = rows(lanes, buffer, here.errors, (here.columns,))
    asked = rows(lanes, buffer, here.asked, (here.asked_size,))
    for t in range(last - 1, first - 1, -1):
        for u in range(units):
            i, f = memory[t, I, u], memory[t, F, u]
            g, o = memory[t, G, u], memory[t, O, u]
            dh, later = (
                asked[t, u] + errors[t + 1, own + u],
                memory[t + 1, LATER, u],
            )
            if here.kind == LSTM:
                tanh_c, c = memory[t, TANH_C, u], memory[t, STATE, u]
                i, f, g, o, later = lstm_backward(
                    i, f, g, o, tanh_c, c, dh, later
                )
            else:
                h = seen[t, own - here.skipped + u]
                i, f, g, o, later = gru_backward(i, f, g, o, h, dh + later)
            memory[t, I, u], memory[t, F, u] = i, f
            memory[t, G, u], memory[t, O, u] = g, o
            memory[t, LATER, u] = later
        # Two columns at a time share what is read; of an odd number, the last
        # one is computed twice.
        for j in range(lowest, end, 2):
            k = min(j + 1, end - 1)
            a = b = a2 = b2 = vector(lanes, ZERO)
            for u in range(units):
                i, f = memory[t, I, u], memory[t, F, u]
                g, o = memory[t, G, u], memory[t, O, u]
                a = fma(w[j, F, u], f, fma(w[j, I, u], i, a))
                b = fma(w[j, O, u], o, fma(w[j, G, u], g, b))
                a2 = fma(w[k, F, u], f, fma(w[k, I, u], i, a2))
                b2 = fma(w[k, O, u], o, fma(w[k, G, u], g, b2))
            errors[t, j], errors[t, k] = a + b, a2 + b2


@njit(**FAST)
def add_slopes(lanes, buffer, here, first, last, taught):
    """Add the products of some steps' errors and of what they saw."""
    units, size = here.units, here.columns - here.skipped
    start = here.slopes + here.skipped * 4 * units
    slopes = numbers(buffer, start, (4, units))
    seen = rows(lanes, buffer, here.seen, (size,))
    memory = rows(lanes, buffer, here.memory, (GATES, units | ODD))
    real, none = rows(lanes, buffer, taught, (1,))[0, 0], vector(lanes, ZERO)
    for u in range(units):
        for j in range(0, size, 2):
            k = min(j + 1, size - 1)
            i = f = g = o = i2 = f2 = g2 = o2 = none
            for t in range(first, last):
                s, s2 = seen[t, j], seen[t, k]
                di, df = memory[t, I, u], memory[t, F, u]
                dg, do = memory[t, G, u], memory[t, O, u]
                i, i2 = fma(di, s, i), fma(di, s2, i2)
                f, f2 = fma(df, s, f), fma(df, s2, f2)
                g, g2 = fma(dg, s, g), fma(dg, s2, g2)
                o, o2 = fma(do, s, o), fma(do, s2, o2)
            slopes[j, I, u] += total(where(real, i, none))
            slopes[j, F, u] += total(where(real, f, none))
            slopes[j, G, u] += total(where(real, g, none))
            slopes[j, O, u] += total(where(real, o, none))
            if k > j:
                slopes[k, I, u] += total(where(real, i2, none))
                slopes[k, F, u] += total(where(real, f2, none))
                slopes[k, G, u] += total(where(real, g2, none))
                slopes[k, O, u] += total(where(real, o2, none))


@njit(**FAST)
def look_up(net, here, b):
    """Copy each sequence's row of the weights: the product with a symbol."""
    size, count = 4 * here.units, net.plan[COUNT]
    at = net.plan[LOOKED_UP] + b * net.plan[STEPS] * size * count
    for t in range(net.plan[STEPS]):
        for lane in range(count):
            symbol = net.symbols[b, t, lane]
            row = here.weights + symbol * size
            for k in range(size):
                weight = net.buffer[row + k] if symbol >= 0 else ZERO
                net.buffer[at + (t * size + k) * count + lane] = weight


@njit(**FAST)
def add_symbols(net, here, b, first, last):
    """Add some steps' errors to the rows of the weights they came from."""
    size, count, buffer = 4 * here.units, net.plan[COUNT], net.buffer
    for t in range(first, last):
        errors = here.memory + t * GATES * (here.units | ODD) * count
        for lane in range(min(count, net.plan[TAUGHT] - b * count)):
            symbol = net.symbols[b, t, lane]
            if symbol >= 0:
                for gate in range(4):
                    for u in range(here.units):
                        k = gate * (here.units | ODD) + u
                        to = here.slopes + symbol * size + gate * here.units + u
                        buffer[to] += buffer[errors + k * count + lane]


@njit(**FAST)
def read_out(lanes, buffer, here, steps, sums, kind):
    """Answer with weighted sums of the last layer's output."""
    outputs = here.units
    w = numbers(buffer, here.weights, (outputs,))
    seen = rows(lanes, buffer, here.seen, (here.columns,))
    sums = rows(lanes, buffer, sums, (outputs,))
    answers = rows(lanes, buffer, here.above, (outputs,))
    for t in range(steps):
        top, whole = vector(lanes, f4(-3e38)), vector(lanes, ZERO)
        for k in range(outputs):
            a = vector(lanes, ZERO)
            for j in range(here.columns):
                a = fma(w[j, k], seen[t, j], a)
            sums[t, k] = a
            answers[t, k] = sigmoid(a) if kind == SIGMOID else a
            top = larger(a, top)
        if kind == SOFTMAX:
            for k in range(outputs):
                a = exp(sums[t, k] - top)
                answers[t, k] = a
                whole = whole + a
            for k in range(outputs):
                answers[t, k] = answers[t, k] / whole


@njit(**FAST)
def read_back(lanes, buffer, here, steps, taught, kind):
    """Turn errors of the answers into slopes and errors of what was seen."""
    # The kind is what the readout does: linear, where errors are of its sums.
    outputs = here.units
    w = numbers(buffer, here.weights, (outputs,))
    slopes = numbers(buffer, here.slopes, (outputs,))
    seen = rows(lanes, buffer, here.seen, (here.columns,))
    errors = rows(lanes, buffer, here.errors, (here.columns,))
    answers = rows(lanes, buffer, here.above, (outputs,))
    asked = rows(lanes, buffer, here.asked, (outputs,))
    real, none = rows(lanes, buffer, taught, (1,))[0, 0], vector(lanes, ZERO)
    for t in range(steps):
        mean = none
        if kind == SOFTMAX:
            for k in range(outputs):
                mean = fma(asked[t, k], answers[t, k], mean)
        if kind != LINEAR:
            for k in range(outputs):
                a = answers[t, k]
                error = (asked[t, k] - mean) * a
                asked[t, k] = error * (ONE - a) if kind == SIGMOID else error
        for j in range(here.columns - 1):
            a = none
            for k in range(outputs):
                a = fma(w[j, k], asked[t, k], a)
            errors[t, j] = a
    for j in range(here.columns):
        for k in range(outputs):
            a = none
            for t in range(steps):
                a = fma(asked[t, k], seen[t, j], a)
            slopes[j, k] += total(where(real, a, none))


@njit(**FAST)
def answer(net):
    """Answer all sequences."""
    for b in range(net.plan[BLOCKS]):
        for n in range(net.plan[LAYERS]):
            here = layer_of(net, n, b)
            if here.kind == DENSE:
                sums = here.above - net.plan[ANSWERS] + net.plan[SUMS]
                read_out(
                    net.lanes,
                    net.buffer,
                    here,
                    net.plan[STEPS],
                    sums,
                    net.plan[READOUT],
                )
            else:
                fed = (
                    net.plan[LOOKED_UP]
                    + b * net.plan[STEPS] * 4 * here.units * net.plan[COUNT]
                )
                if here.skipped:
                    look_up(net, here, b)
                forward(net.lanes, net.buffer, here, net.plan[STEPS], fed)


@njit(**FAST)
def teach(net):
    """Leave in the slopes the derivative of the loss by the weights."""
    net.buffer[net.plan[SLOPES] : net.plan[SLOPES] + net.plan[SIZE]] = ZERO
    readout = net.plan[READOUT] if net.plan[LOSS] == SQUARED else LINEAR
    for b in range(-(-net.plan[TAUGHT] // net.plan[COUNT])):
        taught = net.plan[OF_BATCH] + b * net.plan[COUNT]
        for n in range(net.plan[LAYERS] - 1, -1, -1):
            here = layer_of(net, n, b)
            if here.kind == DENSE:
                read_back(
                    net.lanes,
                    net.buffer,
                    here,
                    net.plan[STEPS],
                    taught,
                    readout,
                )
                continue
            # Nobody asks for the errors of the first layer's inputs.
            lowest, last = 0 if n else here.own, net.plan[STEPS]
            while last > 0:
                first = max(last - CHUNK, 0)
                backward(net.lanes, net.buffer, here, first, last, lowest)
                add_slopes(net.lanes, net.buffer, here, first, last, taught)
                if here.skipped:
                    add_symbols(net, here, b, first, last)
                last = first


@njit(**FAST)
def log(x):
    """Return the logarithm of a float64 above 0, of plain arithmetic."""
    x, power = math.frexp(x)
    a = (x - 1.0) / (x + 1.0)
    square, term, value = a * a, a, 0.0
    for k in range(1, 40, 2):
        value += term / k
        term *= square
    return 2.0 * value + power * 0.6931471805599453


@njit(**FAST)
def compare(net, targets, importance):
    """Return the loss, and leave its derivative by the answers, or sums.

    It is Keras's: a mean over the outputs (categorical: a sum), weighted,
    and a mean over steps and sequences.
    """
    (batch, steps, outputs), plan = targets.shape, net.plan
    whole = float(batch * steps)
    if plan[BY_WEIGHT]:
        whole = 0.0
        for b in range(batch):
            for t in range(steps):
                whole += importance[b, t]
    scale = 0.0 if whole == 0.0 else 1.0 / whole
    if plan[LOSS] != CATEGORICAL:
        scale /= outputs
    loss, single = 0.0, f4(scale)
    for b in range(batch):
        lane = b % plan[COUNT]
        at = (b - lane) * steps * outputs + lane
        answers = numbers(net.buffer, plan[ANSWERS] + at, (plan[COUNT],))
        sums = numbers(net.buffer, plan[SUMS] + at, (plan[COUNT],))
        asked = numbers(net.buffer, plan[ASKED] + at, (plan[COUNT],))
        for t in range(steps):
            weight, lost = importance[b, t], 0.0
            for k in range(outputs):
                n, target = t * outputs + k, targets[b, t, k]
                a = answers[n, 0]
                error = a - target
                if plan[LOSS] == SQUARED:
                    lost += error * error
                    error = error + error
                elif plan[LOSS] == BINARY:
                    x = sums[n, 0]
                    lost += max(x, ZERO) - x * target
                    lost -= log(max(a, ONE - a))
                elif target != ZERO:
                    lost -= target * log(a)
                asked[n, 0] = single * weight * error
            loss += weight * lost
    return loss * scale


@njit(**FAST)
def clip(net):
    """Clip the slopes as Keras does: by value, by array, or all together."""
    slopes, first = net.buffer[net.plan[SLOPES] :], 0
    limit = net.buffer[net.plan[CONSTANTS] + 3]
    for k in range(net.plan[SIZE]):
        slopes[k] *= net.buffer[net.plan[REAL] + k]
    if net.plan[CLIP] == EACH_VALUE:
        for k in range(net.plan[SIZE]):
            slopes[k] = min(max(slopes[k], -limit), limit)
        return
    ends = net.plan[HEAD + 9 * net.plan[LAYERS] :]
    for end in ends if net.plan[CLIP] == EACH_NORM else ends[-1:]:
        square = 0.0
        for k in range(first, end):
            square += float(slopes[k]) * float(slopes[k])
        norm = f4(np.sqrt(square))
        if norm > limit:
            for k in range(first, end):
                slopes[k] *= limit / norm
        first = end


@njit(**FAST)
def update(net, rate):
    """Change the weights as Keras's optimizers do."""
    lanes, buffer, plan = net.lanes, net.buffer, net.plan
    weights = rows(lanes, buffer, plan[WEIGHTS], (1,))
    slopes = rows(lanes, buffer, plan[SLOPES], (1,))
    real = rows(lanes, buffer, plan[REAL], (1,))
    mean = rows(lanes, buffer, plan[MEAN], (1,))
    square = rows(lanes, buffer, plan[SQUARE], (1,))
    constants = numbers(buffer, plan[CONSTANTS], (1,))
    part, part_of_square = constants[0, 0], constants[1, 0]
    for k in range(net.plan[SIZE] // net.plan[COUNT]):
        slope, m = slopes[k, 0] * real[k, 0], mean[k, 0]
        if plan[OPTIMIZER] == ADAM:
            s = square[k, 0]
            m = m + (slope - m) * part
            s = s + (slope * slope - s) * part_of_square
            square[k, 0] = s
            step = m * rate / (sqrt(s) + constants[2, 0])
        else:
            step = slope * rate
            m = m * part - step
            if part > ZERO:
                step = step - m * part if plan[NESTEROV] else m * -ONE
        mean[k, 0] = m
        weights[k, 0] = weights[k, 0] - step
    turn(net)


@njit(**FAST)
def turn(net):
    """Copy the weights in the order in which a step reads them."""
    for n in range(net.plan[LAYERS]):
        here = layer_of(net, n, FIRST)
        if here.kind != DENSE:
            w = numbers(net.buffer, here.weights, (4, here.units))
            turned = numbers(net.buffer, here.turned, (here.columns, 4))
            for j in range(here.columns):
                for gate in range(4):
                    for u in range(here.units):
                        turned[u, j, gate] = w[j, gate, u]


@njit(**FAST)
def load(net, first, inputs, symbols):
    """Put sequences into the lanes from one on."""
    steps, channels = inputs.shape[1:]
    here, count = layer_of(net, FIRST, FIRST), net.plan[COUNT]
    size = here.columns - here.skipped
    for b in range(len(inputs)):
        lane = (first + b) % count
        at = here.seen + (first + b - lane) * (steps + 1) * size + lane
        seen = numbers(net.buffer, at, (size, count))
        for t in range(steps):
            for k in range(channels):
                seen[t, k, 0] = inputs[b, t, k]
    for b in range(len(symbols)):
        block, lane = (first + b) // count, (first + b) % count
        for t in range(symbols.shape[1]):
            net.symbols[block, t, lane] = symbols[b, t]


@njit(**FAST)
def record(net, first, watched, outputs, hidden):
    """Copy the answers of the sequences from a lane on, and a layer's."""
    count, steps, width = net.plan[COUNT], net.plan[STEPS], net.plan[OUTPUTS]
    for p in range(len(outputs)):
        block, lane = (first + p) // count, (first + p) % count
        at = net.plan[ANSWERS] + block * steps * width * count + lane
        for t in range(steps):
            for k in range(width):
                outputs[p, t, k] = net.buffer[at + (t * width + k) * count]
        if watched >= 0:
            here = layer_of(net, watched, block)
            size = here.columns - here.skipped
            for t in range(steps):
                own = (t + 1) * size + here.own - here.skipped
                at = here.seen + own * count + lane
                for u in range(here.units):
                    hidden[p, t, u] = net.buffer[at + u * count]


@njit(**FAST)
def learn(net, targets, importance, rate):
    """Update the weights, unless the loss is not finite; return the loss."""
    loss = compare(net, targets, importance)
    if np.isfinite(loss):
        teach(net)
        if net.plan[CLIP] != NO_CLIP:
            clip(net)
        update(net, rate)
    return loss


# The entry takes arrays one by one, which Numba recognises faster than tuples.
@cached
def train(
    lanes,
    buffer,
    plan,
    symbols,
    probe_plan,
    probe_symbols,
    riding,
    inputs,
    drawn,
    targets,
    importance,
    rates,
    slots,
    watched,
    losses,
    outputs,
    hidden,
):
    """Run episodes, and record what is due before, between and after them.

    Without sequences to teach, an episode only answers those that ride.

    Args:
        lanes: The `Lanes`.
        buffer: The buffer of both nets.
        plan: The plan of the batch, behind which the probe may ride.
        symbols: Its symbols.
        probe_plan: The plan of the probe.
        probe_symbols: Its symbols.
        riding: Whether the probe rides, and needs no plan.
        inputs: float32 array `(episode, batch, time, channel)`.
        drawn: int32 array `(episode, batch, time)`, the inputs if they are
            symbols; of the two, one has no sequences.
        targets: float32 array `(episode, batch, time, output)`.
        importance: float32 array `(episode, batch, time)`, the weights.
        rates: float32 array with the learning rate of each episode; for Adam
            that with the correction of its beginning.
        slots: int array with one entry more: the slot of the record after as
            many episodes, or -1.
        watched: The layer to record too, or -1.
        losses: float32 array `(episode,)`, to be filled.
        outputs: float32 array `(slot, sequence, time, output)`, to be filled.
        hidden: The same for the watched layer.

    Returns:
        The number of episodes run: all, or those before the loss that is not
        finite.
    """
    net, episodes = Net(lanes, plan, symbols, buffer), len(rates)
    probe = Net(lanes, probe_plan, probe_symbols, buffer)
    turn(net)
    for e in range(episodes + 1):
        due, learns = slots[e] >= 0, e < episodes
        if learns:
            load(net, FIRST, inputs[e], drawn[e])
        # One loop over both nets, so that what it calls is compiled once.
        for k in range(2):
            shown, first = (probe, FIRST) if k else (net, plan[TAUGHT])
            shows = due and riding == (k == 0)
            if shows or (learns and k == 0):
                answer(shown)
            if shows:
                at = slots[e]
                record(shown, first, watched, outputs[at], hidden[at])
        if learns and plan[TAUGHT]:
            losses[e] = learn(net, targets[e], importance[e], rates[e])
            if not np.isfinite(losses[e]):
                return e
    return episodes
