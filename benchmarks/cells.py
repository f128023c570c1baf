"""How fast are the cells of memnets beside Keras's LSTM of equal size?

A recurrent layer and a linear readout learn recall, one update on one fresh
batch of 20 an episode, by the compiled path of `memnets.train`. Each number of
units and of time steps has a fresh process, in which the cells take turns in
every repetition: ratios compare CPU time of all threads within one.
"""

import argparse
import datetime
import json
import sys
import time

import tables
from measuring import Failed, machine, run
from speed import Parser, at_least, some_of, versions

BATCH = 20
# Layers of Keras and of memnets, and their options beside the units.
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
        parser.error("--write keeps the whole table, so choose no part of it")
    start = time.perf_counter()
    try:
        found = [
            _measure(chosen.cells, units, timesteps, chosen.repetitions)
            for units in chosen.units
            for timesteps in chosen.T
        ]
    except Failed as failure:
        print(f"{parser.prog}: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"{parser.prog}: interrupted", file=sys.stderr)
        return 130
    minutes = (time.perf_counter() - start) / 60
    text = page(found, chosen.repetitions, minutes)
    print(text)
    if chosen.write:
        tables.write(text, "cells")
    return 0


def _parser() -> Parser:
    parser = Parser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    flag = parser.add_argument
    flag(
        "--cells",
        nargs="+",
        choices=CELLS,
        default=list(CELLS),
        metavar="CELL",
        help=some_of(CELLS),
    )
    several = {"nargs": "+", "type": at_least(1), "metavar": "N"}
    flag("--units", default=[5, 32], help="default: 5 32", **several)
    flag("--T", default=[20, 100], help="time steps: 20 100", **several)
    flag("--repetitions", type=at_least(1), default=3, metavar="N")
    flag("--write", action="store_true", help="keep the table in README.md")
    flag("--worker", help=argparse.SUPPRESS)
    return parser


def _measure(cells, units, timesteps, repetitions) -> dict:
    """Time some cells, and the LSTM they are compared with, in a process."""
    # XLA reads its options once a process: with the LSTM first, they are its.
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
        `milliseconds`, the CPU time of an episode in each repetition, and
        `weights`, their number, both by the name of the cell; under `auto`
        the LSTM as `train` chooses.
    """
    from memnets.quiet import import_tensorflow

    import_tensorflow()
    from memnets.tasks import Recall
    from memnets.training import train

    task = Recall(timesteps=job["timesteps"])
    episodes = job["episodes"]
    models = {name: _network(name, job["units"]) for name in job["cells"]}
    weights = {name: model.count_params() for name, model in models.items()}
    models["auto"] = _network("lstm", job["units"])

    def spend(name) -> float:
        start = time.process_time()
        engine = "auto" if name == "auto" else "xla"
        arguments = models[name], task, episodes, BATCH
        train(*arguments, engine=engine, progress=False)
        return 1e3 * (time.process_time() - start) / episodes

    for name in models:
        spend(name)  # compiles
    spent = {name: [] for name in models}
    for _ in range(job["repetitions"]):
        for name in models:
            spent[name].append(spend(name))
    return {"milliseconds": spent, "weights": weights}


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
    """Return the table and the conditions it was made in."""
    heading = [
        "times the LSTM of Keras",
        *(f"{one['units']} units, T {one['timesteps']}" for one in found),
        f"weights, {found[-1]['units']} units",
    ]
    lstm = [one["milliseconds"]["lstm"] for one in found]
    rows = [
        ["LSTM, CPU-milliseconds", *(tables.spread(ms, 3) for ms in lstm), ""],
        ["LSTM, as `train` chooses", *_ratios(found, "auto"), "1.00"],
    ]
    weights = found[-1]["weights"]
    rows += [
        [
            _call(name),
            *_ratios(found, name),
            f"{weights[name] / weights['lstm']:.2f}",
        ]
        for name in found[0]["cells"]
        if name != "lstm"
    ]
    title = "An episode, as a multiple of that of the LSTM, both by the general"
    facts = {**versions(), **machine()}
    facts.pop("C compiler", None)
    said = ", ".join(f"{key} {value}" for key, value in facts.items())
    conditions = (
        f"{datetime.date.today().isoformat()}; median (least to most) of "
        f"{repetitions} repetitions; {said}; {minutes:.1f} minutes in all."
    )
    table = tables.table(f"{title} path", heading, rows)
    return f"{table}\n\n{conditions}"


def _ratios(found, name) -> list[str]:
    return [
        tables.ratio(one["milliseconds"][name], one["milliseconds"]["lstm"], 2)
        for one in found
    ]


def _call(name) -> str:
    kind, options = CELLS[name]
    given = ", ".join(f"{key}={value!r}" for key, value in options.items())
    return f"`{kind}({given})`" if given else f"`{kind}`"


if __name__ == "__main__":
    sys.exit(main())
