"""Simple recurrent networks that learn online by real-time recurrent learning.

Each unit sees the previous outputs of all units, all inputs, and a constant 1.
The weights change at every step with a target. `memnets.scratch.rtrl` has the
equations, for one network; the names are the same. As in `online`, each lane
of a vector is a network with its own weights and sequences.

Source: R. J. Williams and D. Zipser, A Learning Algorithm for Continually
Running Fully Recurrent Neural Networks, Neural Computation 1 (2), 270 (1989).
"""

from __future__ import annotations

import collections
import dataclasses

import numpy as np

from memnets.training.kernels import lanes as vectors
from memnets.training.kernels.lanes import (
    ONE,
    ZERO,
    aligned,
    f4,
    fma,
    inline,
    rows,
    sigmoid,
    vector,
    where,
)
from memnets.training.kernels.online import check

# seen: [0, column], what all units see. w: [unit, column]. sensitivity, the
# derivative of each unit by each weight: [weight, unit]. next: [0, unit], the
# same of one weight at the next step. nets and errors: [0, unit].
Buffers = collections.namedtuple(
    "Buffers",
    "w seen sensitivity next nets errors inputs targets outputs ages",
)
Layout = collections.namedtuple("Layout", "units inputs outputs width")


@dataclasses.dataclass(frozen=True)
class Network:
    """The sizes of a network, without its weights.

    Args:
        hidden: Integer of at least 0, the units that do not answer.
        inputs: Positive integer, the number of inputs.
        outputs: Positive integer, the units that answer; they come first.
    """

    hidden: int
    inputs: int
    outputs: int

    symbols = False

    @property
    def layout(self) -> Layout:
        """The sizes as integers."""
        units = self.hidden + self.outputs
        return Layout(units, self.inputs, self.outputs, units + self.inputs + 1)

    @property
    def count(self) -> int:
        """The number of weights."""
        return self.layout.units * self.layout.width


@inline
def step(lanes, net, of, t, live):
    """Take a time step, without its derivatives."""
    for j in range(net.inputs):
        of.seen[0, net.units + j] = of.inputs[t, j]
    for k in range(net.units):
        z = vector(lanes, ZERO)
        for j in range(net.width):
            z = fma(of.w[k, j], of.seen[0, j], z)
        of.nets[0, k] = where(live, sigmoid(z), ZERO)


@inline
def carry(lanes, net, of, live):
    """Carry the derivatives of all units forward by one step."""
    for i in range(net.units):
        for j in range(net.width):
            weight = i * net.width + j
            for k in range(net.units):
                p = of.seen[0, j] if k == i else vector(lanes, ZERO)
                for m in range(net.units):
                    p = fma(of.w[k, m], of.sensitivity[weight, m], p)
                y = of.nets[0, k]
                of.next[0, k] = where(live, y * (ONE - y) * p, ZERO)
            for k in range(net.units):
                of.sensitivity[weight, k] = of.next[0, k]


@inline
def update(lanes, net, of, t, live, scale):
    """Update the weights by the errors of the units that answer."""
    for k in range(net.outputs):
        y = of.nets[0, k]
        of.outputs[t, k] = y
        of.errors[0, k] = where(live, y - of.targets[t, k], ZERO) * scale
    for i in range(net.units):
        for j in range(net.width):
            w = of.w[i, j]
            for k in range(net.outputs):
                slope = of.sensitivity[i * net.width + j, k]
                w = fma(of.errors[0, k], slope, w)
            of.w[i, j] = w


@vectors.cached
def run(lanes, net, learning, b, steps, length, count, rate):
    """Run every lane's network through its sequences."""
    scale = vector(lanes, -rate)
    for n in range(len(steps)):
        first = n * length * count
        of = Buffers(
            rows(lanes, b.w, 0, (net.width,)),
            rows(lanes, b.seen, 0, (net.width,)),
            rows(lanes, b.sensitivity, 0, (net.units,)),
            rows(lanes, b.next, 0, (net.units,)),
            rows(lanes, b.nets, 0, (net.units,)),
            rows(lanes, b.errors, 0, (net.outputs,)),
            rows(lanes, b.inputs, first * net.inputs, (net.inputs,)),
            rows(lanes, b.targets, first * net.outputs, (net.outputs,)),
            rows(lanes, b.outputs, first * net.outputs, (net.outputs,)),
            rows(lanes, b.ages, n * count, (1,)),
        )
        for k in range(net.units):
            of.seen[0, k] = vector(lanes, ZERO)
            for weight in range(net.units * net.width if learning else 0):
                of.sensitivity[weight, k] = vector(lanes, ZERO)
        for t in range(length - steps[n], length):
            # Above 0 in lanes whose sequence has begun; all end together.
            live = of.ages[0, 0] + f4(t + 1 - length)
            step(lanes, net, of, t, live)
            if learning:
                carry(lanes, net, of, live)
                update(lanes, net, of, t, live, scale)
            for k in range(net.units):
                y = of.nets[0, k]
                of.seen[0, k] = y
                if k < net.outputs:
                    of.outputs[t, k] = y


def answer(network, weights, inputs, lengths=None):
    """Return the answers of networks to sequences.

    Args:
        network: `Network`.
        weights: float32 array of shape `(networks, network.count)`.
        inputs: float array of shape `(networks, sequences, steps, inputs)`.
            All sequences end at the last step.
        lengths: int array of shape `(networks, sequences)`, the number of
            steps of each sequence; earlier steps are ignored. Default: `None`,
            all steps.

    Returns:
        float32 array of shape `(networks, sequences, steps, outputs)`, 0 where
        a sequence has not begun.
    """
    targets = np.zeros((*np.shape(inputs)[:3], network.outputs), f4)
    return _run(network, False, np.array(weights), inputs, targets, 0, lengths)


def learn(network, weights, inputs, targets, rate, lengths=None):
    """Train networks on sequences, at every step.

    Args:
        network: `Network`.
        weights: float32 array of shape `(networks, network.count)`, updated in
            place.
        inputs: As in `answer`.
        targets: float array of shape `(networks, sequences, steps, outputs)`.
        rate: Float.
        lengths: As in `answer`.

    Returns:
        The answers as in `answer`, each from before the update at its step.
    """
    return _run(network, True, weights, inputs, targets, rate, lengths)


def _run(network, learning, weights, inputs, targets, rate, lengths):
    """Run networks through sequences, one network per lane at once."""
    inputs, targets = np.asarray(inputs, f4), np.asarray(targets, f4)
    if lengths is None:
        lengths = np.full(inputs.shape[:2], inputs.shape[2])
    check(network, weights, inputs, targets, lengths)
    parts, outputs = (8,) if len(inputs) <= 8 else (8, 8), []
    for first in range(0, len(inputs), sum(parts)):
        group = slice(first, first + sum(parts))
        given = [x[group] for x in (inputs, targets, lengths, weights)]
        lanes = vectors.Lanes(parts)
        outputs.append(_run_lanes(network, learning, lanes, *given, rate))
    return np.moveaxis(np.concatenate(outputs, axis=-1), -1, 0)


def _run_lanes(
    network, learning, lanes, inputs, targets, lengths, weights, rate
):
    """Copy networks to the lanes, run them, and copy the results back."""
    net, (count, _, length) = network.layout, inputs.shape[:3]

    def in_lanes(array):
        copy = aligned(*array.shape[1:], len(lanes))
        copy[..., : len(array)] = np.moveaxis(array, 0, -1)
        return copy

    def make(*shape):
        return aligned(*shape, len(lanes))

    seen = make(net.width)
    seen[-1] = 1
    buffers = Buffers(
        *(in_lanes(weights), seen, make(net.units * net.width, net.units)),
        *(make(net.units), make(net.units), make(net.outputs)),
        *(in_lanes(inputs), in_lanes(targets)),
        *(make(*targets.shape[1:]), in_lanes(lengths)),
    )
    flat = Buffers(*(buffer.reshape(-1) for buffer in buffers))
    steps = lengths.max(0)
    run(lanes, net, learning, flat, steps, length, len(lanes), f4(rate))
    weights[:] = buffers.w[..., :count].T
    return buffers.outputs[..., :count]
