"""minGRU and minLSTM: gates see only the inputs; all steps run in parallel."""

from __future__ import annotations

from keras import ops

from memnets.cells.base import Cell, CellLayer, check_units, register
from memnets.cells.scan import scan


class MinimalCell(Cell):
    """One step of h = keep * h(t-1) + new; keep and new see only the inputs.

    Args:
        units: Positive integer, the size of the memory and of the output.
        **options: The initializers and options of `Cell`.
    """

    nets: int

    def __init__(
        self,
        units,
        **options,
    ):
        units = check_units("units", units)
        super().__init__(units, [units], **options)

    def build(self, input_shape):
        """Make the weights, one matrix for all gates and the candidate."""
        columns = self.nets * self.units
        self.add("kernel", (input_shape[-1], columns), self.kernel_initializer)
        self.add("bias", (columns,), self.bias_initializer)
        self.built = True

    def net_inputs(self, inputs):
        """Return the net inputs, for one step or for all."""
        nets = ops.matmul(inputs, self.kernel) + self.bias
        return ops.split(nets, self.nets, axis=-1)

    def gates(self, inputs):
        """Return the gates and the candidate, which see only the inputs.

        Args:
            inputs: Tensor of shape `(batch, channel)` or `(batch, time,
                channel)`.

        Returns:
            A dictionary of tensors by their standard names, and the tensors
            keep and new. Their shapes are those of the inputs, with `units`
            instead of `channel`.
        """
        raise NotImplementedError(f"{type(self).__name__} must define gates")

    def observe(self, inputs, states):
        """Take one time step; return all gates and values in it."""
        (hidden,) = states
        values, keep, new = self.gates(inputs)
        hidden = keep * hidden + new
        return {**values, "hidden": hidden}, [hidden]


@register
class MinGRUCell(MinimalCell):
    """One step of the minGRU.

    z = sigmoid(W_z x + b_z)
    h = (1 - z) * h(t-1) + z * (W_h x + b_h)

    Source: L. Feng, F. Tung, M. O. Ahmed, Y. Bengio and H. Hajimirsadeghi,
    Were RNNs All We Needed?, arXiv:2410.01201 (2024).

    Args: those of `MinimalCell`.
    """

    nets = 2

    def gates(self, inputs):
        """Return z and the candidate, with keep = 1 - z."""
        update, candidate = self.net_inputs(inputs)
        update = ops.sigmoid(update)
        values = {"update_gate": update, "candidate": candidate}
        return values, 1 - update, update * candidate


@register
class MinLSTMCell(MinimalCell):
    """One step of the minLSTM.

    f = sigmoid(W_f x + b_f),  i = sigmoid(W_i x + b_i)
    h = f / (f + i) * h(t-1) + i / (f + i) * (W_h x + b_h)

    `observe` returns the normalized gates f / (f + i) and i / (f + i).

    Source: that of `MinGRUCell`.

    Args: those of `MinimalCell`.
    """

    nets = 3

    def gates(self, inputs):
        """Return the normalized gates and the candidate."""
        forget, take, candidate = self.net_inputs(inputs)
        # f / (f + i) from logarithms: f and i may both round to 0.
        ratio = ops.log_sigmoid(forget) - ops.log_sigmoid(take)
        forget, take = ops.sigmoid(ratio), ops.sigmoid(-ratio)
        values = {
            "forget_gate": forget,
            "input_gate": take,
            "candidate": candidate,
        }
        return values, forget, take * candidate


class MinimalLayer(CellLayer):
    """A layer that computes all steps at once, by a parallel scan.

    Args:
        *arguments: The arguments of the cell, then those of `CellLayer`.
        parallel: Boolean, whether to scan in parallel. If `False`, or if the
            number of time steps is unknown, the layer takes one step at a
            time. Default: `True`.
        **options: The arguments of the cell and of `CellLayer`, by name.
    """

    def __init__(self, *arguments, parallel=True, **options):
        super().__init__(*arguments, **options)
        self.parallel = parallel

    def inner_loop(self, sequences, initial_state, mask, training=False):
        """Return the last output, all outputs and the last state."""
        if not self.parallel or sequences.shape[1] is None:
            return super().inner_loop(sequences, initial_state, mask, training)
        if self.go_backwards:
            sequences = ops.flip(sequences, axis=1)
            mask = None if mask is None else ops.flip(mask, axis=1)
        _, keep, new = self.cell.gates(sequences)
        if mask is not None:
            mask = ops.cast(ops.expand_dims(mask, -1), keep.dtype)
            keep, new = mask * keep + (1 - mask), mask * new
        kept, hidden = scan(keep, new)
        hidden += kept * ops.expand_dims(initial_state[0], 1)
        outputs = hidden
        if mask is not None:
            # As in Keras, the output is 0 before the first unmasked step.
            counts = mask if self.zero_output_for_mask else ops.cumsum(mask, 1)
            outputs = ops.where(counts > 0, hidden, ops.zeros_like(hidden))
        return outputs[:, -1], outputs, [hidden[:, -1]]

    def get_config(self):
        """Return the arguments."""
        return {**super().get_config(), "parallel": self.parallel}


@register
class MinGRU(MinimalLayer):
    """minGRU layer.

    Takes the arguments of `MinGRUCell` and of `MinimalLayer`.
    """

    cell_class = MinGRUCell


@register
class MinLSTM(MinimalLayer):
    """minLSTM layer.

    Takes the arguments of `MinLSTMCell` and of `MinimalLayer`.
    """

    cell_class = MinLSTMCell
