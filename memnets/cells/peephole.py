"""The LSTM with peepholes: its gates see the cell state."""

from __future__ import annotations

import keras
from keras import ops

from memnets.cells.base import CellLayer, RecurrentCell, check_units, register


@register
class PeepholeLSTMCell(RecurrentCell):
    """One step of an LSTM whose gates see the cell state.

    i = sigmoid(W_i x + U_i h(t-1) + p_i * c(t-1) + b_i)
    f = sigmoid(W_f x + U_f h(t-1) + p_f * c(t-1) + b_f)
    g = tanh(W_g x + U_g h(t-1) + b_g)
    c = f * c(t-1) + i * g
    o = sigmoid(W_o x + U_o h(t-1) + p_o * c + b_o)
    h = o * tanh(c)

    With all peepholes p at zero it is Keras's LSTM. Its weights have the same
    names and order as Keras's; the peepholes are one more, of shape
    `(3, units)`.

    Source: F. A. Gers, N. N. Schraudolph and J. Schmidhuber, Learning Precise
    Timing with LSTM Recurrent Networks, JMLR 3, 115 (2002).

    Args:
        units: Positive integer, the number of memory cells.
        peephole_gradient: Boolean, whether error flows back through the
            peepholes; in the paper it does not. Default: `True`.
        activation: The activation function of g; in the paper's experiments
            `None`, the identity. Default: `"tanh"`.
        output_activation: The function of c in h. Default: `"tanh"`.
        unit_forget_bias: Boolean, whether the forget gates' biases start at
            1. Default: `True`.
        peephole_initializer: Initializer of p. Default: `"zeros"`.
        **options: The initializers and options of `RecurrentCell`.
    """

    nets = ("input", "forget", "candidate", "output")
    has_peepholes = True

    def __init__(
        self,
        units,
        peephole_gradient=True,
        activation="tanh",
        output_activation="tanh",
        unit_forget_bias=True,
        peephole_initializer="zeros",
        **options,
    ):
        units = check_units("units", units)
        super().__init__(units, [units, units], **options)
        self.peephole_initializer = keras.initializers.get(peephole_initializer)
        self.peephole_gradient = peephole_gradient
        self.activation = keras.activations.get(activation)
        self.output_activation = keras.activations.get(output_activation)
        self.unit_forget_bias = unit_forget_bias

    @property
    def gates(self) -> tuple[str, ...]:
        """The names of the gates, in the weights' order."""
        return tuple(name for name in self.nets if name != "candidate")

    def build(self, input_shape):
        """Make the weights, one matrix for all gates and the candidate."""
        columns = len(self.nets) * self.units
        self.add("kernel", (input_shape[-1], columns), self.kernel_initializer)
        self.add(
            "recurrent_kernel",
            (self.units, columns),
            self.recurrent_initializer,
        )
        self.add("bias", (columns,), self._draw_bias)
        if self.has_peepholes:
            self.add(
                "peepholes",
                (len(self.gates), self.units),
                self.peephole_initializer,
            )
        self.built = True

    def _draw_bias(self, shape, dtype=None):
        bias = self.bias_initializer(shape, dtype=dtype)
        if not (self.unit_forget_bias and "forget" in self.nets):
            return bias
        parts = ops.split(bias, len(self.nets))
        forget = self.nets.index("forget")
        parts[forget] = ops.ones_like(parts[forget])
        return ops.concatenate(parts)

    def net_inputs(self, inputs, hidden):
        """Return the net inputs of the gates and the candidate, by name."""
        nets = ops.matmul(inputs, self.kernel)
        nets += ops.matmul(hidden, self.recurrent_kernel)
        nets += self.bias
        return dict(zip(self.nets, ops.split(nets, len(self.nets), axis=-1)))

    def gate(self, name, nets, cell_state):
        """Return a gate's value, from its net input and its peephole."""
        if not self.has_peepholes:
            return ops.sigmoid(nets[name])
        if not self.peephole_gradient:
            cell_state = ops.stop_gradient(cell_state)
        peephole = self.peepholes[self.gates.index(name)]
        return ops.sigmoid(nets[name] + peephole * cell_state)

    def observe(self, inputs, states):
        """Take one time step; return all gates and values in it."""
        hidden, cell_state = states
        nets = self.net_inputs(inputs, hidden)
        input_gate = self.gate("input", nets, cell_state)
        forget_gate = self.gate("forget", nets, cell_state)
        candidate = self.activation(nets["candidate"])
        cell_state = forget_gate * cell_state + input_gate * candidate
        output_gate = self.gate("output", nets, cell_state)
        hidden = output_gate * self.output_activation(cell_state)
        values = {
            "input_gate": input_gate,
            "forget_gate": forget_gate,
            "candidate": candidate,
            "cell_state": cell_state,
            "output_gate": output_gate,
            "hidden": hidden,
        }
        return values, [hidden, cell_state]


@register
class PeepholeLSTM(CellLayer):
    """LSTM layer whose gates see the cell state.

    Takes the arguments of `PeepholeLSTMCell` and of `CellLayer`.

    >>> from memnets.cells import PeepholeLSTM
    >>> PeepholeLSTM(4, return_sequences=True)(keras.Input((20, 3))).shape
    (None, 20, 4)
    """

    cell_class = PeepholeLSTMCell
