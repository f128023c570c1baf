"""What does real-time recurrent learning cost beside BPTT?

    python benchmarks/rtrl.py [--repetitions N] [--write]

Both compute the gradient of one sequence in NumPy. `memnets.scratch.rtrl`
updates the derivatives at every step; backpropagation through time stores the
past. They take turns on the same network, sequence and targets, and their
results are equal. Measured is the CPU time of all threads.
"""

import statistics
import sys
import time

import numpy as np
import tables
from flags import Parser, at_least
from measuring import machine

from memnets.scratch import rtrl

CHANNELS, TIMESTEPS = 7, 50
UNITS = (4, 8, 16, 32, 64)


def main(arguments=None) -> int:
    """Measure, and print or write the result; return the exit code."""
    parser = Parser(__doc__)
    parser.add_argument("--repetitions", type=at_least(1), default=5)
    parser.add_argument("--write", action="store_true", help="write the table")
    chosen = parser.parse_args(arguments)
    text = page([measure(n, chosen.repetitions) for n in UNITS])
    print(text)
    if chosen.write:
        tables.write(text, "rtrl")
    return 0


def by_backpropagation(weights, inputs, targets):
    """Return the error of a sequence and its gradient, by BPTT."""
    units, outputs = len(weights), targets.shape[1]
    activity, seen = [np.zeros(units)], []
    for x in inputs:
        seen.append(np.concatenate([activity[-1], x, [1]]))
        activity.append(1 / (1 + np.exp(-weights @ seen[-1])))
    error, back, gradient = 0.0, np.zeros(units), np.zeros_like(weights)
    for y, z, target in zip(activity[:0:-1], seen[::-1], targets[::-1]):
        deviation = y[:outputs] - target
        error += 0.5 * deviation @ deviation
        back[:outputs] += deviation
        delta = back * y * (1 - y)
        gradient += np.outer(delta, z)
        back = weights[:, :units].T @ delta
    return error, gradient


METHODS = {"rtrl": rtrl.gradient, "bptt": by_backpropagation}


def measure(units: int, repetitions: int) -> dict:
    """Time both methods in turns, for one size of network."""
    rng = np.random.default_rng(units)
    given = (
        rng.normal(0, units**-0.5, (units, units + CHANNELS + 1)),
        rng.normal(size=(TIMESTEPS, CHANNELS)),
        rng.random((TIMESTEPS, units)),
    )
    found = [gradient(*given) for gradient in METHODS.values()]
    for one, other in zip(*found):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)
    times = {name: [] for name in METHODS}
    for _ in range(repetitions):
        for name, gradient in METHODS.items():
            times[name].append(_milliseconds(gradient, given))
    return {"units": units, **times}


def _milliseconds(gradient, given) -> float:
    calls, start = 0, time.process_time()
    while time.process_time() - start < 0.2:
        gradient(*given)
        calls += 1
    return 1e3 * (time.process_time() - start) / calls


def page(found: list[dict]) -> str:
    """Return the table, and the machine."""
    heading = [
        "units",
        "RTRL, CPU milliseconds",
        "BPTT, CPU milliseconds",
        "time, RTRL / BPTT",
        "multiplications, RTRL / BPTT",
        "memory, RTRL / BPTT",
    ]
    title = f"The gradient of one sequence of {TIMESTEPS} steps"
    table = tables.table(title, heading, map(_row, found))
    return f"{table}\n\n{tables.facts(machine())}."


def _row(one: dict) -> list[str]:
    counted = rtrl.costs(one["units"], CHANNELS, TIMESTEPS)
    ratios = [
        statistics.median(one["rtrl"]) / statistics.median(one["bptt"]),
        *(
            getattr(counted["rtrl"], what) / getattr(counted["bptt"], what)
            for what in ("multiplications", "numbers")
        ),
    ]
    return [
        str(one["units"]),
        *(tables.spread(one[name], 2) for name in METHODS),
        *(f"{ratio:.1f}" for ratio in ratios),
    ]


if __name__ == "__main__":
    sys.exit(main())
