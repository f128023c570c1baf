"""How long does it take to look inside a network?

    python benchmarks/tracing.py [--repetitions N] [--json]

`trace` looks at 1,000 sequences of 20 steps in the lecture's network, LSTM(5)
-> LSTM(2); `gradient_flow` follows the error of 20 sequences back through
1,000 steps of LSTM(32). Each is timed after a first call, which compiles and
is reported by itself: once as CPU time of all cores, which a busy machine
disturbs less, and once on the clock.
"""

import argparse
import datetime
import json
import platform
import statistics
import time


def main():
    """Measure, and print the result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--repetitions", type=int, default=20, metavar="N")
    parser.add_argument("--json", action="store_true", help="print numbers")
    chosen = parser.parse_args()
    if chosen.repetitions < 1:
        parser.error("--repetitions must be at least 1")
    result = measure(chosen.repetitions)
    print(json.dumps(result, indent=1) if chosen.json else table(result))


def measure(repetitions: int) -> dict:
    """Time both, one after the other."""
    from memnets.training.loop import versions

    looks = {
        "trace, 1,000 sequences of 20 steps, LSTM 5-2": look_at_gates(),
        "gradient_flow, 20 sequences of 1,000 steps, LSTM 32": look_at_error(),
    }
    return {
        "date": datetime.date.today().isoformat(),
        "repetitions": repetitions,
        "versions": {**versions(), "machine": platform.machine()},
        "first": {name: timed(look) for name, look in looks.items()},
        "later": {
            name: [timed(look) for _ in range(repetitions)]
            for name, look in looks.items()
        },
    }


def look_at_gates():
    """Return a function that traces the lecture's network."""
    import numpy as np

    from memnets import Recall, lecture, trace

    model = lecture(Recall())
    inputs = Recall().sample(1000, np.random.default_rng(0)).inputs

    def look():
        traces = trace(model, inputs)
        assert [one.cell_state.shape[2] for one in traces] == [5, 2]

    return look


def look_at_error():
    """Return a function that follows the error through 1,000 steps."""
    import numpy as np

    from memnets import Recall, gradient_flow, recurrent

    task = Recall(timesteps=1000)
    model = recurrent(task, units=(32,))
    batch = task.sample(20, np.random.default_rng(0))

    def look():
        found = gradient_flow(model, batch)
        assert found.cell_state.shape == (20, 1000)

    return look


def timed(look) -> dict:
    """Return the CPU seconds and the seconds on the clock of one call."""
    cpu, clock = time.process_time(), time.perf_counter()
    look()
    return {
        "cpu_seconds": time.process_time() - cpu,
        "clock_seconds": time.perf_counter() - clock,
    }


def spread(values: list[float]) -> str:
    """Say the median, and the least and the most, in milliseconds."""
    numbers = statistics.median(values), min(values), max(values)
    return "{} ({} to {})".format(*(f"{1000 * n:,.1f}" for n in numbers))


def table(result: dict) -> str:
    """Return the result as a Markdown table and its conditions."""
    lines = [
        "| milliseconds | CPU | on the clock | the first call, on the clock |",
        "| --- | --- | --- | --- |",
    ]
    for name, calls in result["later"].items():
        cells = [
            spread([call[key] for call in calls])
            for key in ("cpu_seconds", "clock_seconds")
        ]
        first = 1000 * result["first"][name]["clock_seconds"]
        lines.append(f"| {name} | {' | '.join(cells)} | {first:,.0f} |")
    software = ", ".join(f"{k} {v}" for k, v in result["versions"].items())
    lines += [
        "",
        f"{result['date']}; median (least to most) of {result['repetitions']} "
        f"repetitions; {software}.",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
