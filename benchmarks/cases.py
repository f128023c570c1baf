"""What is compared and at which sizes; no framework is imported here."""

import dataclasses
from typing import NamedTuple


class Implementation(NamedTuple):
    """One way to train the network.

    Attributes:
        title: String, its name in the tables.
        location: String, the module and the class, with a colon between.
        needs: String, what it needs beside memnets. Default: `None`, nothing.
    """

    title: str
    location: str
    needs: str | None = None


C_COMPILER = "a C compiler"
IMPLEMENTATIONS = {
    "loop": Implementation("the lecture's loop", "lstm_keras:Loop"),
    "fit": Implementation("Keras `fit`", "lstm_keras:Fit"),
    "torch": Implementation("PyTorch, eager", "lstm_torch:Torch", "torch"),
    "jax": Implementation("JAX, one scan", "lstm_jax:Jax", "jax"),
    "c": Implementation("C by hand", "lstm_c:HandWritten", C_COMPILER),
    "xla": Implementation("memnets, compiled path", "lstm_keras:Compiled"),
    "train": Implementation("memnets", "lstm_keras:Memnets"),
}
# Which implementations each case measures. Only memnets has the command.
CASES = {
    "pace": tuple(IMPLEMENTATIONS),
    "process": ("loop", "torch", "train"),
    "shapes": ("torch", "jax", "train"),
    "seeds": ("train",),
    "command": ("train",),
}
# Time steps and units of the larger networks.
SHAPES = ((1000, 5), (100, 32), (100, 128), (5000, 5))
# Episodes of the short run that `process` measures.
SHORT_RUN = 300
SEEDS = 16
# Keras's Adam, for the implementations that do not use Keras.
LEARNING_RATE, BETA_1, BETA_2, EPSILON = 1e-3, 0.9, 0.999, 1e-7
COMMAND = "experiments recall-mastered/5-2 --seeds 32"


@dataclasses.dataclass(frozen=True)
class Setting:
    """The network LSTM(units) -> LSTM(2), its task and its batches.

    Args:
        task: String, `"recall"` or `"countdown"`. Default: `"recall"`.
        timesteps: Integer, the length of a sequence. Default: 20.
        units: Integer, the size of the first layer. Default: 5.
        batch: Integer, the sequences of a batch. Default: 20.
        seed: Integer, of the initial weights and the sequences. Default: 0.
    """

    task: str = "recall"
    timesteps: int = 20
    units: int = 5
    batch: int = 20
    seed: int = 0

    @property
    def episodes(self) -> int:
        """The episodes of one measurement, fewer where each takes longer."""
        size = self.timesteps / 20 * max(1, self.units / 32)
        return max(10, int(1500 / size))

    def __str__(self):
        batch = f", batch {self.batch}" if self.batch != 20 else ""
        return f"{self.task}, T {self.timesteps:,}, {self.units}-2 units{batch}"
