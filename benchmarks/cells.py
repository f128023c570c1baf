"""How fast are the cells of memnets beside Keras's LSTM of equal size?

A recurrent layer and a linear readout learn recall, one update on one fresh
batch of 20 per episode, by the compiled path of `memnets.train`. Each number
of units and of time steps has a fresh process, in which the cells take turns.
Ratios compare the CPU time of all threads within a repetition.
"""

import argparse
import datetime
import json
import sys
import time

import tables
from flags import Parser, at_least
from measuring import machine, run, versions

BATCH = 20
# Layers of Keras and of memnets, and their options besides the units.
CELLS = {
    "lstm": ("LSTM", {}),
    "gru": ("GRU", {}),
    "simple-rnn": ("SimpleRNN", {}),
    "elman": ("Elman", {}),
    "elman-1": ("Elman", {"gradient_steps": 1}),
    "elman-5": ("Elman", {"gradient_steps": 5}),
    "1997": ("LSTM1997", {}),
    "1997-truncated": ("LSTM1997", {"truncated": True}),
    "2000": ("LSTM1997", {"feedback": "cells", "forget_gate": True}),
    "peephole": ("PeepholeLSTM", {}),
    "peephole-cut": ("PeepholeLSTM", {"peephole_gradient": False}),
    **{
        name: ("VariantLSTM", {"variant": name})
        for name in "NIG NFG NOG NIAF NOAF CIFG NP FGR".split()
    },
    "memory-gated": ("MemoryGated", {}),
    "min-gru": ("MinGRU", {}),
    "min-lstm": ("MinLSTM", {}),
}


def main(arguments=None) -> int:
    """Measure, and print or write the result; return the exit code."""
    parser = _parser()
    chosen = parser.parse_args(arguments)
    if chosen.worker:
        print(json.dumps(work(json.loads(chosen.worker))))
        return 0
    partial = any(
        getattr(chosen, name) != parser.get_default(name)
        for name in ("cells", "units", "T")
    )
    if chosen.write and partial:
        parser.error("--write needs the whole table: no part may be chosen")
    start = time.perf_counter()
    with parser.reporting_errors():
        found = [
            _measure(chosen.cells, units, timesteps, chosen.repetitions)
            for units in chosen.units
            for timesteps in chosen.T
        ]
    minutes = (time.perf_counter() - start) / 60
    text = page(found, chosen.repetitions, minutes)
    print(text)
    if chosen.write:
        tables.write(text, "cells")
    return 0


def _parser() -> Parser:
    parser = Parser(__doc__)
    parser.add_subset("--cells", CELLS)
    flag = parser.add_argument
    several = {"nargs": "+", "type": at_least(1), "metavar": "N"}
    flag("--units", default=[5, 32], help="default: 5 32", **several)
    flag("--T", default=[20, 100], help="time steps: 20 100", **several)
    flag("--repetitions", type=at_least(1), default=3, metavar="N")
    flag("--write", action="store_true", help="write the table to README.md")
    flag("--worker", help=argparse.SUPPRESS)
    return parser


def _measure(cells, units, timesteps, repetitions) -> dict:
    """Time cells and the LSTM, which they are compared with, in a process."""
    # XLA reads its options once per process. The LSTM comes first, so they
    # are those that `train` sets for it.
    job = {
        "cells": list(dict.fromkeys(["lstm", *cells])),
        "units": units,
        "timesteps": timesteps,
        "episodes": max(10, 200_000 // (timesteps * units)),
        "repetitions": repetitions,
    }
    print(f"{units} units, T {timesteps}", file=sys.stderr)
    command = [sys.executable, __file__, "--worker", json.dumps(job)]
    out, _ = run(command)
    return {**job, **json.loads(out.splitlines()[-1])}


def work(job: dict) -> dict:
    """Train every cell in turns.

    Returns:
        A dictionary: `milliseconds`, the CPU time of an episode in each
        repetition, and `weights`, their number, both by the name of the cell.
        `auto` is the LSTM with the engine that `train` chooses.
    """
    from memnets import Recall, train

    task = Recall(timesteps=job["timesteps"])
    episodes = job["episodes"]
    models = {name: _network(name, job["units"]) for name in job["cells"]}
    weights = {name: model.count_params() for name, model in models.items()}
    models["auto"] = _network("lstm", job["units"])

    def measure(name) -> float:
        start = time.process_time()
        engine = "auto" if name == "auto" else "xla"
        arguments = models[name], task, episodes, BATCH
        train(*arguments, engine=engine, progress=False)
        return 1e3 * (time.process_time() - start) / episodes

    for name in models:
        measure(name)  # compiles
    times = {name: [] for name in models}
    for _ in range(job["repetitions"]):
        for name in models:
            times[name].append(measure(name))
    return {"milliseconds": times, "weights": weights}


def _network(name, units):
    import keras

    from memnets import cells

    kind, options = CELLS[name]
    layer = getattr(cells, kind, None) or getattr(keras.layers, kind)
    model = keras.Sequential(
        [
            keras.Input((None, 3)),
            layer(units, **options, return_sequences=True),
            keras.layers.Dense(2),
        ]
    )
    model.compile(optimizer="adam", loss="mean_squared_error")
    return model


def page(found: list[dict], repetitions: int, minutes: float) -> str:
    """Return the table, and the conditions of the measurement."""
    weights = found[-1]["weights"]
    heading = [
        "CPU time / Keras's LSTM",
        *(f"{one['units']} units, T {one['timesteps']}" for one in found),
        f"weights, {found[-1]['units']} units",
    ]
    lstm = [one["milliseconds"]["lstm"] for one in found]
    rows = [
        ["LSTM, CPU milliseconds", *(tables.spread(ms, 3) for ms in lstm), ""],
        ["LSTM, as `train` chooses", *_ratios(found, "auto"), "1.00"],
    ]
    rows += [
        [
            _code(name),
            *_ratios(found, name),
            f"{weights[name] / weights['lstm']:.2f}",
        ]
        for name in found[0]["cells"]
        if name != "lstm"
    ]
    facts = {**versions(), **machine()}
    facts.pop("C compiler", None)
    title = "An episode by the compiled path, relative to the LSTM"
    today = datetime.date.today().isoformat()
    made = f"{repetitions} repetitions"
    conditions = tables.conditions(today, made, facts, minutes)
    return f"{tables.table(title, heading, rows)}\n\n{conditions}"


def _ratios(found, name) -> list[str]:
    return [
        tables.ratio(one["milliseconds"][name], one["milliseconds"]["lstm"], 2)
        for one in found
    ]


def _code(name) -> str:
    """Return the layer of a cell as code."""
    kind, options = CELLS[name]
    given = ", ".join(f"{key}={value!r}" for key, value in options.items())
    return f"`{kind}({given})`" if given else f"`{kind}`"


if __name__ == "__main__":
    sys.exit(main())
