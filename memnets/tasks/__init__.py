"""The memory tasks: NumPy only, one file a family."""

from memnets.tasks.base import Batch, Task, draw, join
from memnets.tasks.countdown import Countdown
from memnets.tasks.mixture import Mixture
from memnets.tasks.reber import EmbeddedReber, Reber, letters
from memnets.tasks.recall import Recall

TASKS: dict[str, type[Task]] = {
    task.name: task for task in (Recall, Countdown, Reber, EmbeddedReber)
}


def make_task(settings: dict) -> Task:
    """Make a task from what its `settings` returned.

    Raises:
        ValueError: If no task has that name.
    """
    fields = dict(settings)
    name = fields.pop("name", None)
    if name == Mixture.name:
        return Mixture(tuple(make_task(part) for part in fields["tasks"]))
    if name not in TASKS:
        raise ValueError(
            f"task must be one of {', '.join(TASKS)}, got {name!r}"
        )
    return TASKS[name](**fields)


__all__ = [
    "TASKS",
    "Batch",
    "Countdown",
    "EmbeddedReber",
    "Mixture",
    "Reber",
    "Recall",
    "Task",
    "draw",
    "join",
    "letters",
    "make_task",
]
