"""Several variants of a task, mixed into one."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np

from memnets.tasks.base import Batch, Task, check_draw


@dataclasses.dataclass(frozen=True)
class Mixture(Task):
    """Each sequence comes from one of several tasks, equally likely.

    A network often fails at variants that it was not trained on. A mixture
    of one ask, two asks and two tells teaches all three. The first part's
    rule and marking are used for all sequences, so the parts must share them,
    as the variants of `Recall` do.

    Args:
        tasks: Tuple of tasks with equal length and equal channels. The
            mixture takes its `timesteps` from them.

    Example:

    >>> from memnets.tasks import Mixture, Recall
    >>> mix = Mixture((Recall(), Recall(asks=2), Recall(tells=2)))
    >>> mix.timesteps, mix.inputs
    (20, ('tell', 'value', 'ask'))
    """

    timesteps: int = dataclasses.field(init=False, default=20)
    tasks: tuple[Task, ...] = ()

    name: ClassVar[str] = "mixture"

    def __post_init__(self):
        parts = tuple(self.tasks)
        if not parts or not all(isinstance(part, Task) for part in parts):
            raise TypeError(
                f"tasks must be a tuple of one task or more, got {self.tasks!r}"
            )
        for part in parts[1:]:
            if _signature(part) != _signature(parts[0]):
                raise ValueError(
                    f"tasks must have equal length and channels, got "
                    f"{_signature(parts[0])} and {_signature(part)}"
                )
        object.__setattr__(self, "tasks", parts)
        object.__setattr__(self, "timesteps", parts[0].timesteps)

    @property
    def inputs(self) -> tuple[str, ...]:  # type: ignore[override]
        """The names of the input channels."""
        return self.tasks[0].inputs

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of the output channels."""
        return self.tasks[0].outputs

    @property
    def landmarks(self) -> dict[str, float]:
        """The mean over the parts of each landmark that all parts have."""
        shared = set.intersection(*(set(t.landmarks) for t in self.tasks))
        return {
            name: float(np.mean([t.landmarks[name] for t in self.tasks]))
            for name in self.tasks[0].landmarks
            if name in shared
        }

    def sample(self, batch_size: int, rng: np.random.Generator) -> Batch:
        """Draw fresh sequences, each from a part drawn at random."""
        check_draw(batch_size, rng)
        part = rng.integers(len(self.tasks), size=batch_size)
        drawn = [task.sample(batch_size, rng) for task in self.tasks]
        sequence = np.arange(batch_size)
        return Batch(
            *(np.stack(field)[part, sequence] for field in zip(*drawn))
        )

    def solve(self, inputs: np.ndarray) -> np.ndarray:
        """Answer by the rule of the first part."""
        return self.tasks[0].solve(inputs)

    def correct(self, outputs: np.ndarray, batch: Batch) -> np.ndarray:
        """Mark by the criterion of the first part."""
        return self.tasks[0].correct(outputs, batch)

    def events(self, inputs: np.ndarray) -> dict[str, np.ndarray]:
        """Return the events of the first part."""
        return self.tasks[0].events(inputs)

    def settings(self) -> dict[str, object]:
        """Return the settings of the parts."""
        return {"name": self.name, "tasks": [t.settings() for t in self.tasks]}


def _signature(task: Task) -> tuple:
    return task.timesteps, task.inputs, task.outputs
