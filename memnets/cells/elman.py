"""The simple recurrent network with truncated backpropagation."""

from __future__ import annotations

import keras
from keras import ops

from memnets.cells.base import CellLayer, RecurrentCell, check_units, register


@register
class ElmanCell(RecurrentCell):
    """One step of the simple recurrent network.

    h = tanh(W x + U h(t-1) + b)

    `gradient_steps` sets how far the error is carried back in time:

    - `None`: to the first step, as in `keras.layers.SimpleRNN`.
    - 1: not at all. h(t-1) is an input like any other, the context units of
      Elman's network.
    - k: within segments of k steps, counted from the first. The error at step
      t = 0, 1, 2, ... is carried back over t % k steps. Masked steps do not
      count.

    Sources: J. L. Elman, Finding Structure in Time, Cognitive Science 14, 179
    (1990); A. Cleeremans, D. Servan-Schreiber and J. L. McClelland, Neural
    Computation 1 (3), 372 (1989); for segments, R. J. Williams and J. Peng,
    Neural Computation 2 (4), 490 (1990).

    Args:
        units: Positive integer, the size of the context.
        gradient_steps: Positive integer k, or `None`. Default: `None`.
        activation: The activation function; `"sigmoid"` in the papers.
            Default: `"tanh"`.
        **options: The initializers and options of `RecurrentCell`.
    """

    def __init__(
        self,
        units,
        gradient_steps=None,
        activation="tanh",
        **options,
    ):
        sizes = [check_units("units", units)]
        if gradient_steps is not None:
            gradient_steps = check_units("gradient_steps", gradient_steps)
            sizes += [1] * (gradient_steps > 1)
        super().__init__(sizes[0], sizes, **options)
        self.gradient_steps = gradient_steps
        self.activation = keras.activations.get(activation)

    def build(self, input_shape):
        """Make the weights."""
        units = self.units
        self.add("kernel", (input_shape[-1], units), self.kernel_initializer)
        self.add("recurrent_kernel", (units, units), self.recurrent_initializer)
        self.add("bias", (units,), self.bias_initializer)
        self.built = True

    def observe(self, inputs, states):
        """Take one time step; return all gates and values in it."""
        context, *step = self._truncate(*states)
        nets = ops.matmul(inputs, self.kernel)
        nets += ops.matmul(context, self.recurrent_kernel)
        hidden = self.activation(nets + self.bias)
        return {"hidden": hidden}, [hidden, *step]

    def _truncate(self, context, step=None):
        """Stop the gradient at the start of a segment; count its steps."""
        if self.gradient_steps is None:
            return [context]
        stopped = ops.stop_gradient(context)
        if self.gradient_steps == 1:
            return [stopped]
        context = ops.where(ops.equal(step, 0), stopped, context)
        last = ops.equal(step, self.gradient_steps - 1)
        return [context, ops.where(last, ops.zeros_like(step), step + 1)]


@register
class Elman(CellLayer):
    """Simple recurrent layer with truncated backpropagation through time.

    Takes the arguments of `ElmanCell` and of `CellLayer`.
    """

    cell_class = ElmanCell
