"""The catalogue of experiments: groups of them, by name."""

from __future__ import annotations

import dataclasses

from memnets.cells.catalogue import CELLS
from memnets.experiments.experiment import Experiment
from memnets.tasks import (
    Countdown,
    EmbeddedReber,
    HiddenParticle,
    NextWord,
    ParticleForecast,
    Reber,
    Recall,
    Task,
)


def _sizes(task: Task, *units: tuple[int, ...], **fields):
    """Return an experiment for each stack of units, named by its sizes."""
    return {
        "-".join(map(str, sizes)): Experiment(task, units=sizes, **fields)
        for sizes in units
    }


def _cells(task: Task, units: int, episodes: int, **fields):
    """Return an experiment for each cell, alike in everything else."""
    return {
        cell: Experiment(
            task, cell, (units,), "dense", 1e-2, episodes=episodes, **fields
        )
        for cell in CELLS
    }


def _particles(task: Task, units: tuple[int, ...], rate: float, episodes: int):
    """Return the experiment of a task of coupled oscillators."""
    return Experiment(
        task,
        units=units,
        readout="dense",
        learning_rate=rate,
        schedule="cosine",
        episodes=episodes,
    )


def _memorized(units: tuple[int, ...], rate: float, episodes: int):
    """Return the experiment of a network that learns a text by heart."""
    return Experiment(
        NextWord(),
        units=units,
        readout="softmax",
        learning_rate=rate,
        schedule="cosine",
        episodes=episodes,
    )


# What the lecture trains (300 episodes, Adam 1e-3), what masters the task, and
# every cell in the same place.
CATALOGUE: dict[str, dict[str, Experiment]] = {
    "recall-lecture": _sizes(Recall(), (5, 2), (20, 2)),
    "recall-mastered": {
        **_sizes(Recall(), (5, 2), learning_rate=5e-2, episodes=4000),
        "5-dense": Experiment(
            Recall(),
            units=(5,),
            readout="dense",
            learning_rate=1e-2,
            episodes=1000,
        ),
    },
    "countdown-lecture": _sizes(Countdown(), (2, 2)),
    "countdown-mastered": {
        **_sizes(
            Countdown(),
            (2, 2),
            learning_rate=1e-2,
            schedule="cosine",
            episodes=5000,
        ),
        **_sizes(
            Countdown(),
            (10, 2),
            learning_rate=1e-2,
            schedule="cosine",
            episodes=500,
        ),
    },
    "hidden-particle": {
        "two": _particles(HiddenParticle(), (20,), 2e-2, 20_000),
        "three": _particles(HiddenParticle(particles=3), (32,), 2e-2, 20_000),
        "forecast": _particles(ParticleForecast(), (20, 20), 1e-2, 8000),
    },
    "next-word-memorized": {
        "32-softmax": _memorized((32,), 2e-2, 500),
        "512-softmax": _memorized((512,), 4e-3, 500),
    },
    "recall-cells": _cells(Recall(), 5, 1000),
    "countdown-cells": _cells(Countdown(), 5, 1000, schedule="cosine"),
    "reber-cells": _cells(Reber(), 6, 500),
    "embedded-reber-cells": _cells(EmbeddedReber(), 12, 2000),
}


def starting(task: Task, *kinds: str) -> Experiment:
    """Return the experiment that a task's own begin from.

    Args:
        task: The `Task`.
        *kinds: Strings, the kinds of experiments to look for, such as
            `"lecture"` or `"cells"`; the first that exists counts. Where none
            does, it is one LSTM layer of 5 units with a linear readout.
    """
    usual = {"": Experiment(task, "lstm", (5,), "dense", 1e-2, episodes=1000)}
    kinds = (*kinds, "memorized")
    groups = (CATALOGUE.get(f"{task.name}-{kind}") for kind in kinds)
    group = next(filter(None, groups), usual)
    return dataclasses.replace(next(iter(group.values())), task=task)


def find(*wanted: str) -> dict[str, Experiment]:
    """Return the experiments of names: whole groups, or single ones.

    Args:
        *wanted: Strings like `"recall-lecture"` or `"recall-lecture/5-2"`.

    Returns:
        A dictionary from full names to experiments.

    Raises:
        ValueError: If there is no such experiment; names those there are.
    """
    found = {}
    for name in wanted:
        group, slash, one = name.partition("/")
        members = CATALOGUE.get(group, {})
        if slash:
            members = {one: members[one]} if one in members else {}
        if not members:
            there = CATALOGUE.get(group, CATALOGUE)
            raise ValueError(
                f"experiment must be a group ({', '.join(CATALOGUE)}) or one "
                f"of it, as in recall-lecture/5-2, got {name!r}"
                if there is CATALOGUE
                else f"experiment of {group} must be one of "
                f"{', '.join(there)}, got {one!r}"
            )
        found.update({f"{group}/{k}": value for k, value in members.items()})
    return found


def names() -> list[str]:
    """Return the full names of all experiments of the catalogue."""
    return [f"{group}/{one}" for group in CATALOGUE for one in CATALOGUE[group]]
