"""How fast is memnets beside what a user would pick instead?

All players train LSTM(units) -> LSTM(2) on the same fresh batches and record
the answers to one fixed sequence after every update. Each number comes from
fresh processes, the players in turns, and is CPU time of all cores, which a
busy machine disturbs less than the time on the clock.
"""

import argparse
import dataclasses
import datetime
import importlib.metadata
import importlib.util
import json
import pathlib
import subprocess
import sys
import tempfile
import time

import tables
from cases import CASES, COMMAND, PLAYERS, SHAPES, Setting
from measuring import Failed, compiler, machine, run

# Between equal weights, relative to the largest number.
TOLERANCE = 1e-6
# Between final losses: the rounding of thousands of updates.
ALIKE = 1.05


EXAMPLES = """\
examples:
  python benchmarks/speed.py
  python benchmarks/speed.py --cases pace --task countdown --players loop train
  python benchmarks/speed.py --check
"""


class Parser(argparse.ArgumentParser):
    """A parser whose complaints are one line."""

    def error(self, message):
        """Print the complaint and leave with exit code 2."""
        self.exit(2, f"{self.prog}: {message}\n")


def main(arguments=None) -> int:
    """Measure, and print or write the result; return the exit code."""
    parser = _parser()
    chosen = parser.parse_args(arguments)
    if chosen.worker:
        import workers

        print(json.dumps(workers.work(json.loads(chosen.worker))))
        return 0
    setting = _setting(chosen)
    present, missing = _present(chosen.players or PLAYERS)
    plan = jobs(chosen.cases or CASES, present, setting)
    if not present:
        parser.error("none of the --players is there")
    if not plan:
        parser.error("none of the --players takes part in the --cases")
    partial = chosen.players or chosen.cases or setting != Setting()
    if chosen.write and partial:
        parser.error("--write keeps the whole table, so choose no part of it")
    for player in missing:
        print(f"left out: {tables.without(player)}", file=sys.stderr)
    try:
        if chosen.check:
            return _check(setting, present)
        result = measure(plan, chosen.repetitions)
    except Failed as failure:
        print(f"{parser.prog}: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"{parser.prog}: interrupted", file=sys.stderr)
        return 130
    result["left_out"] = missing
    text = tables.page(result)
    print(json.dumps(result, indent=1) if chosen.json else text)
    if chosen.write:
        tables.write(text)
    return 0


def _parser() -> Parser:
    parser = Parser(
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    flag = parser.add_argument
    flag(
        "--cases", nargs="+", choices=CASES, metavar="CASE", help=some_of(CASES)
    )
    flag(
        "--players",
        nargs="+",
        choices=PLAYERS,
        metavar="PLAYER",
        help=some_of(PLAYERS),
    )
    flag("--repetitions", type=at_least(1), default=3, metavar="N")
    network = parser.add_argument_group("what is trained, but for the shapes")
    flag = network.add_argument
    flag("--task", choices=("recall", "countdown"), default="recall")
    flag("--T", type=at_least(4), default=20, metavar="N", help="time steps")
    flag("--units", type=at_least(1), metavar="N", help="of the first layer")
    flag("--batch", type=at_least(1), default=20, metavar="N")
    parser.add_argument("--json", action="store_true", help="print all numbers")
    parser.add_argument(
        "--write", action="store_true", help="keep the tables in README.md"
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="only say how far the players' outputs and gradients differ",
    )
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    return parser


def some_of(names) -> str:
    """Say in a help page what there is to choose from."""
    return f"some of {', '.join(names)} (default: all)"


def at_least(least: int):
    """Return the type of a flag that takes integers from the least on."""

    def integer(text: str) -> int:
        value = int(text)
        if value < least:
            raise argparse.ArgumentTypeError(
                f"must be at least {least}, got {value}"
            )
        return value

    return integer


def _setting(chosen) -> Setting:
    # The lecture's networks.
    units = chosen.units or {"recall": 5, "countdown": 2}[chosen.task]
    return Setting(chosen.task, chosen.T, units, chosen.batch)


def _present(players) -> tuple[list[str], list[str]]:
    """Divide the players into those that can play here and the others."""
    there = {
        None: True,
        "torch": importlib.util.find_spec("torch") is not None,
        "jax": importlib.util.find_spec("jax") is not None,
        "a C compiler": compiler() is not None,
    }
    divided = {True: [], False: []}
    for player, (_, need) in PLAYERS.items():
        if player in players:
            divided[there[need]].append(player)
    return divided[True], divided[False]


def jobs(cases, players, setting) -> list[dict]:
    """Return what is measured in each repetition, in this order."""
    shapes = [
        dataclasses.replace(Setting(), timesteps=timesteps, units=units)
        for timesteps, units in SHAPES
    ]
    return [
        {"case": case, "player": player, "setting": dataclasses.asdict(given)}
        for case in CASES
        for given in (shapes if case == "shapes" else [setting])
        for player in players
        if case in cases and player in CASES[case]
    ]


def measure(plan: list[dict], repetitions: int) -> dict:
    """Run every job in fresh processes, in turns."""
    runs, start = [], time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        _prepare(plan, repetitions, folder)
        for repetition in range(repetitions):
            for job in plan:
                # Every repetition has weights and sequences of its own.
                setting = {**job["setting"], "seed": repetition}
                job = {**job, "setting": setting}
                print(repetition + 1, _say(job), file=sys.stderr)
                runs.append({**job, **_cost({**job, "folder": folder})})
    for case in {job["case"] for job in plan}:
        _check_equal_work([job for job in runs if job["case"] == case])
    return {
        "date": datetime.date.today().isoformat(),
        "minutes": round((time.perf_counter() - start) / 60, 1),
        "repetitions": repetitions,
        "machine": machine(),
        "versions": versions(),
        "runs": runs,
    }


def _say(job) -> str:
    return f"{job['case']}: {job['player']}, {Setting(**job['setting'])}"


def _prepare(plan, repetitions, folder) -> None:
    """Keep the initial weights of every network that will be trained."""
    settings = [
        {**job["setting"], "seed": seed}
        for job in plan
        for seed in range(repetitions)
        if job["case"] != "command"
    ]
    _worker({"case": "weights", "settings": settings, "folder": folder})


def _worker(job: dict) -> tuple[dict, dict]:
    """Be answered by a fresh process; return also what it cost."""
    out, cost = run([sys.executable, __file__, "--worker", json.dumps(job)])
    return json.loads(out.splitlines()[-1]), cost


def _cost(job: dict) -> dict:
    """Measure one job."""
    if job["case"] != "command":
        answer, cost = _worker(job)
        return {**answer, "process_cpu": cost["cpu"]}
    table = pathlib.Path(job["folder"], "results.csv")
    table.unlink(missing_ok=True)
    words = [*COMMAND.split(), "--out", str(table)]
    _, cost = run([sys.executable, "-m", "memnets", *words], pause=0.1)
    rows = table.read_text().splitlines()[1:]
    return {**cost, "rows": len(rows)}


def _check_equal_work(runs) -> None:
    """Refuse to compare players that did not learn alike."""
    groups = {}
    for job in runs:
        if "loss" in job:
            key = tuple(job["setting"].values())
            groups.setdefault(key, {})[job["player"]] = job["loss"]
    for losses in groups.values():
        if max(losses.values()) > ALIKE * min(losses.values()):
            raise Failed(f"the players did not learn alike: losses {losses}")


def _check(setting, players) -> int:
    """Print the differences between the players; return the exit code."""
    job = {"setting": dataclasses.asdict(setting), "players": players}
    answer, _ = _worker({"case": "check", **job})
    for player, parts in answer.items():
        print(
            f"{PLAYERS[player][0]:22} outputs {parts['outputs']:.1e}, "
            f"gradient {parts['gradient']:.1e} from Keras"
        )
    worst = max(max(parts.values()) for parts in answer.values())
    return int(not worst < TOLERANCE)


def versions() -> dict[str, str]:
    """Return the versions of what is there, importing none of it."""
    found = {"python": sys.version.split()[0]}
    for package in ("tensorflow", "keras", "numpy", "torch", "jax"):
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            pass
    if compiler():
        command = [*compiler(), "--version"]
        done = subprocess.run(command, capture_output=True, text=True)
        found["C compiler"] = (done.stdout.splitlines() or ["unknown"])[0]
    return found


if __name__ == "__main__":
    sys.exit(main())
