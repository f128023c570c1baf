"""What the figures show: which experiment, on which sequences, how often."""

from __future__ import annotations

import dataclasses
import os
import pathlib
from collections.abc import Callable

import numpy as np

from memnets import paths
from memnets.experiments import find
from memnets.flows import Flows
from memnets.insides import Inside
from memnets.quiet import import_tensorflow
from memnets.runs import Ensemble, Run
from memnets.tasks import Batch, Countdown, Recall, Task, join
from memnets.training import versions


@dataclasses.dataclass(frozen=True)
class Recording:
    """A run to keep, or the losses of many runs.

    Args:
        experiment: String, the full name of an experiment of the catalogue.
        probe: Function without arguments that returns the sequences whose
            answers are recorded. Default: `None`, none are needed.
        record_every: Positive integer, the episodes from record to record.
            Default: 1.
        watch: String, a layer to record too. Default: `None`.
        seeds: Positive integer; above 1 the losses of the seeds from 0 are
            kept and nothing else. Default: 1, one run of the typical seed.
    """

    experiment: str
    probe: Callable[[], Batch] | None = None
    record_every: int = 1
    watch: str | None = None
    seeds: int = 1

    def make(self) -> Run | Ensemble:
        """Train, and return what is to be kept."""
        experiment = find(self.experiment)[self.experiment]
        one = [TYPICAL_SEEDS[self.experiment]]
        runs = experiment.repeat(
            range(self.seeds) if self.seeds > 1 else one,
            self.probe() if self.probe else None,
            record_every=min(self.record_every, experiment.episodes),
            watch=self.watch,
        )
        runs = [_named(run, self.experiment) for run in runs]
        return runs[0] if self.seeds == 1 else Ensemble.of(runs)


@dataclasses.dataclass(frozen=True)
class InsideRecording:
    """What is in the cells of a trained network while it answers.

    Args:
        experiment: String, the full name of an experiment of the catalogue,
            run for its typical seed.
        probe: Function without arguments that returns the sequences.
        episodes: Positive integer, the episodes to train for. Default: `None`,
            those of the experiment.
    """

    experiment: str
    probe: Callable[[], Batch]
    episodes: int | None = None
    seeds: int = dataclasses.field(default=1, init=False)

    def make(self) -> Inside:
        """Train, look into the network, and return what was seen."""
        experiment = find(self.experiment)[self.experiment]
        experiment = dataclasses.replace(
            experiment,
            episodes=self.episodes or experiment.episodes,
            seed=TYPICAL_SEEDS[self.experiment],
        )
        run = experiment.run(record_every=experiment.episodes)
        settings = {**run.settings, "experiment": self.experiment}
        import_tensorflow()
        return _look_into(run.model(), self.probe(), settings)


@dataclasses.dataclass(frozen=True)
class ByHandRecording:
    """What is in the cells of a network whose weights were set by hand.

    Args:
        task: The task.
        probe: As in `InsideRecording`.
    """

    task: Task
    probe: Callable[[], Batch]
    seeds: int = dataclasses.field(default=1, init=False)

    @property
    def experiment(self) -> str:
        """A name in the place of an experiment's."""
        return f"{self.task.name}-by-hand"

    def make(self) -> Inside:
        """Look into the network, and return what was seen."""
        import_tensorflow()
        from memnets.networks import by_hand

        settings = {
            "experiment": self.experiment,
            "seed": "none",
            "task": self.task.settings(),
            "versions": versions(),
        }
        return _look_into(by_hand(self.task), self.probe(), settings)


@dataclasses.dataclass(frozen=True)
class FlowsRecording:
    """What the error keeps on its way back, before and after learning.

    Args:
        task: The task; all of `memnets.highways.NETWORKS` learn it.
        seeds: Positive integer; the seeds are 0 to `seeds - 1`.
    """

    task: Recall
    seeds: int

    @property
    def experiment(self) -> str:
        """A name in the place of an experiment's."""
        return f"{self.task.name}-highways"

    def make(self) -> Flows:
        """Train all networks, and return what is to be kept."""
        import_tensorflow()
        from memnets.highways import study

        flows = study(self.task, self.seeds)
        settings = {**flows.settings, "experiment": self.experiment}
        return dataclasses.replace(flows, settings=settings)


def _look_into(model, probe: Batch, settings: dict) -> Inside:
    from memnets.inspection import trace

    outputs = model.predict_on_batch(probe.inputs)
    return Inside(probe, outputs, trace(model, probe.inputs), settings)


def record(name: str, folder: str | os.PathLike | None = None) -> pathlib.Path:
    """Make one recording and write it.

    Args:
        name: String, one of `RECORDINGS`.
        folder: The folder to write to. Default: `None`, `data/runs`.

    Returns:
        The path of the file.

    Raises:
        ValueError: If there is no such recording.
    """
    check(name)
    path = pathlib.Path(folder or paths.data() / "runs") / f"{name}.npz"
    RECORDINGS[name].make().save(path)
    return path


def load(name: str) -> Run | Ensemble | Inside | Flows:
    """Read a recording; the end of its name says of which kind it is.

    Args:
        name: String, one of `RECORDINGS`.

    Raises:
        ValueError: If there is no such recording, or its file is damaged.
        FileNotFoundError: If its file is missing.
    """
    check(name)
    kind = KINDS.get(name.rpartition("_")[2], Run)
    return kind.load(paths.run(name))


def check(name: str) -> None:
    """Refuse the name of no recording."""
    if name not in RECORDINGS:
        raise ValueError(
            f"recording must be one of {', '.join(RECORDINGS)}, got {name!r}"
        )


def _named(run: Run, experiment: str) -> Run:
    return dataclasses.replace(
        run, settings={**run.settings, "experiment": experiment}
    )


def _told_once() -> Batch:
    """One sequence in the lecture's manner; 0.9 is above tanh(1) = 0.76."""
    return Recall().sequence({4: 0.9}, asked=[15])


def _thirty() -> Batch:
    return Recall().sample(30, np.random.default_rng(30))


def _asked_twice() -> Batch:
    return Recall(asks=2).sample(30, np.random.default_rng(2))


def _all_values(count: int = 41) -> Batch:
    values = np.linspace(0, 1, count)
    return join(Recall().sequence({4: v}, asked=[15]) for v in values)


def _fewer_values() -> Batch:
    return _all_values(21)


def _told_twice() -> Batch:
    """Asked after each tell, all far enough apart to be named in a picture."""
    return Recall().sequence({1: 0.3, 13: 0.8}, asked=[7, 19])


def _counted_once() -> Batch:
    return Countdown().sequence(tell=4, count=5)


def _all_counts() -> Batch:
    return Countdown().exam(np.random.default_rng(0))


_RECALL, _COUNTDOWN = "recall-mastered/5-2", "countdown-mastered/2-2"
_RECALL_300, _COUNTDOWN_300 = "recall-lecture/5-2", "countdown-lecture/2-2"

# A picture of one seed is to show neither the best nor the worst: of the 32
# in data/results/lecture.csv the one whose deviation at the end is the lower
# median. A test compares.
TYPICAL_SEEDS = {
    _RECALL: 28,
    _COUNTDOWN: 17,
    _RECALL_300: 29,
    _COUNTDOWN_300: 11,
}

# What a recording is, by the end of its name; else a `Run`.
KINDS = {"loss": Ensemble, "inside": Inside, "flows": Flows}

RECORDINGS: dict[
    str, Recording | InsideRecording | ByHandRecording | FlowsRecording
] = {
    "recall_lecture": Recording(_RECALL_300, _told_once),
    "recall_lecture_loss": Recording(_RECALL_300, seeds=32),
    "recall_mastered": Recording(_RECALL, _told_once, 4),
    "recall_thirty": Recording(_RECALL, _thirty, 100),
    "recall_asked_twice": Recording(_RECALL, _asked_twice, 500),
    "recall_values": Recording(_RECALL, _all_values, 50),
    "recall_loss": Recording(_RECALL, record_every=10_000, seeds=32),
    "countdown_lecture": Recording(_COUNTDOWN_300, _counted_once),
    "countdown_lecture_loss": Recording(_COUNTDOWN_300, seeds=32),
    "countdown_mastered": Recording(_COUNTDOWN, _counted_once, 4),
    "countdown_units": Recording(_COUNTDOWN, _all_counts, 500, "lstm_1"),
    "countdown_loss": Recording(_COUNTDOWN, record_every=10_000, seeds=32),
    "recall_inside": InsideRecording(_RECALL, _fewer_values),
    # Long enough for the ceiling at tanh(1), too short to get past it.
    "recall_ceiling_inside": InsideRecording(
        _RECALL_300, _fewer_values, episodes=5000
    ),
    "recall_by_hand_inside": ByHandRecording(Recall(), _told_twice),
    "countdown_by_hand_inside": ByHandRecording(Countdown(), _counted_once),
    "recall_flows": FlowsRecording(Recall(timesteps=60, width=1), 8),
}
