"""A row of a table of results: what was run, and what became of it."""

from __future__ import annotations

import dataclasses
import math

from memnets.experiments.experiment import Experiment
from memnets.records.run import Run
from memnets.tasks import make_task


def describe(settings: dict) -> dict[str, object]:
    """Return the columns of the results that say what was run.

    Args:
        settings: What `Experiment.settings` returns, or a run's settings.
    """
    task = make_task(settings["task"])
    # The length has a column of its own; the rest is named where it is not
    # as usual.
    unusual = [
        f" {field.name}={getattr(task, field.name)}"
        for field in dataclasses.fields(task)
        if field.name != "timesteps"
        and getattr(task, field.name) != field.default
    ]
    return {
        "task": "".join([task.name, *unusual]),
        "timesteps": task.timesteps,
        "cell": settings["cell"],
        "units": "-".join(map(str, settings["units"])),
        "readout": settings["readout"] or "",
        "learning_rate": settings["learning_rate"],
        "schedule": settings["schedule"],
        "batch_size": settings["batch_size"],
        "episodes": settings["episodes"],
    }


def row_of(run: Run) -> dict[str, object]:
    """Return a run's row: what it learned, by its final exam, and when."""
    if run.final_exam is None:
        raise ValueError("run must have had a final exam, as Recording has it")
    correct, deviation = run.final_exam
    return {
        **describe(run.settings),
        "seed": run.settings["seed"],
        "mastered": bool(correct >= run.task.pass_mark),
        "correct": round(correct, 6),
        "deviation": float(f"{deviation:.6g}"),
        "mastered_after": run.mastery,
    }


def row_of_diverged(experiment: Experiment) -> dict[str, object]:
    """Return the row of an experiment whose loss did not stay finite."""
    return {
        **describe(experiment.settings()),
        "seed": experiment.seed,
        "mastered": False,
        "correct": 0.0,
        "deviation": math.inf,
        "mastered_after": None,
    }
