"""The LSTM of 1997: memory cells in blocks, without a forget gate."""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

from memnets.cells.base import (
    CellLayer,
    RecurrentCell,
    check_choice,
    check_units,
    register,
)


@register
def squash_in(x):
    """The g of 1997: the logistic function scaled to [-2, 2]."""
    return 2 * ops.tanh(x / 2)


@register
def squash_out(x):
    """The h of 1997: the logistic function scaled to [-1, 1]."""
    return ops.tanh(x / 2)


@register
class Staggered(keras.initializers.Initializer):
    """Biases in equal steps from block to block.

    The more negative the bias of a block's output gate, the later in training
    the block is used. Without this, all blocks may be used up early for what
    needs no memory (section 4 of the 1997 paper).

    >>> [float(bias) for bias in Staggered(-1.0)((3,))]
    [-1.0, -2.0, -3.0]

    Args:
        first: Float, the first value.
        step: Float, from each value to the next. Default: `None`, which means
            `first`.
    """

    def __init__(self, first, step=None):
        self.first = float(first)
        self.step = self.first if step is None else float(step)

    def __call__(self, shape, dtype=None):
        """Return the values along the last axis, the same in each row."""
        values = self.first + self.step * np.arange(shape[-1])
        return ops.broadcast_to(ops.cast(values, dtype or "float32"), shape)

    def get_config(self):
        """Return the arguments."""
        return {"first": self.first, "step": self.step}


@register
class LSTM1997Cell(RecurrentCell):
    """One step of the LSTM of 1997.

    i = sigmoid(net_i),  o = sigmoid(net_o)        for each block
    s = s(t-1) + i * g(net_c)                      for each cell of the block
    y = o * h(s)

    Each net is a weighted sum of the inputs and of the previous outputs of
    all cells and all gates. There is no forget gate: along s the error is
    carried back with the factor 1. In the paper, weights are drawn by
    `RandomUniform(-0.1, 0.1)` or `(-0.2, 0.2)`.

    Source: S. Hochreiter and J. Schmidhuber, Long Short-Term Memory, Neural
    Computation 9 (8), 1735 (1997), sections 4 and A.1; with the forget gate
    (s = f * s(t-1) + i * g), F. A. Gers, J. Schmidhuber and F. Cummins,
    Learning to Forget, Neural Computation 12 (10), 2451 (2000).

    Args:
        blocks: Positive integer, the number of memory blocks.
        cells_per_block: Positive integer, the cells that share an input and
            an output gate. Default: 1.
        truncated: Boolean, whether to truncate the gradient as in the paper:
            the error is carried back along s, but not through the previous
            outputs of cells and gates. Default: `False`.
        feedback: Which previous outputs the nets see: `"all"`, of cells and
            gates (1997), `"cells"` (2000) or `None`. Default: `"all"`.
        biases: Which nets have biases: `"all"`, `"gates"` or `None`.
            Default: `"all"`.
        output_gate: Boolean, whether blocks have an output gate; without one,
            y = h(s). Default: `True`.
        forget_gate: Boolean, whether blocks have a forget gate (2000).
            Default: `False`.
        activation: The g. Default: `squash_in`, to [-2, 2].
        output_activation: The h. Default: `squash_out`, to [-1, 1].
        bias_initializer: Initializer of the cells' biases. Default:
            `"zeros"`.
        input_bias_initializer: Initializer of the input gates' biases, such
            as `Staggered(-1.0)`. Default: `"zeros"`.
        output_bias_initializer: The same for output gates. Default:
            `"zeros"`.
        forget_bias_initializer: The same for forget gates. Default: `"ones"`.
        **options: The initializers and options of `RecurrentCell`.
    """

    def __init__(
        self,
        blocks,
        cells_per_block=1,
        truncated=False,
        feedback="all",
        biases="all",
        output_gate=True,
        forget_gate=False,
        activation=squash_in,
        output_activation=squash_out,
        input_bias_initializer="zeros",
        output_bias_initializer="zeros",
        forget_bias_initializer="ones",
        **options,
    ):
        blocks = check_units("blocks", blocks)
        units = blocks * check_units("cells_per_block", cells_per_block)
        check_choice("feedback", feedback, ("all", "cells", None))
        check_choice("biases", biases, ("all", "gates", None))
        gates = blocks * (1 + bool(output_gate) + bool(forget_gate))
        super().__init__(
            units, [units, units] + [gates] * (feedback == "all"), **options
        )
        get = keras.initializers.get
        self.input_bias_initializer = get(input_bias_initializer)
        self.output_bias_initializer = get(output_bias_initializer)
        self.forget_bias_initializer = get(forget_bias_initializer)
        self.blocks, self.cells_per_block = blocks, cells_per_block
        self.truncated, self.feedback, self.biases = truncated, feedback, biases
        self.output_gate, self.forget_gate = output_gate, forget_gate
        self.activation = keras.activations.get(activation)
        self.output_activation = keras.activations.get(output_activation)

    @property
    def gates(self) -> list[str]:
        """The kinds of gates that a block has, in the weights' order."""
        optional = {"output": self.output_gate, "forget": self.forget_gate}
        return ["input", *(name for name, has in optional.items() if has)]

    def build(self, input_shape):
        """Make the weights, with columns for the gates, then the cells."""
        gates = self.blocks * len(self.gates)
        columns = gates + self.units
        self.add("kernel", (input_shape[-1], columns), self.kernel_initializer)
        if self.feedback:
            rows = columns if self.feedback == "all" else self.units
            self.add(
                "recurrent_kernel", (rows, columns), self.recurrent_initializer
            )
        if self.biases:
            columns = columns if self.biases == "all" else gates
            self.add("bias", (columns,), self._draw_bias)
        self.built = True

    def _draw_bias(self, shape, dtype=None):
        names = [f"{gate}_bias_initializer" for gate in self.gates]
        parts = [
            getattr(self, name)((self.blocks,), dtype=dtype) for name in names
        ]
        if self.biases == "all":
            parts.append(self.bias_initializer((self.units,), dtype=dtype))
        return ops.concatenate(parts)

    def net_inputs(self, inputs, states):
        """Return the net inputs of the gates and of the cells."""
        hidden, _, *gates = states
        nets = ops.matmul(inputs, self.kernel)
        if self.feedback:
            seen = ops.concatenate([hidden, *gates], -1) if gates else hidden
            if self.truncated:
                seen = ops.stop_gradient(seen)
            nets += ops.matmul(seen, self.recurrent_kernel)
        if self.biases == "all":
            nets += self.bias
        split = self.blocks * len(self.gates)
        gates, cells = nets[:, :split], nets[:, split:]
        return gates + self.bias if self.biases == "gates" else gates, cells

    def observe(self, inputs, states):
        """Take one time step; return all gates and values in it."""
        cell_state = states[1]
        net_gates, net_cells = self.net_inputs(inputs, states)
        gates = ops.sigmoid(net_gates)
        values = self._gates_by_cell(gates)
        candidate = self.activation(net_cells)
        if self.forget_gate:
            cell_state = values["forget_gate"] * cell_state
        cell_state = cell_state + values["input_gate"] * candidate
        hidden = self.output_activation(cell_state)
        if self.output_gate:
            hidden = values["output_gate"] * hidden
        values |= {
            "candidate": candidate,
            "cell_state": cell_state,
            "hidden": hidden,
        }
        fed_back = [gates] if self.feedback == "all" else []
        return values, [hidden, cell_state, *fed_back]

    def _gates_by_cell(self, gates):
        """Return the gates by name, repeated for each cell of a block."""
        kinds = ops.split(gates, len(self.gates), axis=-1)
        cells = self.cells_per_block
        if cells > 1:
            # Not `ops.repeat`, whose gradient XLA cannot compile.
            stacks = [ops.stack([k] * cells, axis=-1) for k in kinds]
            kinds = [ops.reshape(stack, (-1, self.units)) for stack in stacks]
        return {f"{name}_gate": k for name, k in zip(self.gates, kinds)}


@register
class LSTM1997(CellLayer):
    """LSTM layer of 1997, with `blocks * cells_per_block` outputs.

    Takes the arguments of `LSTM1997Cell` and of `CellLayer`.

    >>> from memnets.cells import LSTM1997
    >>> blocks = LSTM1997(4, output_bias_initializer=Staggered(-1.0))
    >>> blocks(keras.Input((20, 7))).shape
    (None, 4)
    """

    cell_class = LSTM1997Cell
