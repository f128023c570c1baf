"""What does real-time recurrent learning cost beside BPTT?

    python benchmarks/rtrl.py [--repetitions N] [--write]

The gradient of one sequence by `memnets.cells.rtrl`, which carries the
derivatives along, and by backpropagation through time, which keeps the past:
both in NumPy, in turns, for the same network, sequence and targets, with equal
results. The time is CPU time of all threads.
"""

import argparse
import statistics
import sys
import time

import numpy as np
import tables
from measuring import machine
from speed import Parser, at_least

from memnets.cells import rtrl

CHANNELS, TIMESTEPS = 7, 50
UNITS = (4, 8, 16, 32, 64)


def main(arguments=None) -> int:
    """Measure, and print or write the result; return the exit code."""
    parser = Parser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--repetitions", type=at_least(1), default=5)
    parser.add_argument("--write", action="store_true", help="keep the table")
    chosen = parser.parse_args(arguments)
    text = page([measure(n, chosen.repetitions) for n in UNITS])
    print(text)
    if chosen.write:
        tables.write(text, "rtrl")
    return 0


def by_backpropagation(weights, inputs, targets):
    """Return the error of a sequence and its gradient, by BPTT."""
    units, answers = len(weights), targets.shape[1]
    activity, seen = [np.zeros(units)], []
    for x in inputs:
        seen.append(np.concatenate([activity[-1], x, [1]]))
        activity.append(1 / (1 + np.exp(-weights @ seen[-1])))
    error, back, gradient = 0.0, np.zeros(units), np.zeros_like(weights)
    for y, z, target in zip(activity[:0:-1], seen[::-1], targets[::-1]):
        off = y[:answers] - target
        error += 0.5 * off @ off
        back[:answers] += off
        slope = back * y * (1 - y)
        gradient += np.outer(slope, z)
        back = weights[:, :units].T @ slope
    return error, gradient


def measure(units: int, repetitions: int) -> dict:
    """Time both for one size of network, in turns."""
    rng = np.random.default_rng(units)
    given = (
        rng.normal(0, units**-0.5, (units, units + CHANNELS + 1)),
        rng.normal(size=(TIMESTEPS, CHANNELS)),
        rng.random((TIMESTEPS, units)),
    )
    ways = {"rtrl": rtrl.gradient, "bptt": by_backpropagation}
    found = {way: gradient(*given) for way, gradient in ways.items()}
    for one, other in zip(*found.values()):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)
    spent = {way: [] for way in ways}
    for _ in range(repetitions):
        for way, gradient in ways.items():
            spent[way].append(_milliseconds(gradient, given))
    return {"units": units, **spent}


def _milliseconds(gradient, given) -> float:
    calls, start = 0, time.process_time()
    while time.process_time() - start < 0.2:
        gradient(*given)
        calls += 1
    return 1e3 * (time.process_time() - start) / calls


def page(found: list[dict]) -> str:
    """Return the table."""
    rows = []
    for one in found:
        counted = rtrl.costs(one["units"], CHANNELS, TIMESTEPS)
        more = [
            getattr(counted["rtrl"], what) / getattr(counted["bptt"], what)
            for what in ("multiplications", "numbers")
        ]
        times = {way: one[way] for way in ("rtrl", "bptt")}
        longer = statistics.median(times["rtrl"])
        longer /= statistics.median(times["bptt"])
        rows.append(
            [
                str(one["units"]),
                *(tables.spread(spent, 2) for spent in times.values()),
                *(f"{value:.1f}" for value in (longer, *more)),
            ]
        )
    heading = [
        "units",
        "RTRL, CPU-ms",
        "BPTT, CPU-ms",
        "times as long",
        "times the multiplications",
        "times the memory",
    ]
    title = f"The gradient of one sequence of {TIMESTEPS} steps"
    facts = ", ".join(f"{key} {value}" for key, value in machine().items())
    return f"{tables.table(title, heading, rows)}\n\n{facts}."


if __name__ == "__main__":
    sys.exit(main())
