"""Counting and timing: online with one or two blocks, and as today."""

from __future__ import annotations

import dataclasses

import numpy as np

from memnets.reproduction.blocks import Counting, LongStream, Timing
from memnets.reproduction.modern import Modern
from memnets.reproduction.row import BINARY, SQUARED, Attempt, Row
from memnets.reproduction.rules import FirstFailure
from memnets.reproduction.summary import Summary
from memnets.tasks import (
    AnBn,
    AnBnCn,
    MeasureSpikeDelays,
    PeriodicFunction,
    Task,
)

MILLION = 1_000_000
# Only a count: no forget gate, and gates that see nothing but the symbol.
COUNTER = {
    "forget_gate": False,
    "peepholes": False,
    "feedback": None,
    "shortcut": True,
}
TRIALS = 10


def _failures(name: str, own: Summary) -> list[str]:
    """Return a line: the first n whose string fails, of each trial."""
    firsts = np.sort(own.first)
    middle = f"{np.median(firsts):g}" if len(firsts) else "-"
    each = ", ".join(f"{n:g}" for n in firsts)
    return [name, f"{own.solved} of {own.trials}", middle, each or "-"]


def _today(task: AnBn) -> dict[str, Attempt]:
    """Return the attempts of today's LSTM at a counting language."""
    today = Modern(BINARY, 2 * task.numbers[-1], units=4, beta_2=0.999)
    slow = dataclasses.replace(today, halved_every=60_000, least_rate=1e-5)
    squared = dataclasses.replace(
        slow,
        loss=SQUARED,
        rate=0.05,
        halved_every=20_000,
        least_rate=1e-6,
        forget_bias=1.0,
    )
    bias = dataclasses.replace(slow, forget_bias=5.0)
    return {
        name: Attempt(method, FirstFailure(sequences), sequences, TRIALS)
        for name, method, sequences in (
            ("today", today, 100_000),
            ("today, linear output", squared, 160_000),
            ("today, longer", slow, 400_000),
            ("today, longer, forget bias 5", bias, 400_000),
        )
    }


def _of_2001(blocks: int, counted: int) -> dict[str, Attempt]:
    """Return the attempts of blocks that learn online to count.

    Args:
        blocks: Positive integer, the number of blocks.
        counted: Positive integer, the training strings of the counter.
    """
    biases = -1.0, -2.0, 2.0
    paper = Counting(1e-5, 0.99, biases, blocks, {"shortcut": True})
    counter = Counting(1e-3, 0.9, biases, blocks, COUNTER)
    return {
        name: Attempt(method, FirstFailure(strings), strings, TRIALS)
        for name, method, strings in (
            ("2001, 1 million strings", paper, MILLION),
            ("2001, 2 million strings", paper, 2 * MILLION),
            ("online, only a counter", counter, counted),
        )
    }


def _counting(
    task: AnBn, language: str, attempts: dict[str, Attempt], about: str
) -> Row:
    """Return the row of a counting language."""
    return Row(
        f"Counting {language}, trained on n = 1 to {task.numbers[-1]}",
        task,
        attempts,
        about="After the training, strings of n = 1, 2, ... are tried up to "
        "1,000. The table gives the smallest n that fails, of every trial; "
        "1001 means that none does. A trial counts as solved if all trained "
        f"n are right. {about}",
        heads=("network", "trained n right", "median", "first failing n"),
        measure=_failures,
    )


def _long(name: str, own: Summary) -> list[str]:
    """Return a line: the solved trials, their streams and errors."""
    streams = error = "-"
    if own.solved:
        low, high = own.sequences.min(), own.sequences.max()
        streams = f"{own.mean:,.0f} ({low:,.0f} to {high:,.0f})"
        error = f"{own.errors.mean():.2f}"
    solved = f"{own.solved} of {own.trials}"
    return [name, f"{own.weights}", solved, streams, error]


def _timing(
    title: str, task: Task, period: int, about: str, *, more: bool = False
) -> Row:
    """Return the row of a timing task, learned online.

    Args:
        title: String, what the task is.
        task: The task.
        period: Positive integer, the length of a period in steps.
        about: String, a paragraph on the row.
        more: Boolean, whether the paper's learning rate is tried, too.
            Default: `False`.
    """
    linear = isinstance(task, PeriodicFunction)
    options = {"g": "identity", "linear": linear}
    usual = Timing(3e-4, 0.99, (0.0, 2.0, -2.0), options=options)
    plain = {**options, "peepholes": False}
    methods = {
        "2002, peepholes": usual,
        "2002, no peepholes": dataclasses.replace(usual, options=plain),
    }
    if more:
        paper = dataclasses.replace(usual, rate=1e-5)
        methods["2002, peepholes, rate 1e-5"] = paper
    rule = LongStream(1000 * period, 100 * period)
    return Row(
        f"Online timing: {title}",
        task,
        {
            name: Attempt(method, rule, 3 * MILLION, TRIALS)
            for name, method in methods.items()
        },
        about=about,
        heads=(
            *("network", "weights", "solved", "training streams (range)"),
            "mean error",
        ),
        measure=_long,
    )


ONLINE_TIMING = (
    "One block of one cell learns at every step, by the truncated gradient "
    "with momentum 0.99. A training stream ends at the first error; all begin "
    "anew after 100 periods. A network that was just right for 50 periods is "
    "tested on 1,000 of them. A trial is solved by the first test without an "
    f"error, and ends unsolved after {3 * MILLION:,} training streams. Gers, "
    "Schraudolph and Schmidhuber (2002) used the rate 1e-5 and up to "
    "10,000,000 streams; here the rate is 3e-4. "
)

BLOCK_ROWS: dict[str, Row] = {
    "anbn": _counting(
        AnBn(),
        "a^n b^n",
        {**_today(AnBn()), **_of_2001(1, 500_000)},
        "Gers and Schmidhuber (2001) report 1 to 1,000 for the best and 1 to "
        "118 on average [from memory]. Their one block has a forget gate and "
        "peepholes and learns online, with momentum; here its output units "
        "see the symbol, too, without which it learned nothing. The counter "
        "has no forget gate, and its gates see only the symbol. It learns at "
        "the rate 1e-3 with momentum 0.9, the other at 1e-5 with 0.99.",
    ),
    "anbncn": _counting(
        AnBnCn(),
        "a^n b^n c^n",
        {**_today(AnBnCn()), **_of_2001(2, MILLION)},
        "Gers and Schmidhuber (2001) report 1 to 52 for the best and 1 to 28 "
        "on average [from memory]. Online, there are two blocks.",
    ),
    "anbn-200": _counting(
        AnBn(timesteps=401),
        "a^n b^n",
        {
            "online, only a counter": Attempt(
                Counting(1e-3, 0.9, (-1.0, -2.0, 2.0), 1, COUNTER),
                FirstFailure(400_000),
                400_000,
                TRIALS,
            )
        },
        "The counter is that of the row above.",
    ),
    "cosine-10": _timing(
        "a cosine of period 10",
        PeriodicFunction(),
        10,
        ONLINE_TIMING
        + "They report 100 % after 145,000 streams with peepholes, 90 % after "
        "2,477,000 without [from memory].",
        more=True,
    ),
    "cosine-25": _timing(
        "a cosine of period 25",
        PeriodicFunction(period=25),
        25,
        "As above. Published: 100 % after 149,000 streams with peepholes [from "
        "memory], none without.",
    ),
    "triangle-10": _timing(
        "a triangle of period 10",
        PeriodicFunction(shape="triangle"),
        10,
        "As above. Published: 100 % after 869,000 streams with peepholes [from "
        "memory], none without.",
    ),
    "rectangle-10": _timing(
        "a rectangle of period 10",
        PeriodicFunction(shape="rectangle"),
        10,
        "As above. Published: 80 % after 1,107,000 streams with peepholes "
        "[from memory], none without.",
    ),
    "spikes-10": _timing(
        "the delays of spikes (MSD)",
        MeasureSpikeDelays(),
        10,
        "As above, with spikes 10 or 11 steps apart; the answer to a spike is "
        "0 or 1. A period counts as 10 steps. The paper has the momentum "
        "0.9999. Published: solved with and without peepholes, in 10 to 60 % "
        "of the trials [from memory].",
    ),
}
