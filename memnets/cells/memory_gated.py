"""A cell whose gates see the memory instead of the previous output."""

from __future__ import annotations

from keras import ops

from memnets.cells.base import CellLayer, RecurrentCell, check_units, register


@register
class MemoryGatedCell(RecurrentCell):
    """One step of a cell whose gates see the inputs and the whole memory.

    u = W_u x
    r = sigmoid(W_r x + U_r m(t-1) + b_r)     input gate
    f = sigmoid(W_f x + U_f m(t-1) + b_f)     forget gate
    o = sigmoid(W_o x + U_o m(t-1) + b_o)     output gate
    m = f * m(t-1) + r * u
    y = o * m

    The only state is the memory m. With `squashed`, u = tanh(W_u x) and
    y = o * tanh(m), as in an LSTM.

    Source: the blog post "LSTMs" that draws these gates and calls the
    matrices M_in, M_R, M_F and M_out.

    Args:
        units: Positive integer, the size of the memory and of the output.
        squashed: Boolean, whether u and m pass through tanh. Default:
            `False`.
        **options: The initializers and options of `RecurrentCell`.
    """

    def __init__(
        self,
        units,
        squashed=False,
        **options,
    ):
        units = check_units("units", units)
        super().__init__(units, [units], **options)
        self.squashed = squashed

    def build(self, input_shape):
        """Make the weights, with columns u, r, f, o; U and b lack u."""
        units = self.units
        self.add(
            "kernel", (input_shape[-1], 4 * units), self.kernel_initializer
        )
        self.add(
            "recurrent_kernel", (units, 3 * units), self.recurrent_initializer
        )
        self.add("bias", (3 * units,), self.bias_initializer)
        self.built = True

    def observe(self, inputs, states):
        """Take one time step; return all gates and values in it."""
        (memory,) = states
        nets = ops.matmul(inputs, self.kernel)
        update, nets = nets[:, : self.units], nets[:, self.units :]
        nets += ops.matmul(memory, self.recurrent_kernel) + self.bias
        remember, keep, put_out = ops.split(ops.sigmoid(nets), 3, axis=-1)
        if self.squashed:
            update = ops.tanh(update)
        memory = keep * memory + remember * update
        hidden = put_out * (ops.tanh(memory) if self.squashed else memory)
        values = {
            "input_gate": remember,
            "forget_gate": keep,
            "output_gate": put_out,
            "candidate": update,
            "cell_state": memory,
            "hidden": hidden,
        }
        return values, [memory]


@register
class MemoryGated(CellLayer):
    """Layer whose gates see the inputs and the whole memory.

    Takes the arguments of `MemoryGatedCell` and of `CellLayer`.
    """

    cell_class = MemoryGatedCell
