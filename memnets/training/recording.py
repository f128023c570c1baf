"""What is recorded during training."""

from __future__ import annotations

import dataclasses

import numpy as np

from memnets.tasks import Batch, Task
from memnets.tasks.base import check_batch, check_integer
from memnets.training.batches import PROBE, generator


@dataclasses.dataclass(frozen=True, eq=False)
class Recording:
    """What to record while a network learns; it changes no result.

    Args:
        probe: `Batch`, the fixed sequences whose answers are recorded.
            Default: `None`, one sequence drawn from the task.
        every: Positive integer, the number of episodes between records. The
            first record is made before training, the last after it. Default:
            `None`, every episode, or less often if the records would take
            more than 256 MB.
        watch: String, the name of a layer whose outputs are recorded, too.
            Default: `None`.
        exam_every: Positive integer, the number of episodes between exams,
            which all have the same sequences. Default: `None`, no exams.
        until_mastered: Boolean, whether exams end with the first one passed.
            Default: `False`.
        final_exam: `Batch`, the sequences of one more exam at the end.
            Default: `None`.

    Example:

    >>> from memnets import Recall, Recording
    >>> Recording(Recall().sequence({4: 0.9}, asked=[15]), every=10).every
    10
    """

    probe: Batch | None = None
    every: int | None = None
    watch: str | None = None
    exam_every: int | None = None
    until_mastered: bool = False
    final_exam: Batch | None = None

    def __post_init__(self):
        for argument in ("every", "exam_every"):
            if getattr(self, argument) is not None:
                check_integer(argument, getattr(self, argument), 1)
        if self.watch is not None and not isinstance(self.watch, str):
            raise TypeError(
                f"watch must be the name of a layer, got {self.watch!r}"
            )
        for argument in ("probe", "final_exam"):
            if getattr(self, argument) is not None:
                check_batch(argument, getattr(self, argument))

    def of(self, task: Task, seed: int) -> Recording:
        """Return the recording for a task: with a probe, in its data types.

        Args:
            task: The `Task`.
            seed: Integer, the seed of the probe if there is none.

        Raises:
            ValueError: If the sequences are not of the task.
        """
        probe, final = self.probe, self.final_exam
        if probe is None:
            probe = task.sample(1, generator(seed, PROBE))
        probe = _checked("probe", probe, task)
        if final is not None:
            final = _checked("final_exam", final, task)
        return dataclasses.replace(self, probe=probe, final_exam=final)


def _checked(argument: str, batch: Batch, task: Task) -> Batch:
    """Return sequences in single precision; refuse those of another task."""
    inputs, *scored = map(np.asarray, batch)
    # Symbols are integers, one per step, instead of one-hot vectors.
    symbols = inputs.dtype.kind in "iu"
    inputs = inputs.astype(np.int32 if symbols else np.float32)
    batch = Batch(inputs, *(a.astype(np.float32) for a in scored))
    steps = batch.inputs.shape[:2]
    channels = () if symbols else (len(task.inputs),)
    shapes = Batch((*steps, *channels), (*steps, len(task.outputs)), steps)
    for name, array, shape in zip(Batch._fields, batch, shapes):
        if array.shape != shape or len(steps) < 2 or not steps[0]:
            raise ValueError(
                f"{argument} must hold sequences of {task.name}, its {name} of "
                f"shape {shape}, got {array.shape}"
            )
    return batch
