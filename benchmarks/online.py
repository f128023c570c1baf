"""How fast is the kernel for the LSTM of 1997 beside the same loop in C++?

    python benchmarks/online.py [--repetitions N]

Three blocks of one cell learn from sequences of 1,000 steps. One way is
`memnets.training.kernels.online`, the other is `online.cpp`, compiled with -O3
-march=native -ffast-math; both use one thread. The cases are a target at the
end, a target at every step with one update per sequence, and an update at
every step. The kernel trains one network alone, or 8 or 16 side by side, whose
steps are added up; C++ trains one network after the other. They take turns,
and measured is CPU time. Both must end with the same weights.
"""

import ctypes
import functools
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np
from flags import Parser, at_least
from measuring import compiler, machine
from tables import facts, spread, table

from memnets.training.kernels.online import Network, draw, learn

NETWORK = Network(blocks=3, cells_per_block=1, inputs=1, outputs=1)
NETWORKS, SEQUENCES, STEPS = (1, 8, 16), 50, 1000
# Steps with a target, the learning rate, and whether each step is an update.
CASES = {
    "target at the end": (1, 0.5, False),
    "targets at every step": (STEPS, 5e-4, False),
    "updates at every step": (STEPS, 5e-4, True),
}
TOLERANCE = 1e-6


def main(arguments=None) -> int:
    """Measure, and print the result; return the exit code."""
    parser = Parser(__doc__)
    parser.add_argument("--repetitions", type=at_least(1), default=7)
    chosen = parser.parse_args(arguments)
    if not compiler():
        parser.error("there is no C++ compiler")
    with tempfile.TemporaryDirectory() as folder:
        library = build(pathlib.Path(folder) / "online.so")
        found = [measure(library, case, chosen.repetitions) for case in CASES]
    print(page(found))
    return 0


def build(path: pathlib.Path) -> ctypes.CDLL:
    """Compile `online.cpp` for the network."""
    sizes = {
        "BLOCKS": NETWORK.blocks,
        "SIZE": NETWORK.cells_per_block,
        "INPUTS": NETWORK.inputs,
        "OUTPUTS": NETWORK.outputs,
    }
    flags = "-O3 -march=native -ffast-math -std=c++17 -shared -fPIC".split()
    source = pathlib.Path(__file__).with_name("online.cpp")
    sizes = [f"-D{name}={size}" for name, size in sizes.items()]
    # `cc` compiles C++ by the name of the file, but links for C.
    command = [
        *compiler(),
        *flags,
        *sizes,
        str(source),
        "-lstdc++",
        "-o",
        str(path),
    ]
    subprocess.run(command, check=True)
    return ctypes.CDLL(str(path))


def sample(case: str, networks: int) -> tuple:
    """Draw weights, inputs and targets."""
    rng = np.random.default_rng(0)
    start = [
        draw(NETWORK, 0.1, rng, None, (-2, -4, -6)) for _ in range(networks)
    ]
    shape = networks, SEQUENCES, STEPS, 1
    inputs = rng.normal(size=shape).astype(np.float32)
    targets = rng.random(shape).astype(np.float32)
    return np.stack(start), inputs, targets[:, :, -CASES[case][0] :].copy()


def by_kernel(case, weights, inputs, targets):
    """Train with the kernel."""
    _, rate, each_step = CASES[case]
    learn(NETWORK, weights, inputs, targets, rate, each_step=each_step)


def by_cpp(library, case, weights, inputs, targets):
    """Train with C++, one network after the other."""
    scored, rate, each_step = CASES[case]
    for parts in zip(weights, inputs, targets):
        pointers = [ctypes.c_void_p(part.ctypes.data) for part in parts]
        library.learn(
            *pointers, SEQUENCES, STEPS, scored, ctypes.c_float(rate), each_step
        )


def measure(library, case: str, repetitions: int) -> dict:
    """Return millions of steps per CPU second, in turns."""
    kernel = functools.partial(by_kernel, case)
    ways = {"C++": (functools.partial(by_cpp, library, case), 1)}
    ways.update({networks: (kernel, networks) for networks in NETWORKS})
    check(library, case)
    rates = {name: [] for name in ways}
    for train, networks in ways.values():
        train(*sample(case, networks))  # compiles
    for _ in range(repetitions):
        for name, (train, networks) in ways.items():
            weights, *given = sample(case, networks)
            steps, start = 0, time.process_time()
            while time.process_time() - start < 0.3:
                train(weights, *given)
                steps += networks * SEQUENCES * STEPS
            rates[name].append(steps / (time.process_time() - start) / 1e6)
    return {"case": case, **rates}


def check(library, case: str) -> None:
    """Refuse to compare what does not learn the same."""
    start, *given = sample(case, 8)
    one, other = start.copy(), start.copy()
    by_kernel(case, one, *given)
    by_cpp(library, case, other, *given)
    error, change = np.abs(one - other).max(), np.abs(one - start).max()
    assert error < TOLERANCE < change, (case, error, change)


def page(found: list[dict]) -> str:
    """Return the table, and the machine."""
    rows = []
    for one in found:
        ratios = [
            statistics.median(a / b for a, b in zip(one[n], one["C++"]))
            for n in NETWORKS
        ]
        rates = [spread(one[name], 1) for name in ("C++", *NETWORKS)]
        rows.append([one["case"], *rates, *(f"{r:.2f}" for r in ratios)])
    sizes = [f"{n} network{'s' * (n > 1)}" for n in NETWORKS]
    heading = ["", "C++", *sizes, *(f"{size} / C++" for size in sizes)]
    title = "Millions of steps per CPU second, of all networks together"
    return f"{table(title, heading, rows)}\n\n{facts(machine())}."


if __name__ == "__main__":
    sys.exit(main())
