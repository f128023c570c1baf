"""Who plays what: names and numbers, without any framework."""

import dataclasses

# What each player is called, and what it needs beside memnets.
PLAYERS = {
    "loop": ("the lecture's loop", None),
    "fit": ("Keras `fit`", None),
    "torch": ("PyTorch, eager", "torch"),
    "jax": ("JAX, one scan", "jax"),
    "c": ("C by hand", "a C compiler"),
    "xla": ("memnets, compiled path", None),
    "train": ("memnets", None),
}
# Who is asked in each case. The command is that of memnets alone.
CASES = {
    "pace": tuple(PLAYERS),
    "process": ("loop", "torch", "train"),
    "shapes": ("torch", "jax", "train"),
    "seeds": ("train",),
    "command": ("train",),
}
# Time steps and units of the larger networks.
SHAPES = ((1000, 5), (100, 32), (100, 128), (5000, 5))
SHORT = 300
SEEDS = 16
COMMAND = "experiments recall-mastered/5-2 --seeds 32"


@dataclasses.dataclass(frozen=True)
class Setting:
    """What is trained: LSTM(units) -> LSTM(2) on a task, one fresh batch each.

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
