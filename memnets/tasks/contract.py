"""What every task promises, checked: for a task of your own."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from memnets.tasks.base import Batch, Task, check_task


def check_contract(task: Task, sequences: int = 100) -> list[str]:
    """Check what every task promises.

    Args:
        task: The `Task`.
        sequences: Positive integer, how many sequences are drawn for each
            check. Default: 100.

    Returns:
        The promises that were checked and kept, a sentence each.

    Raises:
        TypeError: If it is not a task.
        ValueError: At the first promise that is broken; says which.
    """
    check_task(task)
    kept = []
    for check in _CHECKS:
        promise, found = str(check.__doc__), check(task, sequences)
        if found:
            raise ValueError(
                f"{type(task).__name__} breaks a promise. {promise} But {found}"
            )
        kept.append(promise)
    return kept


def _shapes(task: Task, count: int) -> str:
    """A batch has the shapes and types that the task's channels say."""
    batch = task.sample(count, _rng())
    steps = count, task.timesteps
    read = steps if task.symbolic else (*steps, len(task.inputs))
    said = (*steps, len(task.outputs))
    kinds = np.int32 if task.symbolic else np.float32, np.float32, np.float32
    wanted = zip(Batch._fields, batch, (read, said, steps), kinds)
    for name, array, shape, kind in wanted:
        if array.shape != shape or array.dtype != kind:
            return (
                f"{name} must be {np.dtype(kind)} of shape {shape}, and are "
                f"{array.dtype} of shape {array.shape}."
            )
    return ""


def _seeded(task: Task, count: int) -> str:
    """One seed draws one batch."""
    before = np.random.get_state(legacy=False)  # noqa: NPY002
    key = before["state"]["key"].copy()
    first, second = (task.sample(count, _rng()) for _ in range(2))
    if not all(map(np.array_equal, first, second)):
        return "sample draws others the second time: draw all from its rng."
    after = np.random.get_state(legacy=False)["state"]  # noqa: NPY002
    moved = after["pos"] != before["state"]["pos"]
    if moved or not np.array_equal(key, after["key"]):
        return "sample uses NumPy's global generator: draw all from its rng."
    return ""


def _frozen(task: Task, count: int) -> str:
    """A task is made again from its settings, and then is equal."""
    fields = {k: v for k, v in task.settings().items() if k != "name"}
    if type(task)(**fields) != task:  # type: ignore[arg-type]
        return "it is not: decorate it with dataclasses.dataclass(frozen=True)."
    try:
        task.timesteps = task.timesteps  # type: ignore[misc]
    except AttributeError:
        return ""
    return "its fields can be changed: say dataclass(frozen=True)."


def _perfect(task: Task, count: int) -> str:
    """The perfect player, `solve`, is right everywhere, and silence is not."""
    batch = task.sample(count, _rng())
    right = task.correct(task.solve(batch.inputs), batch)
    if np.shape(right) != (count,):
        return f"correct returns an array of shape {np.shape(right)}."
    if not np.all(right):
        return f"correct marks {np.sum(~right)} of {count} answers as wrong."
    silent = np.zeros_like(batch.targets)
    if task.mastered(silent, batch):
        return "correct marks silence as right."
    if np.any(task.correct(np.full_like(silent, np.nan), batch)):
        return "correct marks NaN as right."
    return ""


def _causal(task: Task, count: int) -> str:
    """Answers come from the past only."""
    inputs = task.sample(count, _rng()).inputs
    answers = task.solve(inputs)
    for step in range(1, task.timesteps):
        cut = inputs.copy()
        cut[:, step:] = -1 if task.symbolic else 0
        if not np.array_equal(task.solve(cut)[:, :step], answers[:, :step]):
            return f"answers before step {step} change with the inputs after."
    return ""


def _memory(task: Task, count: int) -> str:
    """A scored answer depends on the inputs of an earlier step."""
    inputs, _, weights = task.sample(count, _rng())
    if not np.any(inputs):
        return ""  # it only depends on time
    answers = task.solve(inputs)
    for step in range(task.timesteps - 1, 0, -1):
        other = inputs.copy()
        other[:, :step] = np.roll(inputs[:, :step], 1, axis=0)
        changed = task.solve(other)[:, step] != answers[:, step]
        if np.any(changed.any(axis=1) & (weights[:, step] > 0)):
            return ""
    return "none does, so no memory is needed."


def _landmarks(task: Task, count: int) -> str:
    """The landmarks of silence and perfection agree with playing."""
    batch = task.sample(20 * count, _rng())
    players = {
        "silent": np.zeros_like(batch.targets),
        "perfect": task.solve(batch.inputs),
    }
    for name in players.keys() & task.landmarks.keys():
        error = np.square(players[name] - batch.targets).mean(axis=2)
        error = np.mean(error * batch.weights, axis=1)
        said, found = task.landmarks[name], error.mean()
        allowed = 5 * error.std() / np.sqrt(len(error)) + 1e-6
        if abs(found - said) > allowed:
            return (
                f"the error of {name} is {found:.4g}, and {said:.4g} is said."
            )
    return ""


def _rng() -> np.random.Generator:
    return np.random.default_rng(0)


_CHECKS: tuple[Callable[[Task, int], str], ...] = (
    _shapes,
    _seeded,
    _frozen,
    _perfect,
    _causal,
    _memory,
    _landmarks,
)
