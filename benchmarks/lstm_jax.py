"""The implementation on JAX."""

import jax
import jax.numpy as jnp
import numpy as np
from cases import BETA_1, BETA_2, EPSILON, LEARNING_RATE
from equal_work import all_batches, probe


class Jax:
    """JAX: the whole run is one compiled scan.

    This was the fastest of those tried. Each layer has a scan of its own,
    after one product for the inputs of all its steps, and is not unrolled.
    The probe is the last sequence of the next episode's batch.
    """

    def __init__(self, setting, weights):
        self.setting, self.start = setting, [np.array(w) for w in weights]
        self.probe = probe(setting).inputs
        self.compiled = None
        zeros = [np.zeros_like(w) for w in self.start]
        self.state = self.start, zeros, zeros, np.float32(0)

    def warm_up(self, episodes):
        """Compile the run, which changes no state."""
        data = all_batches(self.setting, episodes, 0)
        lowered = jax.jit(_run).lower(self.state, *data, self.probe)
        self.compiled = lowered.compile()

    def train(self, episodes, seed):
        """Return the losses and the recorded answers."""
        data = all_batches(self.setting, episodes, seed)
        self.state, losses, records = self.compiled(
            self.state, *data, self.probe
        )
        return np.asarray(losses), np.asarray(records)

    def weights(self):
        """Return the weights in Keras's order."""
        return [np.asarray(w) for w in self.state[0]]

    def outputs_and_gradient(self, inputs, targets):
        """Return the outputs and the gradient for one batch."""
        with_probe = np.concatenate([inputs, self.probe])
        differentiate = jax.jit(jax.grad(_loss, has_aux=True))
        gradient, _ = differentiate(self.start, with_probe, targets)
        outputs = jax.jit(_outputs)(self.start, inputs)
        return np.asarray(outputs), [np.asarray(part) for part in gradient]


def _outputs(weights, x):
    x = jnp.swapaxes(x, 0, 1)  # a scan runs over the first axis
    for kernel, recurrent, bias in (weights[:3], weights[3:]):

        def step(state, z, recurrent=recurrent):
            hidden, cell = state
            i, f, g, o = jnp.split(z + hidden @ recurrent, 4, -1)
            cell = jax.nn.sigmoid(i) * jnp.tanh(g) + jax.nn.sigmoid(f) * cell
            hidden = jax.nn.sigmoid(o) * jnp.tanh(cell)
            return (hidden, cell), hidden

        zeros = jnp.zeros((x.shape[1], recurrent.shape[0]))
        _, x = jax.lax.scan(step, (zeros, zeros), x @ kernel + bias)
    return jnp.swapaxes(x, 0, 1)


def _loss(weights, x, y):
    """Return the loss of all sequences but the last, and its outputs."""
    outputs = _outputs(weights, x)
    return ((outputs[:-1] - y) ** 2).mean(), outputs[-1]


def _run(state, inputs, targets, probe):
    def episode(state, batch):
        weights, means, squares, count = state
        x = jnp.concatenate([batch[0], probe])
        differentiate = jax.value_and_grad(_loss, has_aux=True)
        (loss, before), gradient = differentiate(weights, x, batch[1])
        count += 1
        correction = jnp.sqrt(1 - BETA_2**count) / (1 - BETA_1**count)
        rate = LEARNING_RATE * correction
        means = [m + (g - m) * (1 - BETA_1) for m, g in zip(means, gradient)]
        squares = [
            s + (g * g - s) * (1 - BETA_2) for s, g in zip(squares, gradient)
        ]
        weights = [
            w - rate * m / (jnp.sqrt(s) + EPSILON)
            for w, m, s in zip(weights, means, squares)
        ]
        return (weights, means, squares, count), (loss, before)

    state, (losses, before) = jax.lax.scan(episode, state, (inputs, targets))
    last = _outputs(state[0], probe)
    return state, losses, jnp.concatenate([before[1:], last])
