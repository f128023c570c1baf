"""Experiments after 1997: lags, biases, copying, streams, no gates."""

from __future__ import annotations

import dataclasses

import numpy as np

from memnets.experiments.continual import Learning
from memnets.reproduction.modern import Modern
from memnets.reproduction.row import (
    BINARY,
    CATEGORICAL,
    SIMPLE,
    Attempt,
    Row,
    simple,
)
from memnets.reproduction.rules import (
    AllStrings,
    ShareRepeated,
    Streak,
)
from memnets.reproduction.streams import (
    ModernStreams,
    Of2000,
    PerfectStreams,
)
from memnets.reproduction.summary import Summary
from memnets.tasks import (
    ContinualReber,
    CopyMemory,
    LongLagTrigger,
    Reber,
)

LAGS = 10, 30, 100, 300, 1000
# The cells that are compared over lags, by their names in tables.
STARTS = {
    "LSTM, forget bias 0": {"forget_bias": 0.0},
    "LSTM, forget bias 1": {"forget_bias": 1.0},
    "LSTM, forget bias 3": {"forget_bias": 3.0},
    "LSTM, chrono": {},
    "GRU": {"cell": "gru"},
    **{name: {"cell": name} for name in SIMPLE},
}
LAG_TRIALS = 8


def _solved(name: str, own: Summary) -> list[str]:
    """Return a line: the share of solved trials and their sequences."""
    sequences = f"{own.mean:,.0f}" if own.solved else "-"
    return [name, f"{own.solved} of {own.trials}", sequences]


def _lag(lag: int) -> Row:
    """Return the row of one lag, with every cell and initial bias."""
    task = LongLagTrigger(timesteps=lag + 113, lag=lag, symbols=8)
    usual = Modern(CATEGORICAL, lag + 10, units=8)
    cap = 20_000 if lag <= 100 else 8_000
    attempts = {
        name: Attempt(
            dataclasses.replace(usual, **fields),
            Streak(500, 2560),
            cap,
            LAG_TRIALS,
        )
        for name, fields in STARTS.items()
    }
    return Row(
        f"Forget bias and cell at a lag of {lag:,}",
        task,
        attempts,
        about="The task of row 2c with 8 distractors. All networks have 8 "
        f"units, and at most {cap:,} sequences. A trial is solved when "
        "500 training sequences in a row and then 2,560 fresh ones are "
        "correct.",
        heads=("network", "solved", "mean sequences"),
        measure=_solved,
    )


def _share(name: str, own: Summary) -> list[str]:
    """Return a line: the share of symbols that were repeated."""
    shares = ", ".join(f"{100 * (1 - error):.1f} %" for error in own.errors)
    return [name, f"{own.trials}", shares]


def _copy(delay: int) -> Row:
    """Return the row of the copy memory task."""
    task = CopyMemory(timesteps=delay + 20)
    sequences = 200_000
    today = Modern(
        *(CATEGORICAL, task.timesteps),
        units=64,
        rate=3e-3,
        halved_every=60_000,
        last_weight=1.0,
    )
    return Row(
        f"Copy memory, T = {delay}",
        task,
        {"today": Attempt(today, ShareRepeated(sequences), sequences, 4)},
        about="Ten symbols of eight are repeated after a delay. The table "
        "gives the share of them that is right after "
        f"{sequences:,} sequences; chance is 12.5 %.",
        heads=("network", "trials", "share of the last ten symbols"),
        measure=_share,
    )


def _plain_reber() -> Row:
    """Return the row of the Reber grammar without the outer symbols."""
    usual = Attempt(
        Modern(CATEGORICAL, 12, batch_size=8, beta_2=0.999, forget_bias=1.0),
        AllStrings(),
        20_000,
        10,
    )
    task = Reber(timesteps=40)
    attempts = {"today": usual}
    for cell in SIMPLE:
        attempts[cell] = dataclasses.replace(
            simple(usual, task, cell), cap=20_000, trials=10
        )
    return Row(
        "Reber grammar",
        task,
        attempts,
        about="The rule of row 1 on the grammar without the outer symbols. "
        "Elman's gradient reaches back one step, as in Cleeremans, "
        "Servan-Schreiber and McClelland (1989).",
        heads=("network", "solved", "mean sequences"),
        measure=_solved,
    )


def _perfect(name: str, own: Summary) -> list[str]:
    """Return a line: how many are perfect, when, and still perfect after."""
    streams = f"{own.mean:,.0f}" if own.solved else "-"
    again = "-"
    if name.startswith("today"):
        again = f"{np.sum(own.wrong == 0)} of {own.solved}"
    rest = own.unsolved
    length = f"{rest.mean():,.0f}" if len(rest) else "-"
    return [name, f"{own.solved} of {own.trials}", streams, again, length]


def _continual() -> Row:
    """Return the row of the continual embedded Reber grammar."""
    rule = PerfectStreams()
    old = {
        "2000, forget gates": Learning(),
        "2000, forget gates, falling rate": Learning(decay=0.9999),
        "2000, no forget gates": Learning(forget_gate=False),
        "2000, no forget gates, resets": Learning(False, resets=True),
    }
    attempts = {
        name: Attempt(Of2000(method), rule, 30_000, 16)
        for name, method in old.items()
    }
    today = ModernStreams(BINARY, 12, batch_size=4, beta_2=0.999)
    strict = dataclasses.replace(rule, times=8)
    attempts["today"] = Attempt(today, strict, 5_000_000, 20)
    return Row(
        "Continual embedded Reber grammar",
        ContinualReber(),
        attempts,
        about="Strings follow each other without a mark, and the states are "
        "never reset. A network is perfect if it predicts ten streams of "
        "100,000 symbols without an error. Gers, Schmidhuber and Cummins "
        "(2000), Table 2, 100 networks each: with forget gates 18 % perfect "
        "after 18,889 training streams, with a falling rate 62 % after "
        "14,087, without forget gates 0 %, with resets from outside 74 % after "
        "7,441. Reduced here: 16 networks each. The rate falls by the factor "
        "0.9999 after each stream; with the factor 0.99 that the paper is "
        "said to have used, learning would end within a few hundred streams. "
        "Of 2000, training ends with the first perfect test. Today's LSTM "
        "learns on four streams at once, by truncated backpropagation over 50 "
        "steps; its training ends when eight tests in a row, 20,000 symbols "
        "apart, are perfect. Its sequences are counted in symbols. A last test "
        "on ten new streams, after the end, decides whether it is perfect "
        "then.",
        heads=(
            *("method", "perfect", "mean training streams or symbols"),
            *("perfect in the last test", "error-free symbols of the others"),
        ),
        measure=_perfect,
    )


LATER_ROWS: dict[str, Row] = {
    "continual-reber": _continual(),
    "reber": _plain_reber(),
    **{f"lag-{lag}": _lag(lag) for lag in LAGS},
    "copy-100": _copy(100),
}
