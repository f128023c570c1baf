"""Kill writers of one table of results again and again: is a row ever lost?

    python benchmarks/faults.py --kills 500

Two processes at a time append the same rows, one from the first to the last
and one from the last to the first, and are killed (kill -9) at random moments.
After each pair, every row that was there before must still be there. At the
end the table is completed and must be, byte for byte, the one that a single
process wrote that nobody killed.
"""

from __future__ import annotations

import multiprocessing
import os
import pathlib
import random
import signal
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from flags import Parser

from memnets.experiments.experiment import Experiment
from memnets.experiments.rows import describe
from memnets.records.tables import Table
from memnets.tasks import Recall


def row(seed: int) -> dict[str, object]:
    """Return a row as a run leaves it."""
    result = {"mastered": False, "correct": 0.25, "deviation": 0.125}
    return {
        "experiment": "fault",
        **describe(Experiment(Recall()).settings()),
        "seed": seed,
        **result,
        "mastered_after": None,
        "keras": "",
        "tensorflow": "",
    }


def append_all(path: pathlib.Path, seeds: list[int]) -> None:
    """Append the rows of some seeds."""
    table = Table(path)
    for seed in seeds:
        table.append(row(seed))


def kill_a_pair(path: pathlib.Path, seeds: list[int], rng) -> None:
    """Let two processes write, and kill both at a random moment."""
    context = multiprocessing.get_context("spawn")
    writers = [
        context.Process(target=append_all, args=(path, order))
        for order in (seeds, seeds[::-1])
    ]
    size = path.stat().st_size if path.exists() else 0
    for writer in writers:
        writer.start()
    # Not before something is written, or nothing could be cut.
    while any(writer.is_alive() for writer in writers):
        if path.exists() and path.stat().st_size > size:
            break
        time.sleep(0.001)
    time.sleep(rng.uniform(0, 0.02))
    for writer in writers:
        os.kill(writer.pid, signal.SIGKILL)
        writer.join()


def main() -> int:
    """Run the command line; return 1 if a row was lost."""
    parser = Parser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=500)
    chosen = parser.parse_args()
    rng, lost, kills, torn = random.Random(1), 0, 0, 0
    # So many rows that the last pair still finds some to write.
    seeds = list(range(20 * chosen.kills))
    with tempfile.TemporaryDirectory() as folder:
        path, held = pathlib.Path(folder, "cut.csv"), set()
        while kills < chosen.kills:
            kill_a_pair(path, seeds, rng)
            kills += 2
            torn += not path.read_bytes().endswith(b"\n")
            found = set(Table(path).rows())
            lost += len(held - found)
            held = found
        whole = pathlib.Path(folder, "whole.csv")
        append_all(path, seeds)
        Table(path).arrange([])
        append_all(whole, seeds)
        same = path.read_bytes() == whole.read_bytes()
    print(
        f"{kills} kills, {torn} of them in the middle of a line; {lost} rows "
        f"lost; the completed table is {'' if same else 'not '}the uncut one"
    )
    return int(lost > 0 or not same)


if __name__ == "__main__":
    sys.exit(main())
