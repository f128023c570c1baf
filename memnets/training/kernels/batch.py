"""Train stacks of LSTM, GRU or simple layers, one batch at a time.

A block of sequences is a vector, one sequence per lane. The input vector
`seen` of a layer at a step has the columns inputs, own previous output, and 1
for the bias: the rows of Keras's kernel, recurrent kernel and bias. A weight
has the index (column, gate, unit), so that a layer's weights are Keras's
arrays in sequence. All numbers are in one buffer.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from memnets.training.kernels.cells import (
    gru_backward,
    gru_forward,
    lstm_backward,
    lstm_forward,
    slope,
)
from memnets.training.kernels.lanes import (
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
    tanh,
    total,
    vector,
    where,
)

LSTM, GRU, DENSE, SIMPLE, ELMAN = range(5)  # kinds of layers
LINEAR, SIGMOID, SOFTMAX = range(3)  # activations of a readout
SQUARED, BINARY, CATEGORICAL = range(3)  # losses
SGD, ADAM = range(2)
NO_CLIP, EACH_NORM, GLOBAL_NORM, EACH_VALUE = range(4)
# A unit's memory of a step: four gates (in the backward pass, their errors),
# tanh(c), the previous cell state, and the error for the previous step.
GATES, I, F, G, O, TANH_C, STATE, LATER = 7, *range(7)
# The number of units in a memory is made odd: steps a power of two apart would
# share a few lines of the cache.
ODD = 1
# Steps whose gradients are summed together: their memory fits in the cache.
CHUNK = 20
# A literal 0 has another type, for which Numba would compile again.
FIRST = np.int64(0)


class Layer(NamedTuple):
    """A layer's sizes, and where its arrays for a block start in the buffer."""

    kind: int
    units: int
    columns: int  # rows of its weights
    own: int  # the first column of its own output
    skipped: int  # columns of symbols, which are looked up instead
    weights: int  # (column, gate, unit)
    transposed: int  # the weights as (unit, column, gate)
    gradients: int
    seen: int  # (step, column, lane)
    memory: int  # (step, gate and so on, unit, lane)
    errors: int  # of `seen`
    output: int  # its output, in the next layer's `seen` or the answers
    output_size: int
    incoming: int  # the errors of its output
    incoming_size: int


# The plan of a network: sizes and options; the starts of arrays in the buffer
# that belong to no layer; the first nine fields of each `Layer`, for block 0;
# the ends of Keras's arrays.
(
    COUNT,  # of lanes
    BATCH_SIZE,
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
    TRANSPOSED,
    GRADIENTS,
    REAL,  # 1 for a weight, 0 for padding
    MEAN,  # of Adam, or the momentum
    SQUARE,
    OF_BATCH,  # (block, lane): 1 for a sequence of the batch
    LOOKED_UP,  # (block, step, gate, unit, lane)
    SUMS,  # net inputs of the readout: (block, step, output, lane)
    ANSWERS,
    INCOMING,  # the derivative of the loss by the answers, or by the sums
    CONSTANTS,  # 1 - beta_1 or the momentum, 1 - beta_2, epsilon, limit
    HEAD,
) = range(26)


class Net(NamedTuple):
    """A network's plan, and its buffer of weights and sequences."""

    lanes: Lanes
    plan: np.ndarray
    symbols: np.ndarray  # (block, step, lane), below 0 for none
    buffer: np.ndarray


@njit(**FAST)
def layer_of(net, n, b):
    """Return a layer of the plan for a block of sequences."""
    plan = net.plan
    row = plan[HEAD + 9 * n :]
    kind, units, columns, own, skipped = row[0], row[1], row[2], row[3], row[4]
    past = b * (plan[STEPS] + 1) * plan[COUNT]
    answers = b * plan[STEPS] * plan[OUTPUTS] * plan[COUNT]
    output, incoming = plan[ANSWERS] + answers, plan[INCOMING] + answers
    output_size = incoming_size = plan[OUTPUTS]
    if n + 1 < plan[LAYERS]:
        upper = row[9:]
        output_size, incoming_size = upper[2] - upper[4], upper[2]
        output, incoming = (
            upper[6] + past * output_size,
            upper[8] + past * upper[2],
        )
    return Layer(
        kind,
        units,
        columns,
        own,
        skipped,
        plan[WEIGHTS] + row[5],
        plan[TRANSPOSED] + row[5],
        plan[GRADIENTS] + row[5],
        row[6] + past * (columns - skipped),
        row[7] + past * GATES * (units | ODD),
        row[8] + past * columns,
        output,
        output_size,
        incoming,
        incoming_size,
    )


@njit(**FAST)
def forward(lanes, buffer, layer, steps, looked_up):
    """Run a recurrent layer over all steps."""
    units, columns, skipped = layer.units, layer.columns, layer.skipped
    size, own = columns - skipped, layer.own - skipped
    w = numbers(buffer, layer.transposed, (columns, 4))
    seen = rows(lanes, buffer, layer.seen, (size,))
    memory = rows(lanes, buffer, layer.memory, (GATES, units | ODD))
    output = rows(lanes, buffer, layer.output, (layer.output_size,))
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
            if layer.kind == LSTM:
                c = memory[t, STATE, u]
                i, f, g, o, tanh_c, c, h = lstm_forward(i, f, g, o, c)
                memory[t, TANH_C, u] = tanh_c
                memory[t + 1, STATE, u] = c
            elif layer.kind == GRU:
                i, f, g, o, h = gru_forward(i, f, g, o, seen[t, own + u])
            else:
                g = h = tanh(g)
            memory[t, I, u], memory[t, F, u] = i, f
            memory[t, G, u], memory[t, O, u] = g, o
            seen[t + 1, own + u] = h
            output[t, u] = h


@njit(**FAST)
def backward(lanes, buffer, layer, first, last, lowest):
    """Replace gates by errors of their net inputs; carry these back in time."""
    units, own, end = layer.units, layer.own, layer.own + layer.units
    w = numbers(buffer, layer.weights, (4, units))
    seen = rows(lanes, buffer, layer.seen, (layer.columns - layer.skipped,))
    memory = rows(lanes, buffer, layer.memory, (GATES, units | ODD))
    errors = rows(lanes, buffer, layer.errors, (layer.columns,))
    incoming = rows(lanes, buffer, layer.incoming, (layer.incoming_size,))
    for t in range(last - 1, first - 1, -1):
        for u in range(units):
            i, f = memory[t, I, u], memory[t, F, u]
            g, o = memory[t, G, u], memory[t, O, u]
            dh, later = incoming[t, u], memory[t + 1, LATER, u]
            if layer.kind != ELMAN:  # whose gradient ends after one step
                dh = dh + errors[t + 1, own + u]
            if layer.kind == LSTM:
                tanh_c, c = memory[t, TANH_C, u], memory[t, STATE, u]
                i, f, g, o, later = lstm_backward(
                    i, f, g, o, tanh_c, c, dh, later
                )
            elif layer.kind == GRU:
                h = seen[t, own - layer.skipped + u]
                i, f, g, o, later = gru_backward(i, f, g, o, h, dh + later)
            else:
                i = f = o = vector(lanes, ZERO)
                g = dh * slope(g)
            memory[t, I, u], memory[t, F, u], memory[t, G, u] = i, f, g
            memory[t, O, u], memory[t, LATER, u] = o, later
        # Two columns at a time, which share reads. If their number is odd, the
        # last is computed twice.
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
def add_gradients(lanes, buffer, layer, first, last, mask):
    """Add the products of errors and inputs for some steps."""
    units, size = layer.units, layer.columns - layer.skipped
    start = layer.gradients + layer.skipped * 4 * units
    gradients = numbers(buffer, start, (4, units))
    seen = rows(lanes, buffer, layer.seen, (size,))
    memory = rows(lanes, buffer, layer.memory, (GATES, units | ODD))
    valid, zero = rows(lanes, buffer, mask, (1,))[0, 0], vector(lanes, ZERO)
    for u in range(units):
        for j in range(0, size, 2):
            k = min(j + 1, size - 1)
            i = f = g = o = i2 = f2 = g2 = o2 = zero
            for t in range(first, last):
                s, s2 = seen[t, j], seen[t, k]
                di, df = memory[t, I, u], memory[t, F, u]
                dg, do = memory[t, G, u], memory[t, O, u]
                i, i2 = fma(di, s, i), fma(di, s2, i2)
                f, f2 = fma(df, s, f), fma(df, s2, f2)
                g, g2 = fma(dg, s, g), fma(dg, s2, g2)
                o, o2 = fma(do, s, o), fma(do, s2, o2)
            gradients[j, I, u] += total(where(valid, i, zero))
            gradients[j, F, u] += total(where(valid, f, zero))
            gradients[j, G, u] += total(where(valid, g, zero))
            gradients[j, O, u] += total(where(valid, o, zero))
            if k > j:
                gradients[k, I, u] += total(where(valid, i2, zero))
                gradients[k, F, u] += total(where(valid, f2, zero))
                gradients[k, G, u] += total(where(valid, g2, zero))
                gradients[k, O, u] += total(where(valid, o2, zero))


@njit(**FAST)
def look_up(net, layer, b):
    """Copy the rows of the weights that belong to each sequence's symbols."""
    size, count = 4 * layer.units, net.plan[COUNT]
    at = net.plan[LOOKED_UP] + b * net.plan[STEPS] * size * count
    for t in range(net.plan[STEPS]):
        for lane in range(count):
            symbol = net.symbols[b, t, lane]
            row = layer.weights + symbol * size
            for k in range(size):
                weight = net.buffer[row + k] if symbol >= 0 else ZERO
                net.buffer[at + (t * size + k) * count + lane] = weight


@njit(**FAST)
def add_symbols(net, layer, b, first, last):
    """Add the errors of some steps to the gradients of their symbols' rows."""
    size, count, buffer = 4 * layer.units, net.plan[COUNT], net.buffer
    for t in range(first, last):
        errors = layer.memory + t * GATES * (layer.units | ODD) * count
        for lane in range(min(count, net.plan[BATCH_SIZE] - b * count)):
            symbol = net.symbols[b, t, lane]
            if symbol >= 0:
                for gate in range(4):
                    for u in range(layer.units):
                        k = gate * (layer.units | ODD) + u
                        row = layer.gradients + symbol * size
                        to = row + gate * layer.units + u
                        buffer[to] += buffer[errors + k * count + lane]


@njit(**FAST)
def forward_readout(lanes, buffer, layer, steps, sums, kind):
    """Run a Dense readout over all steps."""
    outputs = layer.units
    w = numbers(buffer, layer.weights, (outputs,))
    seen = rows(lanes, buffer, layer.seen, (layer.columns,))
    sums = rows(lanes, buffer, sums, (outputs,))
    answers = rows(lanes, buffer, layer.output, (outputs,))
    for t in range(steps):
        top, whole = vector(lanes, f4(-3e38)), vector(lanes, ZERO)
        for k in range(outputs):
            a = vector(lanes, ZERO)
            for j in range(layer.columns):
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
def backward_readout(lanes, buffer, layer, steps, mask, kind):
    """Compute the readout's gradients and the errors of its inputs."""
    # The kind is the activation, or linear if the errors are of the sums.
    outputs = layer.units
    w = numbers(buffer, layer.weights, (outputs,))
    gradients = numbers(buffer, layer.gradients, (outputs,))
    seen = rows(lanes, buffer, layer.seen, (layer.columns,))
    errors = rows(lanes, buffer, layer.errors, (layer.columns,))
    answers = rows(lanes, buffer, layer.output, (outputs,))
    incoming = rows(lanes, buffer, layer.incoming, (outputs,))
    valid, zero = rows(lanes, buffer, mask, (1,))[0, 0], vector(lanes, ZERO)
    for t in range(steps):
        mean = zero
        if kind == SOFTMAX:
            for k in range(outputs):
                mean = fma(incoming[t, k], answers[t, k], mean)
        if kind != LINEAR:
            for k in range(outputs):
                a = answers[t, k]
                error = (incoming[t, k] - mean) * a
                incoming[t, k] = error * (ONE - a) if kind == SIGMOID else error
        for j in range(layer.columns - 1):
            a = zero
            for k in range(outputs):
                a = fma(w[j, k], incoming[t, k], a)
            errors[t, j] = a
    for j in range(layer.columns):
        for k in range(outputs):
            a = zero
            for t in range(steps):
                a = fma(incoming[t, k], seen[t, j], a)
            gradients[j, k] += total(where(valid, a, zero))


@njit(**FAST)
def answer(net):
    """Run the forward pass for all sequences."""
    for b in range(net.plan[BLOCKS]):
        for n in range(net.plan[LAYERS]):
            layer = layer_of(net, n, b)
            if layer.kind == DENSE:
                sums = layer.output - net.plan[ANSWERS] + net.plan[SUMS]
                forward_readout(
                    net.lanes,
                    net.buffer,
                    layer,
                    net.plan[STEPS],
                    sums,
                    net.plan[READOUT],
                )
            else:
                fed = (
                    net.plan[LOOKED_UP]
                    + b * net.plan[STEPS] * 4 * layer.units * net.plan[COUNT]
                )
                if layer.skipped:
                    look_up(net, layer, b)
                forward(net.lanes, net.buffer, layer, net.plan[STEPS], fed)


@njit(**FAST)
def backpropagate(net):
    """Compute the gradients of the loss by the weights."""
    start = net.plan[GRADIENTS]
    net.buffer[start : start + net.plan[SIZE]] = ZERO
    readout = net.plan[READOUT] if net.plan[LOSS] == SQUARED else LINEAR
    for b in range(-(-net.plan[BATCH_SIZE] // net.plan[COUNT])):
        mask = net.plan[OF_BATCH] + b * net.plan[COUNT]
        for n in range(net.plan[LAYERS] - 1, -1, -1):
            layer = layer_of(net, n, b)
            if layer.kind == DENSE:
                backward_readout(
                    net.lanes,
                    net.buffer,
                    layer,
                    net.plan[STEPS],
                    mask,
                    readout,
                )
                continue
            # The errors of the first layer's inputs are not needed.
            lowest, last = 0 if n else layer.own, net.plan[STEPS]
            while last > 0:
                first = max(last - CHUNK, 0)
                backward(net.lanes, net.buffer, layer, first, last, lowest)
                add_gradients(net.lanes, net.buffer, layer, first, last, mask)
                if layer.skipped:
                    add_symbols(net, layer, b, first, last)
                last = first


@njit(**FAST)
def log(x):
    """Return the logarithm of a positive float64, by plain arithmetic."""
    x, power = math.frexp(x)
    a = (x - 1.0) / (x + 1.0)
    square, term, value = a * a, a, 0.0
    for k in range(1, 40, 2):
        value += term / k
        term *= square
    return 2.0 * value + power * 0.6931471805599453


@njit(**FAST)
def compute_loss(net, targets, importance):
    """Return the loss; write its derivative by the answers or their sums.

    As in Keras it is a weighted mean over steps and sequences of the mean over
    outputs (for categorical crossentropy, the sum).
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
        incoming = numbers(net.buffer, plan[INCOMING] + at, (plan[COUNT],))
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
                incoming[n, 0] = single * weight * error
            loss += weight * lost
    return loss * scale


@njit(**FAST)
def clip(net):
    """Clip the gradients like Keras: by value, array norm or global norm."""
    gradients, first = net.buffer[net.plan[GRADIENTS] :], 0
    limit = net.buffer[net.plan[CONSTANTS] + 3]
    for k in range(net.plan[SIZE]):
        gradients[k] *= net.buffer[net.plan[REAL] + k]
    if net.plan[CLIP] == EACH_VALUE:
        for k in range(net.plan[SIZE]):
            gradients[k] = min(max(gradients[k], -limit), limit)
        return
    ends = net.plan[HEAD + 9 * net.plan[LAYERS] :]
    for end in ends if net.plan[CLIP] == EACH_NORM else ends[-1:]:
        square = 0.0
        for k in range(first, end):
            square += float(gradients[k]) * float(gradients[k])
        norm = f4(np.sqrt(square))
        if norm > limit:
            for k in range(first, end):
                gradients[k] *= limit / norm
        first = end


@njit(**FAST)
def update(net, rate):
    """Update the weights like Keras's optimizers."""
    lanes, buffer, plan = net.lanes, net.buffer, net.plan
    weights = rows(lanes, buffer, plan[WEIGHTS], (1,))
    gradients = rows(lanes, buffer, plan[GRADIENTS], (1,))
    real = rows(lanes, buffer, plan[REAL], (1,))
    mean = rows(lanes, buffer, plan[MEAN], (1,))
    square = rows(lanes, buffer, plan[SQUARE], (1,))
    constants = numbers(buffer, plan[CONSTANTS], (1,))
    part, part_of_square = constants[0, 0], constants[1, 0]
    for k in range(net.plan[SIZE] // net.plan[COUNT]):
        d, m = gradients[k, 0] * real[k, 0], mean[k, 0]
        if plan[OPTIMIZER] == ADAM:
            s = square[k, 0]
            m = m + (d - m) * part
            s = s + (d * d - s) * part_of_square
            square[k, 0] = s
            step = m * rate / (sqrt(s) + constants[2, 0])
        else:
            step = d * rate
            m = m * part - step
            if part > ZERO:
                step = step - m * part if plan[NESTEROV] else m * -ONE
        mean[k, 0] = m
        weights[k, 0] = weights[k, 0] - step
    transpose(net)


@njit(**FAST)
def transpose(net):
    """Copy the weights in the order in which a step reads them."""
    for n in range(net.plan[LAYERS]):
        layer = layer_of(net, n, FIRST)
        if layer.kind != DENSE:
            w = numbers(net.buffer, layer.weights, (4, layer.units))
            transposed = numbers(
                net.buffer, layer.transposed, (layer.columns, 4)
            )
            for j in range(layer.columns):
                for gate in range(4):
                    for u in range(layer.units):
                        transposed[u, j, gate] = w[j, gate, u]


@njit(**FAST)
def load(net, first, inputs, symbols):
    """Copy sequences into the lanes, from lane `first` on."""
    steps, channels = inputs.shape[1:]
    layer, count = layer_of(net, FIRST, FIRST), net.plan[COUNT]
    size = layer.columns - layer.skipped
    for b in range(len(inputs)):
        lane = (first + b) % count
        at = layer.seen + (first + b - lane) * (steps + 1) * size + lane
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
    """Copy the answers from lane `first` on, and the watched layer's output."""
    count, steps, width = net.plan[COUNT], net.plan[STEPS], net.plan[OUTPUTS]
    for p in range(len(outputs)):
        block, lane = (first + p) // count, (first + p) % count
        at = net.plan[ANSWERS] + block * steps * width * count + lane
        for t in range(steps):
            for k in range(width):
                outputs[p, t, k] = net.buffer[at + (t * width + k) * count]
        if watched >= 0:
            layer = layer_of(net, watched, block)
            size = layer.columns - layer.skipped
            for t in range(steps):
                own = (t + 1) * size + layer.own - layer.skipped
                at = layer.seen + own * count + lane
                for u in range(layer.units):
                    hidden[p, t, u] = net.buffer[at + u * count]


@njit(**FAST)
def learn(net, targets, importance, rate):
    """Update the weights, unless the loss is not finite; return the loss."""
    loss = compute_loss(net, targets, importance)
    if np.isfinite(loss):
        backpropagate(net)
        if net.plan[CLIP] != NO_CLIP:
            clip(net)
        update(net, rate)
    return loss


# Separate arrays, because Numba takes longer to recognise the types of tuples.
@cached
def train(
    lanes,
    buffer,
    plan,
    symbols,
    probe_plan,
    probe_symbols,
    appended,
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
    """Run episodes, and make the records that are due before or after them.

    With an empty batch, an episode only computes the appended probe.

    Args:
        lanes: The `Lanes`.
        buffer: The buffer of both nets.
        plan: The plan of the batch, which may include an appended probe.
        symbols: Its symbols.
        probe_plan: The plan of the probe.
        probe_symbols: Its symbols.
        appended: Whether the probe is appended; `probe_plan` is then unused.
        inputs: float32 array `(episode, batch, time, channel)`.
        drawn: int32 array `(episode, batch, time)`, the inputs if they are
            symbols; one of the two has no sequences.
        targets: float32 array `(episode, batch, time, output)`.
        importance: float32 array `(episode, batch, time)`, the weights.
        rates: float32 array with the learning rate of each episode; for Adam
            with its bias correction.
        slots: int array of one more entry than there are episodes; entry n is
            the slot of the record after n episodes, or -1.
        watched: The index of the layer to record too, or -1.
        losses: float32 array `(episode,)`, to be filled.
        outputs: float32 array `(slot, sequence, time, output)`, to be filled.
        hidden: The same for the watched layer.

    Returns:
        The number of episodes run, up to a loss that is not finite.
    """
    net, episodes = Net(lanes, plan, symbols, buffer), len(rates)
    probe = Net(lanes, probe_plan, probe_symbols, buffer)
    transpose(net)
    for e in range(episodes + 1):
        due, learns = slots[e] >= 0, e < episodes
        if learns:
            load(net, FIRST, inputs[e], drawn[e])
        # One loop over both nets, so that LLVM compiles its functions once.
        for k in range(2):
            shown, first = (probe, FIRST) if k else (net, plan[BATCH_SIZE])
            shows = due and appended == (k == 0)
            if shows or (learns and k == 0):
                answer(shown)
            if shows:
                at = slots[e]
                record(shown, first, watched, outputs[at], hidden[at])
        if learns and plan[BATCH_SIZE]:
            losses[e] = learn(net, targets[e], importance[e], rates[e])
            if not np.isfinite(losses[e]):
                return e
    return episodes
