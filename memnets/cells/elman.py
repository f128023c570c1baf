"""The simple recurrent network, and how far its error is carried back."""

from __future__ import annotations

import keras
from keras import ops

from memnets.cells.base import CellLayer, RecurrentCell, check_units, register


@register
class ElmanCell(RecurrentCell):
    """One step of the simple recurrent network.

    h = tanh(W x + U h(t-1) + b)

    `gradient_steps` says how far back in time the error at a step is carried.
    With `None`, to the first step: it is `keras.layers.SimpleRNN`. With 1, not
    at all: h(t-1) is an input like any other, the context of Elman's network.
    With k, the sequence falls into segments of k steps, from its first step
    on, and error stays in its segment: at step t, counted from 0, it is
    carried back over t % k steps. Masked steps are not counted.

    Sources: J. L. Elman, Finding Structure in Time, Cognitive Science 14, 179
    (1990); A. Cleeremans, D. Servan-Schreiber and J. L. McClelland, Neural
    Computation 1 (3), 372 (1989); for segments, R. J. Williams and J. Peng,
    Neural Computation 2 (4), 490 (1990).

    Args:
        units: Positive integer, the size of the context.
        gradient_steps: Positive integer k, or `None`. Default: `None`.
        activation: The function of the sum; `"sigmoid"` in the papers.
            Default: `"tanh"`.
        **options: The initializers and the options of `RecurrentCell`.
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
        """Take one time step and tell of all that happens in it."""
        context, *step = self._cut(*states)
        nets = ops.matmul(inputs, self.kernel)
        nets += ops.matmul(context, self.recurrent_kernel)
        hidden = self.activation(nets + self.bias)
        return {"hidden": hidden}, [hidden, *step]

    def _cut(self, context, step=None):
        """Keep error from flowing out of a segment; count its steps."""
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
    """Simple recurrent layer whose error is carried back as far as wanted.

    Takes the arguments of `ElmanCell` and of `CellLayer`.
    """

    cell_class = ElmanCell
