"""What is tried on each row of 1997."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from memnets.records.classics import Published
from memnets.reproduction.modern import Modern
from memnets.reproduction.original import Original
from memnets.reproduction.row import (
    SIMPLE,
    Attempt,
    Row,
    no_larger,
    simple,
)
from memnets.reproduction.rules import Rule
from memnets.tasks import Task


def row_of_1997(
    title: str,
    task: Task,
    rule: Rule,
    published: Published,
    readings: Mapping[str, Original],
    today: Modern,
    strict: Rule | None,
    cap: int,
    peers: Mapping[str, str] | None = None,
    paper_cap: int | None = None,
) -> Row:
    """Return a row of 1997 with all that is tried.

    Args:
        title: As of `Row`.
        task: As there.
        rule: The stopping rule and the final test.
        published: As of `Row`.
        readings: Dictionary from a name to an `Original`: the paper's
            conditions, and other readings of what it leaves open.
        today: `Modern`, today's LSTM.
        strict: The rule of a stricter stop, with the same final test, or
            `None` where the criterion is the test.
        cap: Positive integer, the most sequences of a trial.
        peers: As of `Row`.
        paper_cap: Positive integer, the same for the paper's conditions.
            Default: `None`, the same.
    """
    usual = Attempt(today, rule, cap, published.trials)
    attempts = {
        "1997" if name == "paper" else f"1997, {name}": dataclasses.replace(
            usual, method=method
        )
        for name, method in readings.items()
    }
    if paper_cap is not None:
        attempts["1997"] = dataclasses.replace(attempts["1997"], cap=paper_cap)
    small = no_larger(today, task, readings["paper"].count_weights(task))
    attempts["today"] = usual
    attempts["today, 1997's size"] = dataclasses.replace(usual, method=small)
    if strict is not None:
        least = min(cap, 3 * published.sequences)
        strict_one = dataclasses.replace(usual, rule=strict, cap=least)
        attempts["today, stricter stop"] = strict_one
    for cell in SIMPLE:
        attempts[cell] = simple(usual, task, cell)
    return Row(title, task, attempts, published, peers or {})
