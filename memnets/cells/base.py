"""Base classes of the cells and of the layers around them."""

from __future__ import annotations

import inspect
from typing import ClassVar

import keras
from keras import ops

from memnets.tasks.base import check_integer

register = keras.saving.register_keras_serializable("memnets")


class Cell(keras.layers.Layer):
    """One time step of a recurrent network, as `keras.layers.RNN` requires.

    A subclass writes its equations once, in `observe`. The cell's output is
    the value named `hidden`. Every argument is kept in an attribute of the
    same name, which `get_config` reads.

    Args:
        units: Positive integer, the size of the output.
        state_sizes: List of integers, the size of each state.
        kernel_initializer: Initializer of the input weights, W. Default:
            `"glorot_uniform"`.
        bias_initializer: Initializer of the biases, b. Default: `"zeros"`.
        **layer: `name`, `dtype` and `trainable`, as for any Keras layer.
    """

    def __init__(
        self,
        units,
        state_sizes,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        **layer,
    ):
        super().__init__(**layer)
        self.units = self.output_size = units
        self.state_size = state_sizes
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)

    def add(self, name, shape, initializer):
        """Add a weight and store it in the attribute `name`."""
        setattr(self, name, self.add_weight(shape, initializer, name=name))

    def observe(self, inputs, states):
        """Take one time step; return all gates and values in it.

        Args:
            inputs: Tensor of shape `(batch, channel)`.
            states: List of tensors of shape `(batch, size)`, one for each
                size in `state_size`.

        Returns:
            A dictionary of tensors of shape `(batch, units)` and the list of
            the new states. The keys are those of the standard names
            `input_gate`, `forget_gate`, `output_gate`, `update_gate`,
            `candidate`, `cell_state` and `hidden` that the cell has.
        """
        raise NotImplementedError(f"{type(self).__name__} must define observe")

    def call(self, inputs, states):
        """Take one time step; return the hidden output and the new states."""
        values, states = self.observe(inputs, states)
        return values["hidden"], states

    def get_initial_state(self, batch_size=None):
        """Return the states before the first step: zeros."""
        return [
            ops.zeros((batch_size, size), dtype=self.compute_dtype)
            for size in self.state_size
        ]

    def get_config(self):
        """Return the arguments, as plain values."""
        names = _cell_arguments(type(self))
        plain = {name: _plain(getattr(self, name)) for name in names}
        return {**super().get_config(), **plain}


class RecurrentCell(Cell):
    """A cell whose net inputs include the previous output or memory.

    Args:
        units: Positive integer, the size of the output.
        state_sizes: List of integers, the size of each state.
        recurrent_initializer: Initializer of the recurrent weights, U.
            Default: `"orthogonal"`.
        **options: The initializers and options of `Cell`.
    """

    def __init__(
        self, units, state_sizes, recurrent_initializer="orthogonal", **options
    ):
        super().__init__(units, state_sizes, **options)
        initializer = keras.initializers.get(recurrent_initializer)
        self.recurrent_initializer = initializer


class CellLayer(keras.layers.RNN):
    """A layer that runs a cell over sequences, like `keras.layers.LSTM`.

    Args:
        *arguments: The arguments of the cell.
        return_sequences: Boolean, whether to return the output at every step
            or only the last. Default: `False`.
        return_state: Boolean, whether to return the last states too.
            Default: `False`.
        go_backwards: Boolean, whether to process the time steps in reverse
            order and return the outputs in that order. Default: `False`.
        stateful: Boolean, whether each batch starts from the last states of
            the batch before. Default: `False`.
        unroll: Boolean, whether to unroll the loop over time steps. Default:
            `False`.
        zero_output_for_mask: Boolean, whether the output at masked steps is
            0 instead of the previous output. Default: `False`.
        activity_regularizer: A regularizer of the output. Default: `None`.
        name: String, the name of the layer. Default: `None`, made by Keras.
        dtype: The dtype policy. Default: `None`, Keras's own.
        trainable: Boolean, whether the weights are trained. Default: `True`.
        **options: The arguments of the cell, by name.

    Call arguments and shapes: those of `keras.layers.LSTM`.
    """

    cell_class: ClassVar[type[Cell]]

    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        if hasattr(cls, "cell_class"):  # let help() list the cell's arguments
            own = {**_named(cls), **_named(CellLayer)}
            shown = {**_cell_arguments(cls.cell_class), **own}
            cls.__signature__ = inspect.Signature(list(shown.values()))

    def __init__(
        self,
        *arguments,
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        stateful=False,
        unroll=False,
        zero_output_for_mask=False,
        activity_regularizer=None,
        name=None,
        dtype=None,
        trainable=True,
        **options,
    ):
        shared = {"dtype": dtype, "trainable": trainable}
        super().__init__(
            self.cell_class(*arguments, **options, **shared),
            return_sequences=return_sequences,
            return_state=return_state,
            go_backwards=go_backwards,
            stateful=stateful,
            unroll=unroll,
            zero_output_for_mask=zero_output_for_mask,
            activity_regularizer=activity_regularizer,
            name=name,
            **shared,
        )
        self.input_spec = keras.layers.InputSpec(ndim=3)

    @property
    def units(self) -> int:
        """The size of the output."""
        return self.cell.units

    def get_config(self):
        """Return the arguments, including those of the cell."""
        config = super().get_config()
        del config["cell"]
        return {**self.cell.get_config(), **config}

    @classmethod
    def from_config(cls, config):
        """Make the layer from its arguments."""
        return cls(**config)


def check_units(argument: str, units) -> int:
    """Refuse anything but a positive integer; return it."""
    check_integer(argument, units, 1)
    return int(units)


def check_choice(argument: str, value, choices) -> None:
    """Refuse anything but one of the choices."""
    if value not in choices:
        said = ", ".join(map(repr, choices))
        raise ValueError(f"{argument} must be one of {said}, got {value!r}")


def _cell_arguments(cell: type[Cell]) -> dict[str, inspect.Parameter]:
    """Return the arguments of a cell, including those that its bases take.

    A base's argument without a default is left out: the cell computes it.
    """
    found = _named(cell)
    for base in cell.__mro__[1 : cell.__mro__.index(Cell) + 1]:
        for name, parameter in _named(base).items():
            if parameter.default is not parameter.empty:
                found.setdefault(name, parameter)
    return found


def _named(kind: type) -> dict[str, inspect.Parameter]:
    parameters = inspect.signature(kind.__init__).parameters.items()
    named = {n: p for n, p in parameters if "VAR" not in p.kind.name}
    del named["self"]
    return named


def _plain(value):
    if isinstance(value, keras.initializers.Initializer):
        return keras.initializers.serialize(value)
    return keras.activations.serialize(value) if callable(value) else value
