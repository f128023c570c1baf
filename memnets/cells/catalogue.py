"""The cells of which a network can be built, by name.

Nothing here imports Keras, so that listing the cells takes no time.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib
from collections.abc import Callable, Mapping

from memnets.tasks.base import Task, check_integer, check_task

# The loss that trains each readout; without one it is the squared error.
READOUTS = {
    "dense": "mean_squared_error",
    "softmax": "categorical_crossentropy",
}
# The kernels in Numba, `memnets.training.kernels`, train only these.
KERNEL_CELLS = ("lstm", "gru")


@dataclasses.dataclass(frozen=True)
class Entry:
    """A cell of the catalogue.

    Args:
        layer: String, `"module:class"` of a recurrent Keras layer whose first
            argument is its size.
        about: String, a short description.
        options: Dictionary of further arguments of the layer. Default: none.
    """

    layer: str
    about: str
    options: Mapping[str, object] = dataclasses.field(default_factory=dict)

    def load(self) -> Callable:
        """Import the layer's class and bind its options."""
        module, _, name = self.layer.partition(":")
        layer = getattr(importlib.import_module(module), name)
        return functools.partial(layer, **self.options)


# The initializer `Staggered`, which gives biases -1, -2, -3, ..., in the form
# that Keras reads.
_STAGGERED = {"class_name": "memnets>Staggered", "config": {"first": -1.0}}


def _variant(name: str, about: str) -> Entry:
    layer = "memnets.cells:VariantLSTM"
    return Entry(layer, f"peephole_lstm {about}", {"variant": name})


CELLS: dict[str, Entry] = {
    "lstm": Entry("keras.layers:LSTM", "the usual LSTM, the lecture's"),
    "gru": Entry("keras.layers:GRU", "two gates; the memory is the output"),
    "simple_rnn": Entry("keras.layers:SimpleRNN", "no gates, no memory cell"),
    "elman": Entry(
        "memnets.cells:Elman",
        "simple_rnn without backpropagation through time (1990)",
        {"gradient_steps": 1},
    ),
    "lstm_1997": Entry(
        "memnets.cells:LSTM1997",
        "the first LSTM: no forget gate; staggered output gate biases",
        # Blocks of one cell. Without these biases few seeds learn to recall.
        {"output_bias_initializer": _STAGGERED},
    ),
    "peephole_lstm": Entry(
        "memnets.cells:PeepholeLSTM", "LSTM whose gates see the memory (2002)"
    ),
    "memory_gated": Entry(
        "memnets.cells:MemoryGated", "gates see the memory, not the output"
    ),
    "min_gru": Entry(
        "memnets.cells:MinGRU", "one gate, which sees only the inputs (2024)"
    ),
    "min_lstm": Entry(
        "memnets.cells:MinLSTM", "two gates, which see only the inputs (2024)"
    ),
    "lstm_nig": _variant("NIG", "without input gate"),
    "lstm_nfg": _variant("NFG", "without forget gate"),
    "lstm_nog": _variant("NOG", "without output gate"),
    "lstm_niaf": _variant("NIAF", "without input activation function"),
    "lstm_noaf": _variant("NOAF", "without output activation function"),
    "lstm_cifg": _variant("CIFG", "with coupled input and forget gates"),
    "lstm_np": _variant("NP", "without peepholes"),
    "lstm_fgr": _variant("FGR", "with full gate recurrence"),
}


def check_network(
    task: Task, cell: str, units: tuple[int, ...], readout: str | None
) -> None:
    """Refuse a network that cannot be built or could not answer the task."""
    check_task(task)
    if cell not in CELLS:
        raise ValueError(
            f"cell must be one of {', '.join(CELLS)}, got {cell!r}"
        )
    if readout is not None and readout not in READOUTS:
        raise ValueError(
            f"readout must be None or one of {', '.join(READOUTS)}, "
            f"got {readout!r}"
        )
    if not isinstance(units, (tuple, list)) or not units:
        raise TypeError(
            f"units must be a tuple of one size or more, got {units!r}"
        )
    for size in units:
        check_integer("units", size, 1)
    if readout is None and units[-1] != len(task.outputs):
        raise ValueError(
            f"units must end with {len(task.outputs)} for the outputs "
            f"{', '.join(task.outputs)} if there is no readout, "
            f"got {tuple(units)}"
        )
