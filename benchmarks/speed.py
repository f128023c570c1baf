"""How fast is memnets beside the usual ways to train such a network?

All implementations train LSTM(units) -> LSTM(2) on the same fresh batches and
record the answers to one fixed sequence after every update. Each measurement
has a fresh process, and the implementations take turns. Measured is the CPU
time of all threads, which depends less on other load than wall-clock time.
"""

import dataclasses
import datetime
import importlib.util
import json
import pathlib
import sys
import tempfile
import time

import tables
from cases import (
    C_COMPILER,
    CASES,
    COMMAND,
    IMPLEMENTATIONS,
    SHAPES,
    Setting,
)
from flags import Parser, at_least
from measuring import BenchmarkError, compiler, machine, run, versions

# For outputs and gradients of equal weights, relative to the largest number.
TOLERANCE = 1e-6
# For final losses: thousands of updates add up differences in rounding.
LOSS_RATIO = 1.05
# The units of the first layer in the lecture.
UNITS = {"recall": 5, "countdown": 2}
EXAMPLES = """\
examples:
  python benchmarks/speed.py
  python benchmarks/speed.py --cases pace --implementations loop train
  python benchmarks/speed.py --check
"""


def main(arguments=None) -> int:
    """Measure, and print or write the result; return the exit code."""
    parser = _parser()
    chosen = parser.parse_args(arguments)
    units = chosen.units or UNITS[chosen.task]
    setting = Setting(chosen.task, chosen.T, units, chosen.batch)
    present = list(filter(available, chosen.implementations))
    missing = [name for name in chosen.implementations if name not in present]
    plan = plan_jobs(chosen.cases, present, setting)
    if not present:
        parser.error("none of the --implementations can run here")
    if not plan:
        parser.error("none of the --implementations is in the --cases")
    whole = list(CASES), list(IMPLEMENTATIONS), Setting()
    partial = (chosen.cases, chosen.implementations, setting) != whole
    if chosen.write and partial:
        parser.error("--write needs the whole table: no part may be chosen")
    for name in missing:
        print(f"left out: {tables.missing(name)}", file=sys.stderr)
    with parser.reporting_errors():
        if chosen.check:
            return _check(setting, present)
        result = {**measure(plan, chosen.repetitions), "left_out": missing}
    text = tables.page(result)
    print(json.dumps(result, indent=1) if chosen.json else text)
    if chosen.write:
        tables.write(text)
    return 0


def _parser() -> Parser:
    parser = Parser(__doc__, EXAMPLES)
    parser.add_subset("--cases", CASES)
    parser.add_subset("--implementations", IMPLEMENTATIONS)
    flag = parser.add_argument
    flag("--repetitions", type=at_least(1), default=3, metavar="N")
    flag("--json", action="store_true", help="print all numbers")
    flag("--write", action="store_true", help="write the tables to README.md")
    flag(
        "--check",
        action="store_true",
        help="only print how far outputs and gradients differ",
    )
    network = parser.add_argument_group("the network, in all cases but shapes")
    flag = network.add_argument
    flag("--task", choices=UNITS, default="recall")
    flag("--T", type=at_least(4), default=20, metavar="N", help="time steps")
    flag("--units", type=at_least(1), metavar="N", help="of the first layer")
    flag("--batch", type=at_least(1), default=20, metavar="N")
    return parser


def available(name: str) -> bool:
    """Return whether an implementation can run here."""
    needs = IMPLEMENTATIONS[name].needs
    if needs == C_COMPILER:
        return compiler() is not None
    return needs is None or importlib.util.find_spec(needs) is not None


def plan_jobs(cases, implementations, setting) -> list[dict]:
    """Return the measurements of one repetition, in order."""
    shapes = [
        dataclasses.replace(Setting(), timesteps=timesteps, units=units)
        for timesteps, units in SHAPES
    ]
    return [
        {
            "case": case,
            "implementation": name,
            "setting": dataclasses.asdict(given),
        }
        for case in CASES
        for given in (shapes if case == "shapes" else [setting])
        for name in implementations
        if case in cases and name in CASES[case]
    ]


def measure(plan: list[dict], repetitions: int) -> dict:
    """Run every job in a fresh process, in turns."""
    runs, start = [], time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        _write_weights(plan, repetitions, folder)
        for repetition in range(repetitions):
            for job in plan:
                # Every repetition has its own weights and sequences.
                job = {**job, "setting": {**job["setting"], "seed": repetition}}
                print(repetition + 1, _title(job), file=sys.stderr)
                runs.append({**job, **_cost({**job, "folder": folder})})
    for case in {job["case"] for job in plan}:
        check_losses([job for job in runs if job["case"] == case])
    return {
        "date": datetime.date.today().isoformat(),
        "minutes": (time.perf_counter() - start) / 60,
        "repetitions": repetitions,
        "machine": machine(),
        "versions": versions(),
        "runs": runs,
    }


def _title(job) -> str:
    return (
        f"{job['case']}: {job['implementation']}, {Setting(**job['setting'])}"
    )


def _write_weights(plan, repetitions, folder) -> None:
    """Write the initial weights of every network that will be trained."""
    settings = [
        {**job["setting"], "seed": seed}
        for job in plan
        for seed in range(repetitions)
        if job["case"] != "command"
    ]
    _work({"case": "weights", "settings": settings, "folder": folder})


def _work(job: dict) -> tuple[dict, dict]:
    """Do a job in a fresh process; return its result and its cost."""
    script = pathlib.Path(__file__).with_name("jobs.py")
    out, cost = run([sys.executable, str(script), json.dumps(job)])
    return json.loads(out.splitlines()[-1]), cost


def _cost(job: dict) -> dict:
    """Measure one job."""
    if job["case"] != "command":
        found, cost = _work(job)
        return {**found, "process_cpu": cost["cpu"]}
    table = pathlib.Path(job["folder"], "results.csv")
    table.unlink(missing_ok=True)
    words = [*COMMAND.split(), "--out", str(table)]
    _, cost = run([sys.executable, "-m", "memnets", *words], interval=0.1)
    rows = table.read_text().splitlines()[1:]
    return {**cost, "rows": len(rows)}


def check_losses(runs) -> None:
    """Refuse to compare implementations whose networks differ."""
    groups = {}
    for job in runs:
        if "loss" in job:
            key = tuple(job["setting"].values())
            groups.setdefault(key, {})[job["implementation"]] = job["loss"]
    for losses in groups.values():
        if max(losses.values()) > LOSS_RATIO * min(losses.values()):
            raise BenchmarkError(f"the networks did not learn alike: {losses}")


def _check(setting, implementations) -> int:
    """Print the differences between implementations; return the exit code."""
    job = {"setting": dataclasses.asdict(setting)}
    job["implementations"] = implementations
    found, _ = _work({"case": "check", **job})
    if not found:
        raise BenchmarkError("fit, xla and train are the Keras model itself")
    for name, parts in found.items():
        print(
            f"{IMPLEMENTATIONS[name].title:22} differs from Keras: outputs "
            f"{parts['outputs']:.1e}, gradient {parts['gradient']:.1e}"
        )
    largest = max(max(parts.values()) for parts in found.values())
    return int(not largest < TOLERANCE)


if __name__ == "__main__":
    sys.exit(main())
