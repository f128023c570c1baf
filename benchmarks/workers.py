"""What the fresh processes of the benchmark do."""

import pathlib
import time

from cases import SEEDS, SHORT, Setting
from measuring import peak_memory

# The least CPU-seconds to measure a pace for, and how many times the episodes
# of the first run a long run may have.
LEAST = 1.0
LONGEST = 8


def work(job: dict) -> dict:
    """Do a job and return what was measured."""
    return {
        "weights": keep_weights,
        "check": check,
        "pace": pace,
        "shapes": pace,
        "process": process,
        "seeds": seeds,
    }[job["case"]](job)


def make_player(name, setting, weights):
    """Return a player; only what it needs is imported."""
    if name in ("loop", "fit", "xla", "train"):
        import keras_players as module

        kinds = {"loop": "Loop", "fit": "Fit", "xla": "General"}
        return getattr(module, kinds.get(name, "Memnets"))(setting, weights)
    import peers

    kinds = {"torch": peers.Torch, "jax": peers.Jax, "c": peers.HandWritten}
    return kinds[name](setting, weights)


def keep_weights(job):
    """Write the initial weights of networks into files."""
    import numpy as np
    from equal_work import make_task

    from memnets.networks import lecture

    for fields in job["settings"]:
        setting = Setting(**fields)
        path = _path(job["folder"], setting)
        if not path.exists():
            task = make_task(setting)
            model = lecture(task, (setting.units, 2), setting.seed)
            np.savez(path, *model.get_weights())
    return {}


def _path(folder, setting):
    name = f"{setting.task}-{setting.units}-{setting.seed}.npz"
    return pathlib.Path(folder, name)


def _weights(job, setting):
    import numpy as np

    with np.load(_path(job["folder"], setting)) as file:
        return [file[name] for name in file.files]


def pace(job):
    """Time a player after its start-up, and examine it."""
    import numpy as np
    from equal_work import answers, make_task

    setting = Setting(**job["setting"])
    player = make_player(job["player"], setting, _weights(job, setting))
    episodes = setting.episodes
    player.warm_up(episodes)
    spent, losses, records = _timed(player, episodes, setting.seed)
    weights = player.weights()
    # Equal work, or the times say nothing.
    wanted = (episodes, setting.timesteps, 2)
    assert len(losses) == episodes and records.shape == wanted
    found = answers(weights, _asked(setting))[0]
    np.testing.assert_allclose(records[-1], found, atol=1e-4)
    memory = peak_memory()

    # A long run is one in which the cost of beginning no longer shows.
    long = episodes * min(LONGEST, max(1, round(LEAST / spent)))
    player.warm_up(long)
    spent, calls = 0.0, 0
    while spent < LEAST:
        seed = setting.seed + 1000 * (1 + calls)
        spent += _timed(player, long, seed)[0]
        calls += 1
    exam = make_task(setting).sample(2000, np.random.default_rng(99))
    error = answers(weights, exam.inputs) - exam.targets
    return {
        "episodes": calls * long,
        "cpu": spent,
        "memory": memory,
        "loss": float(np.mean(error**2)),
    }


def _timed(player, episodes, seed):
    """Train; return the CPU-seconds, the losses and the records."""
    start = time.process_time()
    losses, records = player.train(episodes, seed)
    return time.process_time() - start, losses, records


def _asked(setting):
    from equal_work import probe

    return probe(setting).inputs


def process(job):
    """Train once, as a user does: memnets by its command."""
    setting = Setting(**job["setting"])
    if job["player"] == "train":
        return _command(job["folder"], setting)
    player = make_player(job["player"], setting, _weights(job, setting))
    _, records = player.train(SHORT, setting.seed)
    assert len(records) == SHORT
    return {}


def _command(folder, setting):
    from memnets.__main__ import main

    run = pathlib.Path(folder, "run.npz")
    flags = {
        "units": f"{setting.units} 2",
        "episodes": SHORT,
        "batch-size": setting.batch,
        "timesteps": setting.timesteps,
        "seed": setting.seed,
    }
    words = " ".join(f"--{name} {value}" for name, value in flags.items())
    code = main(["train", setting.task, *words.split(), "--out", str(run)])
    assert code == 0, code

    from memnets.runs import Run

    assert len(Run.load(run).outputs) == SHORT + 1
    return {}


def seeds(job):
    """Repeat an experiment over seeds; time what more episodes add."""
    from equal_work import make_task

    from memnets.experiments import Experiment

    setting = Setting(**job["setting"])
    times = []
    # The first takes what only first times take.
    counts = [setting.episodes * k for k in (1, 1, 8)]
    for episodes in counts:
        experiment = Experiment(
            make_task(setting),
            units=(setting.units, 2),
            episodes=episodes,
            batch_size=setting.batch,
        )
        start = time.process_time()
        runs = list(experiment.repeat(range(SEEDS), progress=False))
        times.append(time.process_time() - start)
        assert [len(run.outputs) for run in runs] == [episodes + 1] * SEEDS
    added = SEEDS * (counts[2] - counts[1])
    return {"episodes": added, "cpu": times[2] - times[1]}


def check(job):
    """Return how far players differ from Keras for equal weights."""
    import numpy as np
    from equal_work import answers, difference, make_task

    setting = Setting(**job["setting"])
    rng = np.random.default_rng(setting.seed)
    batch = make_task(setting).sample(setting.batch, rng)
    channels = batch.inputs.shape[-1]
    shapes = [
        shape
        for inputs, units in ((channels, setting.units), (setting.units, 2))
        for shape in ((inputs, 4 * units), (units, 4 * units), (4 * units,))
    ]
    weights = [rng.normal(0, 0.5, s).astype(np.float32) for s in shapes]
    keras = make_player("loop", setting, weights)
    _, gradient = keras.study(batch.inputs, batch.targets)
    found = {}
    for name in job["players"]:
        if name in ("fit", "xla", "train"):
            continue  # they are that very model
        player = make_player(name, setting, weights)
        mine, slopes = player.study(batch.inputs, batch.targets)
        found[name] = {
            "outputs": difference(mine, answers(weights, batch.inputs)),
            "gradient": max(map(difference, slopes, gradient)),
        }
    return found
