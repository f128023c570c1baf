"""Draw the initial weights of another seed without building a new network."""

from __future__ import annotations

import keras

from memnets.networks.build import DRAWN, seed_layer
from memnets.networks.draws import layer_seeds
from memnets.networks.initializers import Chrono


class ResettableNetwork:
    """A compiled model that can be reset to the initial weights of any seed.

    Building a network again would take ten times as long and lose its
    compiled functions.

    Args:
        model: A compiled model from `recurrent` that has not been trained.
    """

    def __init__(self, model: keras.Model):
        self.model, optimizer = model, model.optimizer
        optimizer.build(model.trainable_variables)
        variables = [*model.variables, *optimizer.variables]
        self._start = [(variable, variable.numpy()) for variable in variables]

    def reset(self, seed: int) -> keras.Model:
        """Return the model in the state in which `seed` would build it."""
        for variable, value in self._start:
            variable.assign(value)
        draw_weights(self.model, seed)
        return self.model


def draw_weights(model: keras.Model, seed: int) -> None:
    """Draw the initial weights of another seed, as `recurrent` does.

    Weights whose initializer is constant or has a seed of its own, such as
    most biases, keep their values.

    Args:
        model: A network from `recurrent`, or another model of such layers.
        seed: Integer of at least 0.

    Raises:
        ValueError: If the network's seed decides other weights than kernels
            and the biases of `Chrono`. Build the network again instead.
    """
    seeds = layer_seeds(seed, len(model.layers))
    for layer, pair in zip(model.layers, seeds):
        cell = getattr(layer, "cell", layer)
        for name, initializer in seed_layer(layer, pair).items():
            names = DRAWN.get(name, ())
            if isinstance(initializer, Chrono):
                names = ("bias",)
            if not names:
                raise ValueError(
                    f"model must draw no weights but kernels, got "
                    f"{type(initializer).__name__} as {name} of "
                    f"{layer.name}; build it again with `recurrent`"
                )
            for weight in names:
                weight = getattr(cell, weight, None)
                if weight is not None:
                    weight.assign(initializer(weight.shape, weight.dtype))
