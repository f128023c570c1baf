"""The networks that learn streams: their sizes, options and first weights."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from memnets.training.kernels.lanes import f4
from memnets.training.kernels.stream_steps import Layout

SQUASHING = ("identity", "tanh", "logistic")
CHOICES = {
    "feedback": ("all", "cells", None),
    "biases": ("all", "gates", None),
    "g": SQUASHING,
    "h": SQUASHING[:2],
}


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
            as an integer instead of one-hot; -1 is none. Default: `False`.
        forget_gate: Boolean, whether blocks have a forget gate; without one,
            f = 1. Default: `True`.
        peepholes: Boolean, whether gates see the states of their block.
            Default: `False`.
        feedback: Which previous outputs cells and gates see: `"all"`, of cells
            and gates, `"cells"` or `None`. Default: `"cells"`.
        biases: Which hidden units have biases: `"all"`, `"gates"` or `None`.
            Default: `"all"`.
        shortcut: Boolean, whether output units also see the inputs.
            Default: `False`.
        output_biases: Boolean, whether output units have biases. Default:
            `True`.
        linear: Boolean, whether output units are linear, not logistic.
            Default: `False`.
        g: How the input of cells is squashed: `"tanh"`, with the range
            [-2, 2], `"logistic"`, with the range [0, 1], or `"identity"`.
            Default: `"tanh"`.
        h: How states are squashed: `"tanh"`, with the range [-1, 1], or
            `"identity"`. Default: `"tanh"`.
    """

    blocks: int
    cells_per_block: int
    inputs: int
    outputs: int
    symbols: bool = False
    forget_gate: bool = True
    peepholes: bool = False
    feedback: str | None = "cells"
    biases: str | None = "all"
    shortcut: bool = False
    output_biases: bool = True
    linear: bool = False
    g: str = "tanh"
    h: str = "tanh"

    def __post_init__(self):
        for name in ("blocks", "cells_per_block", "inputs", "outputs"):
            if getattr(self, name) < 1:
                raise ValueError(
                    f"{name} must be at least 1, got {getattr(self, name)}"
                )
        for name, choices in CHOICES.items():
            value = getattr(self, name)
            if value not in choices:
                names = ", ".join(map(repr, choices))
                raise ValueError(
                    f"{name} must be one of {names}, got {value!r}"
                )

    @property
    def layout(self) -> Layout:
        """The sizes and options as integers."""
        cells = self.blocks * self.cells_per_block
        gates = self.blocks * (2 + self.forget_gate)
        units, tall = gates + cells, self.inputs + 1 + cells
        fed_back = {"all": cells + gates, "cells": cells, None: 0}
        width = self.inputs + 1 + fed_back[self.feedback]
        output_start = width * units
        peephole_start = output_start + tall * self.outputs
        return Layout(
            *(self.blocks, self.cells_per_block, cells, gates, units),
            *(self.outputs, self.inputs, 1 if self.symbols else self.inputs),
            *(width, tall, 0 if self.shortcut else self.inputs),
            gates if self.biases == "gates" else units,
            {"all": 2, "cells": 1, None: 0}[self.feedback],
            *(output_start, peephole_start),
            peephole_start + 3 * cells * self.peepholes,
            *map(int, (self.symbols, self.forget_gate, self.peepholes)),
            *(int(self.linear), SQUASHING.index(self.g)),
            SQUASHING.index(self.h),
        )

    @property
    def places(self) -> list[np.ndarray]:
        """The indices of the weights in the kernel's buffer, part by part.

        The parts are the weights of inputs, feedback and biases of the hidden
        units, then those of cells, inputs and biases of the output units, then
        those of peepholes, a row of cells for each kind of gate. Hidden units
        are input gates, output gates, forget gates, cells.
        """
        net = self.layout
        one, kinds = net.inputs, 2 + self.forget_gate
        buffer = np.arange(net.count)
        hidden, output, peepholes = np.split(
            buffer, [net.output_start, net.peephole_start]
        )
        hidden = hidden.reshape(net.width, net.units)
        output = output.reshape(net.tall, net.outputs)
        # Kinds are input, forget and output gate; there may be no second.
        peepholes = peepholes.reshape(-1, net.cells)
        if not self.forget_gate:
            peepholes = peepholes[::2]
        biased = net.biased * (self.biases is not None)
        return [
            hidden[:one],
            hidden[one + 1 :],
            hidden[one : one + 1, :biased],
            output[one + 1 :],
            output[: one * self.shortcut],
            output[one : one + self.output_biases],
            peepholes[: kinds * self.peepholes],
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


def draw(
    network,
    width,
    rng,
    input_gates=None,
    output_gates=None,
    forget_gates=None,
):
    """Draw the weights of a network.

    Args:
        network: `Network`.
        width: Float; weights are drawn from [-width, width).
        rng: `numpy.random.Generator`.
        input_gates: Floats, the biases of the input gates. Default: `None`,
            drawn like the weights.
        output_gates: The same for output gates.
        forget_gates: The same for forget gates.

    Returns:
        float32 array of shape `(network.count,)`.
    """
    if forget_gates is not None and not network.forget_gate:
        raise ValueError(
            f"forget_gates must be None without them, got {forget_gates}"
        )
    weights = ((2 * rng.random(network.count) - 1) * width).astype(f4)
    biases, blocks = network.split(weights)[2], network.blocks
    for kind, given in enumerate((input_gates, output_gates, forget_gates)):
        if given is not None:
            biases[:, kind * blocks : (kind + 1) * blocks] = given
    return weights
