"""What the figures show: which experiment, on which sequences, how often."""

from __future__ import annotations

import dataclasses
import os
import pathlib
from collections.abc import Callable

import numpy as np

from memnets import paths
from memnets.experiments import find
from memnets.runs import Ensemble, Run
from memnets.tasks import Batch, Countdown, Recall, join


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


def _all_values() -> Batch:
    values = np.linspace(0, 1, 41)
    return join(Recall().sequence({4: v}, asked=[15]) for v in values)


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
    _RECALL: 30,
    _COUNTDOWN: 8,
    _RECALL_300: 20,
    _COUNTDOWN_300: 14,
}

RECORDINGS: dict[str, Recording] = {
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
}
