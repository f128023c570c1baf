"""Eight variants of the LSTM, each with one part changed."""

from __future__ import annotations

from keras import ops

from memnets.cells.base import CellLayer, check_choice, register
from memnets.cells.peephole import PeepholeLSTMCell

VARIANTS = {
    None: "the LSTM with peepholes",
    "NIG": "no input gate: i = 1",
    "NFG": "no forget gate: f = 1",
    "NOG": "no output gate: o = 1",
    "NIAF": "no input activation function: g is its net input",
    "NOAF": "no output activation function: h = o * c",
    "CIFG": "coupled input and forget gates: f = 1 - i",
    "NP": "no peepholes",
    "FGR": "full gate recurrence: gates see all gates of the previous step",
}


@register
class VariantLSTMCell(PeepholeLSTMCell):
    """One step of an LSTM with peepholes, or of one of its eight variants.

    A variant has no weights that it does not use.

    Source: K. Greff, R. K. Srivastava, J. Koutnik, B. R. Steunebrink and J.
    Schmidhuber, LSTM: A Search Space Odyssey, IEEE Transactions on Neural
    Networks and Learning Systems 28 (10), 2222 (2017).

    Args:
        units: Positive integer, the number of memory cells.
        variant: A key of `VARIANTS`, which describes each. Default: `None`,
            the LSTM with peepholes.
        **options: The initializers and options of `PeepholeLSTMCell`.
    """

    def __init__(self, units, variant=None, **options):
        check_choice("variant", variant, VARIANTS)
        super().__init__(units, **options)
        self.variant = variant
        absent = {"NIG": "input", "NFG": "forget", "NOG": "output"}
        absent["CIFG"] = "forget"
        self.nets = tuple(n for n in self.nets if n != absent.get(variant))
        self.has_peepholes = variant != "NP"
        if variant == "FGR":
            self.state_size = [*self.state_size, 3 * self.units]

    def build(self, input_shape):
        """Make the weights."""
        super().build(input_shape)
        if self.variant == "FGR":
            shape = (3 * self.units, 3 * self.units)
            self.add("gate_kernel", shape, self.recurrent_initializer)

    def gate(self, name, nets, cell_state):
        """Return a gate's value, 1 if the variant lacks it."""
        if name not in nets:
            return ops.ones_like(cell_state)
        return super().gate(name, nets, cell_state)

    def observe(self, inputs, states):
        """Take one time step; return all gates and values in it."""
        hidden, cell_state, *gates = states
        nets = self.net_inputs(inputs, hidden)
        if self.variant == "FGR":
            nets |= self._gate_recurrence(nets, *gates)
        input_gate = self.gate("input", nets, cell_state)
        if self.variant == "CIFG":
            forget_gate = 1 - input_gate
        else:
            forget_gate = self.gate("forget", nets, cell_state)
        candidate = nets["candidate"]
        if self.variant != "NIAF":
            candidate = self.activation(candidate)
        cell_state = forget_gate * cell_state + input_gate * candidate
        output_gate = self.gate("output", nets, cell_state)
        squashed = cell_state
        if self.variant != "NOAF":
            squashed = self.output_activation(cell_state)
        hidden = output_gate * squashed
        if self.variant == "FGR":
            gates = [input_gate, forget_gate, output_gate]
            gates = [ops.concatenate(gates, axis=-1)]
        values = {
            "input_gate": input_gate,
            "forget_gate": forget_gate,
            "candidate": candidate,
            "cell_state": cell_state,
            "output_gate": output_gate,
            "hidden": hidden,
        }
        return values, [hidden, cell_state, *gates]

    def _gate_recurrence(self, nets, gates):
        """Return the gates' net inputs with the previous gates added."""
        seen = ops.split(ops.matmul(gates, self.gate_kernel), 3, axis=-1)
        return {name: nets[name] + s for name, s in zip(self.gates, seen)}


@register
class VariantLSTM(CellLayer):
    """LSTM layer with peepholes, or one of its eight variants.

    Takes the arguments of `VariantLSTMCell` and of `CellLayer`.
    """

    cell_class = VariantLSTMCell
