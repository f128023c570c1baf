"""Experiments 1 and 2 of 1997: the embedded Reber grammar and long lags."""

from __future__ import annotations

import dataclasses

from memnets.records.classics import PUBLISHED, Published
from memnets.reproduction.attempts import row_of_1997
from memnets.reproduction.modern import Modern
from memnets.reproduction.original import Original
from memnets.reproduction.row import CATEGORICAL, Attempt, Row
from memnets.reproduction.rtrl import RealTime
from memnets.reproduction.rules import AllStrings, Streak
from memnets.tasks import (
    EmbeddedReber,
    LongLagRandom,
    LongLagTrigger,
    Task,
)


def reber() -> Row:
    """Return the row of experiment 1."""
    today = Modern(CATEGORICAL, 12, batch_size=8, beta_2=0.999, forget_bias=1.0)
    gates = {"biases": "gates"}
    blocks = {"width": 0.2, "each_step": True, "options": gates}
    row = row_of_1997(
        "embedded Reber grammar",
        EmbeddedReber(timesteps=50),
        AllStrings(),
        PUBLISHED["1"],
        {
            "paper": Original(
                3, 2, 0.5, output_gates=(-1.0, -2.0, -3.0), **blocks
            ),
            "4 blocks of 1": Original(
                4, 1, 0.5, output_gates=(-1.0, -2.0, -3.0, -4.0), **blocks
            ),
            "rate 0.1": Original(
                3, 2, 0.1, output_gates=(-1.0, -2.0, -3.0), **blocks
            ),
            "gates unseen, all biases": Original(
                *(3, 2, 0.1),
                width=0.2,
                output_gates=(-1.0, -2.0, -3.0),
                each_step=True,
                options={"feedback": "cells", "output_biases": True},
            ),
        },
        today,
        None,
        60_000,
        {
            "schmidhuber-problems": "10 of 10, median 4,750, looser test",
            "simple-1997-lstm": "1 seed, 51,200",
        },
    )
    attempts = {**row.attempts, **_real_time()}
    return dataclasses.replace(row, attempts=attempts)


def _real_time() -> dict[str, Attempt]:
    """Return the attempts by real-time recurrent learning.

    Caps are those of Smith and Zipser, as reported in 1997: 173,000 strings
    with 3 hidden units and, times three, 25,000 with 12.
    """
    return {
        "RTRL, 3 hidden": Attempt(
            RealTime(3, 0.1, 0.5), AllStrings(), 173_000, 8
        ),
        "RTRL, 12 hidden": Attempt(
            RealTime(12, 0.3, 0.5), AllStrings(), 75_000, 8
        ),
    }


def long_lag(task: Task, published: Published, rate: float, peers) -> Row:
    """Return the row of experiment 2a or 2b."""
    # Gates and cell see the inputs only, outputs the inputs and the cell.
    plain = {
        "feedback": None,
        "biases": None,
        "output_gate": False,
        "logistic": True,
        "identity": True,
        "shortcut": True,
    }
    biased = {**plain, "biases": "gates"}
    streak = 1000 if isinstance(task, LongLagRandom) else 100
    method = Original(1, 1, 1.0, width=0.2, each_step=True, options=plain)
    others = {
        name: dataclasses.replace(method, options=biased, **reading)
        for name, reading in _late(streak == 1000).items()
    }
    return row_of_1997(
        "long lag, " + ("random" if streak == 1000 else "fixed") + " sequence",
        task,
        Streak(streak, 64 if streak == 100 else 10_000),
        published,
        {"paper": method, **others},
        Modern(CATEGORICAL, 100, rate=rate, last_weight=100.0),
        None,
        100_000,
        peers,
        3 * published.sequences,
    )


def _late(random: bool) -> dict[str, dict[str, object]]:
    """Return the other readings of how the memory cell comes in."""
    late = {"added_after": 5632}
    if not random:
        name = "input gate -5, cell added after 5,632"
        return {name: {"input_gates": (-5.0,), **late}}
    at_end = {"input_gates": (-4.0,), "end_only": True}
    return {
        "input gate -4, error at the end only": at_end,
        "input gate -4, cell added, error at the end": {**at_end, **late},
    }


def trigger(lag: int, symbols: int, published: Published) -> Row:
    """Return a row of experiment 2c."""
    task = LongLagTrigger(timesteps=lag + 113, lag=lag, symbols=symbols)
    wide = symbols > 500
    plain = Original(2, 1, 0.01, width=0.2, options={"biases": None})
    readings = {"paper": plain}
    if lag <= 200:
        unseen = {"biases": None, "feedback": "cells"}
        readings["gates unseen"] = dataclasses.replace(plain, options=unseen)
    return row_of_1997(
        f"long lag of {lag:,}, {symbols:,} random symbols",
        task,
        Streak(500),
        published,
        readings,
        Modern(
            CATEGORICAL,
            lag,
            16 if lag <= 100 else 8,
            beta_2=0.999 if wide else 0.99,
        ),
        None,
        max(3 * published.sequences, 300_000 if lag == 50 else 0),
    )
