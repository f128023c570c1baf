"""A row of the reproduction: a task, what is published and what is tried."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

from memnets.records.classics import Published
from memnets.reproduction.modern import Modern
from memnets.reproduction.rules import Rule, Trial
from memnets.reproduction.summary import Summary
from memnets.tasks import Task

SQUARED = "mean_squared_error"
BINARY = "binary_crossentropy"
CATEGORICAL = "categorical_crossentropy"
# Networks without gates, with all of the gradient and with Elman's one step.
SIMPLE = ("simple_rnn", "elman")


class Method(Protocol):
    """A network and how it is trained."""

    def trials(
        self,
        task: Task,
        rule: Rule,
        cap: int,
        seeds: list[int],
        stop: Callable[[], bool],
    ) -> Iterator[Trial]:
        """Train a network for each seed; give each trial as it ends."""

    def count_weights(self, task: Task) -> int:
        """Return the number of weights."""

    def settings(self) -> dict[str, object]:
        """Return the settings as plain values."""


@dataclasses.dataclass(frozen=True)
class Attempt:
    """A method that is tried on a row.

    Args:
        method: The `Method`.
        rule: The stopping rule and the final test.
        cap: Positive integer, the most sequences of a trial.
        trials: Positive integer, the number of trials.
    """

    method: Method
    rule: Rule
    cap: int
    trials: int


@dataclasses.dataclass(frozen=True)
class Row:
    """One experiment: a task, what was published, and what is tried.

    Args:
        title: String, what the experiment is.
        task: The task, with the paper's sizes.
        attempts: Dictionary from the name of a method to its `Attempt`.
        published: `Published`. Default: `None`.
        peers: Dictionary from a public reproduction to its own figure.
            Default: none that we found.
        about: String, a paragraph on a row without published figures.
            Default: empty.
        heads: The headings of its table.
        measure: Function from the name of a method and its `Summary` to a line
            of that table. Default: `None`.
    """

    title: str
    task: Task
    attempts: Mapping[str, Attempt]
    published: Published | None = None
    peers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    about: str = ""
    heads: tuple[str, ...] = ()
    measure: Callable[[str, Summary], list[str]] | None = None


def no_larger(today: Modern, task: Task, most: int) -> Modern:
    """Return today's LSTM with at most so many weights."""
    for units in range(1, today.units + 1):
        small = dataclasses.replace(today, units=units)
        if small.count_weights(task) > most:
            break
    return dataclasses.replace(today, units=max(1, units - 1))


def simple(usual: Attempt, task: Task, cell: str) -> Attempt:
    """Return the attempt of a network without gates, with fewer trials."""
    method = dataclasses.replace(usual.method, cell=cell, forget_bias=None)
    cap = min(usual.cap, 5_000_000 // task.timesteps)
    return Attempt(method, usual.rule, cap, 4)
