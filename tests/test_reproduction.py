"""The classic experiments: rules, both ways of training, and the table."""

import functools

import numpy as np
import pytest

from memnets.tasks import Recall

pytestmark = pytest.mark.versions


def rng(seed=0):
    return np.random.default_rng(seed)


def after_one_step(cell, batch, channels, outputs, weights):
    """Return the weights after one step of gradient descent by the kernel."""
    from memnets.training.kernels.engine import Kernel
    from memnets.training.kernels.network import Stack
    from memnets.training.kernels.optimizers import Optimizer, constant

    size, steps = batch.weights.shape
    kernel = Kernel(
        Stack(channels, (cell,), (6,), "linear", outputs),
        Optimizer("SGD", constant(0.5)),
        *(size, steps, batch.inputs[:1]),
    )
    kernel.put(weights)
    kernel.run(type(batch)(*(a[None] for a in batch)), 0, np.zeros(1, bool))
    return kernel.get()[0], kernel.answers()


@pytest.mark.parametrize("cell", ["simple_rnn", "elman"])
def test_the_kernel_trains_simple_networks_like_keras(cell):
    import keras

    from memnets.cells import Elman
    from memnets.networks.draws import initial_weights

    task = Recall()
    batch = task.sample(7, rng())
    weights = initial_weights(3, (6,), 2, "dense", 3, cell)
    layer = keras.layers.SimpleRNN
    if cell == "elman":
        layer = functools.partial(Elman, gradient_steps=1)
    model = keras.Sequential(
        [
            keras.Input((20, 3)),
            layer(6, return_sequences=True),
            keras.layers.Dense(2),
        ]
    )
    model.set_weights(weights)
    model.compile(keras.optimizers.SGD(0.5), "mean_squared_error")
    expected = model.predict(batch.inputs, verbose=0)
    model.train_on_batch(*batch)
    mine, answers = after_one_step(cell, batch, 3, 2, weights)
    np.testing.assert_allclose(answers, expected, atol=1e-6)
    for own, other, before in zip(mine, model.get_weights(), weights):
        assert np.abs(other - before).max() > 1e-4
        np.testing.assert_allclose(own, other, atol=1e-6)
