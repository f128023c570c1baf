"""The batch kernel for Keras models: which it can train, and their weights."""

from __future__ import annotations

import functools

import keras
import numpy as np

from memnets.training.kernels.engine import Kernel
from memnets.training.kernels.network import Stack
from memnets.training.kernels.optimizers import (
    CLIPS,
    LOSSES,
    STATES,
    Optimizer,
    constant,
    cosine,
)

CELLS = {keras.layers.LSTM: "lstm", keras.layers.GRU: "gru"}
# The kernel's arrays of an optimizer's state, by Keras's attributes.
ATTRIBUTES = {
    "Adam": {"mean": "_momentums", "square": "_velocities"},
    "SGD": {"mean": "momentums"},
}
# Options that may differ from the defaults: of layers, then of optimizers.
FREE = {"name", "units", "seed", "unroll", "unit_forget_bias"}
FREE |= {f"{w}_initializer" for w in ("kernel", "recurrent", "bias")}
FREE |= {"learning_rate", "beta_1", "beta_2", "epsilon", "momentum"}
FREE |= {"nesterov", "clipnorm", "clipvalue", "global_clipnorm"}


class KerasKernel(Kernel):
    """The kernel for a Keras model: reads its weights and writes them back.

    Args:
        model: A Keras model that `serves` accepts.
        batch_size: As in `Kernel`.
        timesteps: As in `Kernel`.
        probe: As in `Kernel`.
        watch: String, the name of the layer to record too. Default: `None`.
        symbols: As in `Kernel`.
    """

    def __init__(
        self, model, batch_size, timesteps, probe, watch=None, symbols=False
    ):
        self.model = model
        names = [layer.name for layer in model.layers]
        watched = None if watch is None else names.index(watch)
        super().__init__(
            stack_of(model),
            optimizer_of(model),
            batch_size,
            timesteps,
            probe,
            watched,
            symbols,
        )
        model.optimizer.build(model.trainable_variables)
        self.begin()

    def begin(self) -> None:
        """Read the weights and the optimizer's state."""
        optimizer = self.model.optimizer
        state = {
            name: [np.asarray(v) for v in variables]
            for name, variables in _states(optimizer)
        }
        state["iterations"] = [np.asarray(optimizer.iterations)]
        self.put(self.model.get_weights(), state)

    def end(self) -> None:
        """Write the weights and the optimizer's state back."""
        weights, state = self.get()
        optimizer = self.model.optimizer
        for variable, weight in zip(self.model.trainable_variables, weights):
            variable.assign(weight)
        for name, variables in _states(optimizer):
            for variable, value in zip(variables, state[name]):
                variable.assign(value)
        optimizer.iterations.assign(state["iterations"][0])


def _states(optimizer):
    """Yield the kernel's name and Keras's variables of an optimizer's state."""
    kind = type(optimizer).__name__
    for name in STATES[kind]:
        variables = getattr(optimizer, ATTRIBUTES[kind][name], None)
        if variables:  # SGD without momentum has none
            yield name, variables


def restore(model, weights, state) -> None:
    """Set a model's weights and optimizer state to those of `Engine.get`.

    Args:
        model: A compiled, built Keras model.
        weights: List of arrays in the order of `get_weights`.
        state: Dictionary from names to lists of arrays.
    """
    optimizer = model.optimizer
    model.set_weights(weights)
    optimizer.build(model.trainable_variables)
    if "variables" in state:
        pairs = [*zip(optimizer.variables, state["variables"])]
    else:
        pairs = [(optimizer.iterations, state["iterations"][0])]
        for name, variables in _states(optimizer):
            pairs += zip(variables, state[name])
    for variable, value in pairs:
        variable.assign(value)


def serves(model: keras.Model) -> bool:
    """Return whether the kernel can train a model as Keras would.

    Args:
        model: A compiled, built Keras model.
    """
    optimizer = model.optimizer
    if type(model) is not keras.Sequential:
        return False
    recurrent, head = split(model)
    return (
        len(recurrent) > 0
        and all(map(_is_usual, [*recurrent, *head]))
        and [type(layer) for layer in head] in ([], [keras.layers.Dense])
        and all(w.dtype == "float32" and w.trainable for w in model.weights)
        and type(optimizer) in (keras.optimizers.Adam, keras.optimizers.SGD)
        and _is_usual(optimizer)
        and optimizer_of(model) is not None
    )


def split(model) -> tuple[list, list]:
    """Return the leading recurrent layers, and the rest."""
    recurrent = [type(layer) in CELLS for layer in model.layers]
    first = [*recurrent, False].index(False)
    return model.layers[:first], model.layers[first:]


def stack_of(model) -> Stack:
    """Return the stack equivalent to a model."""
    recurrent, head = split(model)
    readout = keras.activations.serialize(head[0].activation) if head else None
    return Stack(
        channels=model.input_shape[-1],
        cells=tuple(CELLS[type(layer)] for layer in recurrent),
        units=tuple(layer.units for layer in recurrent),
        readout=readout,
        outputs=model.output_shape[-1],
    )


def optimizer_of(model) -> Optimizer | None:
    """Return the optimizer and the loss of a model, `None` if unknown."""
    loss = loss_of(model)
    if loss is None:
        return None
    options = model.optimizer.get_config()
    clips = [(c, options[c]) for c in CLIPS if options.get(c)]
    clip, limit = clips[0] if clips else (None, 0.0)
    known = "beta_1", "beta_2", "epsilon", "momentum", "nesterov"
    return Optimizer(
        type(model.optimizer).__name__,
        rates_of(model.optimizer),
        *loss,
        clip=clip,
        limit=limit,
        **{name: options[name] for name in known if name in options},
    )


def loss_of(model) -> tuple[str, bool] | None:
    """Return the name of a loss and whether it is a mean over the weights.

    Returns `None` if the kernel does not have the loss.
    """
    loss, by_weight = model.loss, False
    if getattr(model, "_compile_loss", None) is not None:
        if getattr(model._compile_loss, "_user_loss_weights", None):
            return None
    if isinstance(loss, keras.losses.Loss):
        by_weight = loss.reduction == "mean_with_sample_weight"
        usual = {**type(loss)().get_config(), "reduction": loss.reduction}
        known = by_weight or loss.reduction == "sum_over_batch_size"
        if not known or loss.get_config() != usual:
            return None
        loss = type(loss)
    elif isinstance(loss, str):
        loss = keras.losses.get(loss)
    named = {
        keras.losses.MeanSquaredError: "mean_squared_error",
        keras.losses.BinaryCrossentropy: "binary_crossentropy",
        keras.losses.CategoricalCrossentropy: "categorical_crossentropy",
        **{getattr(keras.losses, name): name for name in LOSSES},
    }
    name = named.get(loss if callable(loss) else None)
    # Keras computes a cross-entropy from the readout's net inputs if the
    # activation is the one that belongs to it.
    wanted = {"binary_crossentropy": "sigmoid"}
    wanted["categorical_crossentropy"] = "softmax"
    if name is None or wanted.get(name) not in (None, stack_of(model).readout):
        return None
    return name, by_weight


def rates_of(optimizer):
    """Return the learning rate as a function of the steps taken before."""
    rate = optimizer._learning_rate
    if type(rate) is keras.optimizers.schedules.CosineDecay:
        options = rate.get_config()
        if options["warmup_target"] is None:
            return cosine(
                options["initial_learning_rate"],
                options["decay_steps"],
                options["alpha"],
            )
    if isinstance(rate, keras.optimizers.schedules.LearningRateSchedule):
        return lambda before: np.array([float(rate(int(b))) for b in before])
    return constant(float(optimizer.learning_rate))


@functools.cache
def _usual(kind: type) -> dict[str, object]:
    """Return the default options of a layer or an optimizer."""
    if kind in CELLS:
        return kind(1, return_sequences=True, dtype="float32").get_config()
    if kind is keras.layers.Dense:
        return kind(1, dtype="float32").get_config()
    return kind().get_config()


def _is_usual(thing) -> bool:
    if type(thing) not in (*CELLS, keras.layers.Dense) and not isinstance(
        thing, keras.optimizers.Optimizer
    ):
        return False
    usual, options = _usual(type(thing)), thing.get_config()
    free = set(FREE)
    if type(thing) is keras.layers.Dense:
        free.add("activation")
        if options["activation"] not in ("linear", "sigmoid", "softmax"):
            return False
    return all(options[k] == usual[k] for k in usual.keys() - free)
