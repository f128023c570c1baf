"""The jobs that fresh processes of the benchmark do.

Only what a job needs is imported, because `process` counts imports.
"""

import importlib
import json
import pathlib
import resource
import sys
import time

import numpy as np
from cases import IMPLEMENTATIONS, SEEDS, SHORT_RUN, Setting
from equal_work import probe, reference_outputs, relative_difference, task_of

# A pace is measured for at least this many CPU seconds, in runs of at most
# so many times the episodes of the first run.
LEAST_SECONDS = 1.0
LONGEST_RUN = 8


def work(job: dict) -> dict:
    """Do a job and return what was measured."""
    return {
        "weights": write_weights,
        "check": check,
        "pace": pace,
        "shapes": pace,
        "process": process,
        "seeds": seeds,
    }[job["case"]](job)


def load(name: str, setting: Setting, weights):
    """Return an implementation, importing no other framework.

    It has the methods `warm_up`, `train`, `weights` and
    `outputs_and_gradient`.
    """
    module, _, kind = IMPLEMENTATIONS[name].location.partition(":")
    return getattr(importlib.import_module(module), kind)(setting, weights)


def write_weights(job):
    """Write the initial weights of networks into files."""
    from memnets import lecture

    for fields in job["settings"]:
        setting = Setting(**fields)
        path = _path(job["folder"], setting)
        if not path.exists():
            units = (setting.units, 2)
            model = lecture(task_of(setting), units, setting.seed)
            np.savez(path, *model.get_weights())
    return {}


def _path(folder, setting):
    name = f"{setting.task}-{setting.units}-{setting.seed}.npz"
    return pathlib.Path(folder, name)


def _load(job):
    """Return the implementation of a job with its initial weights."""
    setting = Setting(**job["setting"])
    with np.load(_path(job["folder"], setting)) as file:
        weights = [file[name] for name in file.files]
    return load(job["implementation"], setting, weights), setting


def pace(job):
    """Time an implementation after its start-up, and examine its network."""
    network, setting = _load(job)
    episodes = setting.episodes
    network.warm_up(episodes)
    spent, losses, records = _timed(network, episodes, setting.seed)
    weights = network.weights()
    # Times compare only implementations that do the same work.
    assert len(losses) == episodes
    assert records.shape == (episodes, setting.timesteps, 2)
    outputs = reference_outputs(weights, probe(setting).inputs)[0]
    np.testing.assert_allclose(records[-1], outputs, atol=1e-4)
    memory = peak_memory()

    # In a long run the cost of starting it no longer shows.
    times = min(LONGEST_RUN, max(1, round(LEAST_SECONDS / spent)))
    network.warm_up(episodes * times)
    spent, runs = 0.0, 0
    while spent < LEAST_SECONDS:
        runs += 1
        seed = setting.seed + 1000 * runs
        spent += _timed(network, episodes * times, seed)[0]
    return {
        "episodes": runs * episodes * times,
        "cpu": spent,
        "memory": memory,
        "loss": _exam_loss(weights, setting),
    }


def peak_memory() -> int:
    """Return the most bytes that this process has held in memory."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _timed(network, episodes, seed):
    """Train; return the CPU seconds, the losses and the records."""
    start = time.process_time()
    losses, records = network.train(episodes, seed)
    return time.process_time() - start, losses, records


def _exam_loss(weights, setting) -> float:
    """Return the loss on fresh sequences, computed by the reference."""
    exam = task_of(setting).sample(2000, np.random.default_rng(99))
    error = reference_outputs(weights, exam.inputs) - exam.targets
    return float(np.mean(error**2))


def process(job):
    """Train once, as a user does: memnets by its command."""
    if job["implementation"] == "train":
        return _command(job["folder"], Setting(**job["setting"]))
    network, setting = _load(job)
    _, records = network.train(SHORT_RUN, setting.seed)
    assert len(records) == SHORT_RUN
    return {}


def _command(folder, setting):
    from memnets import Run
    from memnets.__main__ import main

    path = pathlib.Path(folder, "run.npz")
    flags = {
        "units": f"{setting.units} 2",
        "episodes": SHORT_RUN,
        "batch-size": setting.batch,
        "timesteps": setting.timesteps,
        "seed": setting.seed,
    }
    words = " ".join(f"--{name} {value}" for name, value in flags.items())
    code = main(["train", setting.task, *words.split(), "--out", str(path)])
    assert code == 0, code
    assert len(Run.load(path).outputs) == SHORT_RUN + 1
    return {}


def seeds(job):
    """Repeat an experiment over seeds; time what more episodes add."""
    from memnets import Experiment, repeat

    setting = Setting(**job["setting"])
    times = []
    # The first repetition only warms up.
    counts = [setting.episodes * k for k in (1, 1, 8)]
    for episodes in counts:
        experiment = Experiment(
            task_of(setting),
            units=(setting.units, 2),
            episodes=episodes,
            batch_size=setting.batch,
        )
        start = time.process_time()
        runs = list(repeat(experiment, range(SEEDS), progress=False))
        times.append(time.process_time() - start)
        assert [len(run.outputs) for run in runs] == [episodes + 1] * SEEDS
    added = SEEDS * (counts[2] - counts[1])
    return {"episodes": added, "cpu": times[2] - times[1]}


def check(job):
    """Return how far implementations differ from Keras, for equal weights."""
    setting = Setting(**job["setting"])
    rng = np.random.default_rng(setting.seed)
    batch = task_of(setting).sample(setting.batch, rng)
    weights = _random_weights(setting, batch.inputs.shape[-1], rng)
    keras = load("loop", setting, weights)
    _, expected = keras.outputs_and_gradient(batch.inputs, batch.targets)
    outputs = reference_outputs(weights, batch.inputs)
    differences = {}
    for name in job["implementations"]:
        if name in ("fit", "xla", "train"):
            continue  # they train the same Keras model
        network = load(name, setting, weights)
        found, gradient = network.outputs_and_gradient(
            batch.inputs, batch.targets
        )
        differences[name] = {
            "outputs": relative_difference(found, outputs),
            "gradient": max(map(relative_difference, gradient, expected)),
        }
    return differences


def _random_weights(setting, channels, rng):
    shapes = [
        shape
        for inputs, units in ((channels, setting.units), (setting.units, 2))
        for shape in ((inputs, 4 * units), (units, 4 * units), (4 * units,))
    ]
    return [rng.normal(0, 0.5, s).astype(np.float32) for s in shapes]


if __name__ == "__main__":
    print(json.dumps(work(json.loads(sys.argv[1]))))
