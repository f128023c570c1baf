"""How fast is `train` beside the lecture's own training loop?

    python benchmarks/speed.py [--repetitions N] [--json] [--write]

Both train the same network, LSTM(5) -> LSTM(2), on recall: an update on a
fresh batch of 20 sequences and the answers to one fixed sequence, every
episode. Each number comes from fresh processes, one after the other in turns,
and is CPU time of all cores, which a busy machine disturbs less than the time
on the clock.
"""

import argparse
import datetime
import json
import os
import pathlib
import platform
import resource
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PLAYERS = {"loop": "the lecture's loop", "train": "memnets.train"}
SHORT, LONG = 300, 3000
BATCH = 20


def main():
    """Measure, and print or write the result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--repetitions", type=int, default=3, metavar="N")
    parser.add_argument("--json", action="store_true", help="print numbers")
    parser.add_argument(
        "--write", action="store_true", help="keep the table in README.md"
    )
    parser.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.worker:
        player, episodes = chosen.worker
        print(json.dumps(work(player, int(episodes))))
        return
    if chosen.repetitions < 1:
        parser.error("--repetitions must be at least 1")
    result = measure(chosen.repetitions)
    print(json.dumps(result, indent=1) if chosen.json else table(result))
    if chosen.write:
        write(table(result))


def measure(repetitions: int) -> dict:
    """Run every player in fresh processes, in turns."""
    runs = {player: {SHORT: [], LONG: []} for player in PLAYERS}
    for repetition in range(repetitions):
        for episodes in (SHORT, LONG):
            for player in PLAYERS:
                print(repetition + 1, player, episodes, file=sys.stderr)
                runs[player][episodes].append(fresh(player, episodes))
    # Equal work, or the times say nothing.
    for episodes in (SHORT, LONG):
        for run in (run for by in runs.values() for run in by[episodes]):
            assert run["records"] == episodes + 1, run
    losses = [run["loss"] for by in runs.values() for run in by[LONG]]
    assert max(losses) < 1.5 * min(losses), losses
    return {
        "date": datetime.date.today().isoformat(),
        "repetitions": repetitions,
        "versions": runs["loop"][LONG][0]["versions"],
        "runs": runs,
    }


def fresh(player: str, episodes: int) -> dict:
    """Run one player in a process of its own, and add its whole CPU time."""
    before = children()
    command = [sys.executable, __file__, "--worker", player, str(episodes)]
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.check_output(
        command, env={**os.environ, "PYTHONPATH": path}, text=True
    )
    answer = json.loads(done.splitlines()[-1])
    return {**answer, "process_seconds": children() - before}


def children() -> float:
    """Return the CPU seconds of all processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def work(player: str, episodes: int) -> dict:
    """Be one player: train once, and time what comes after the start-up."""
    from memnets.quiet import import_tensorflow

    import_tensorflow()
    import numpy as np

    from memnets import networks
    from memnets.lessons import generator
    from memnets.tasks import Recall
    from memnets.training import versions

    task = Recall()
    model = networks.lecture(task)
    probe = task.sample(1, np.random.default_rng(1))
    train = {"loop": lecture_loop, "train": memnets_train}[player]
    long = episodes == LONG
    if long:
        # One episode imports and compiles what the others use again.
        train(model, task, 1, probe, engine="xla")
    start = time.process_time()
    outputs = train(
        model, task, episodes, probe, engine="xla" if long else "auto"
    )
    answer = {
        "work_seconds": time.process_time() - start,
        "records": len(outputs),
        "versions": {**versions(), "machine": platform.machine()},
    }
    if long:
        exam = task.sample(2000, generator(0, 99))
        answers = model.predict_on_batch(exam.inputs)
        answer["loss"] = float(np.mean((answers - exam.targets) ** 2))
    return answer


def lecture_loop(model, task, episodes, probe, **_):
    """Train as the lecture does: F. Marquardt, "LSTM", in our own words."""
    import numpy as np

    rng = np.random.default_rng(0)
    losses, outputs = [], [model.predict_on_batch(probe.inputs)]
    for _ in range(episodes):
        batch = task.sample(BATCH, rng)
        losses.append(model.train_on_batch(batch.inputs, batch.targets))
        outputs.append(model.predict_on_batch(probe.inputs))
    return outputs


def memnets_train(model, task, episodes, probe, engine):
    """Train as memnets does."""
    from memnets.training import train

    return train(
        model, task, episodes, BATCH, probe, engine=engine, progress=False
    ).outputs


def spread(values: list[float], digits: int) -> str:
    """Say the median, and the least and the most."""
    numbers = statistics.median(values), min(values), max(values)
    return "{} ({} to {})".format(*(f"{n:,.{digits}f}" for n in numbers))


def table(result: dict) -> str:
    """Return the result as a Markdown table and its conditions."""
    runs = result["runs"]

    def values(player, episodes, key):
        return [run[key] for run in runs[player][episodes]]

    work = {p: values(p, LONG, "work_seconds") for p in PLAYERS}
    rates = {p: [LONG / s for s in work[p]] for p in PLAYERS}
    whole = {p: values(p, SHORT, "process_seconds") for p in PLAYERS}
    losses = {p: values(p, LONG, "loss") for p in PLAYERS}
    rows = [
        (f"episodes per CPU-second, {LONG:,} after start-up", rates, 0),
        (f"CPU-seconds of a whole process of {SHORT} episodes", whole, 2),
        (f"loss on 2,000 fresh sequences after {LONG:,}", losses, 5),
    ]
    lines = [
        "| | " + " | ".join(PLAYERS.values()) + " | ratio |",
        "| --- | --- | --- | --- |",
    ]
    for title, by, digits in rows:
        loop, train = (statistics.median(by[player]) for player in PLAYERS)
        cells = " | ".join(spread(by[p], digits) for p in PLAYERS)
        lines.append(f"| {title} | {cells} | {train / loop:.2f} |")
    software = ", ".join(f"{k} {v}" for k, v in result["versions"].items())
    lines += [
        "",
        f"{result['date']}; median (least to most) of {result['repetitions']} "
        f"repetitions; {software}.",
    ]
    return "\n".join(lines)


def write(text: str):
    """Put the table between the marks of README.md."""
    path = pathlib.Path(__file__).with_name("README.md")
    begin, end = "<!-- results -->", "<!-- end of results -->"
    head, _, rest = path.read_text().partition(begin)
    _, _, tail = rest.partition(end)
    path.write_text(f"{head}{begin}\n{text}\n{end}{tail}")


if __name__ == "__main__":
    main()
