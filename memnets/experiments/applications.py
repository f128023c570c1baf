"""Small applications: each network beside simpler players, over seeds.

`make applications` writes data/results/applications.csv by this module.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from memnets.experiments.experiment import Experiment
from memnets.records.applications import COLUMNS, as_text
from memnets.records.files import replacing
from memnets.tasks import (
    Batch,
    Captions,
    DateTranslation,
    Melody,
    MovingShapes,
    PenStrokes,
    SpokenDigits,
    Task,
    TwoFacts,
)
from memnets.tasks.base import check_integer, one_hot
from memnets.training.recording import Recording

SEEDS = range(5)
TRAINED, TESTED = 5000, 2000  # sequences of a linear player; of every test
RIDGE = 1e-2

Features = Callable[[np.ndarray, int], np.ndarray]


def nothing(inputs: np.ndarray, step: int) -> np.ndarray:
    """Return no features: what is left is to guess."""
    return np.zeros((len(inputs), 0))


def last_step(inputs: np.ndarray, step: int) -> np.ndarray:
    """Return the inputs of one step, `(batch, feature)`."""
    return inputs[:, step]


def last_frame(inputs: np.ndarray, step: int) -> np.ndarray:
    """Return the last inputs before the words, `(batch, feature)`."""
    return inputs[:, MovingShapes().frames - 1]


def all_steps(inputs: np.ndarray, step: int) -> np.ndarray:
    """Return the inputs of a step and of all before, `(batch, feature)`."""
    return inputs[:, : step + 1].reshape(len(inputs), -1)


@dataclasses.dataclass(frozen=True)
class Application:
    """A task, the network that learns it, and the players beside it.

    Args:
        experiment: `Experiment`, the network and its training.
        players: Dictionary from the name of a linear player to the function
            that returns what it sees at a step.
    """

    experiment: Experiment
    players: Mapping[str, Features]

    def play(self, seed: int) -> Iterator[tuple[str, float]]:
        """Train and test all players; yield their names and scores.

        Args:
            seed: Integer of at least 0, of all draws and initial weights.
        """
        task = self.experiment.task
        # Apart from what the network draws, which begins with the seed alone.
        rng = np.random.default_rng([seed, 1997])
        train, test = task.sample(TRAINED, rng), task.sample(TESTED, rng)
        for name, features in self.players.items():
            yield name, score(task, fit(task, features, train, test), test)
        if task.landmarks["perfect"] > 0:
            yield "rule", score(task, task.solve(test.inputs), test)
        yield "LSTM", score(task, self.learn(seed, test), test)

    def learn(self, seed: int, test: Batch) -> np.ndarray:
        """Train the network; return its answers to test sequences."""
        experiment = dataclasses.replace(self.experiment, seed=seed)
        recording = Recording(test, every=experiment.episodes)
        return experiment.run(recording, progress=False).outputs[-1]


def score(task: Task, outputs: np.ndarray, batch: Batch) -> float:
    """Return the share of sequences, or of next notes, that are right."""
    mark = task.guessed if isinstance(task, Melody) else task.correct
    return float(np.mean(mark(outputs, batch)))


def fit(
    task: Task, features: Features, train: Batch, test: Batch
) -> np.ndarray:
    """Answer by least squares, one linear function for each step.

    Args:
        task: The `Task`.
        features: Function that returns what the player sees at a step.
        train: `Batch` to which the functions are fitted.
        test: `Batch` to answer.

    Returns:
        Array of shape `(batch, time, output channel)`, 0 at steps that are
        not scored.
    """
    answers = np.zeros(test.targets.shape)
    seen = [one_hot(batch.inputs, len(task.inputs)) for batch in (train, test)]
    for step in map(int, np.flatnonzero(train.weights.any(axis=0))):
        known, asked = (_with_one(features(x, step)) for x in seen)
        learn = train.weights[:, step] > 0
        known, wanted = known[learn], train.targets[learn, step]
        # One-hot features add up to 1: without a little, none is determined.
        normal = known.T @ known + RIDGE * np.eye(known.shape[1])
        answers[:, step] = asked @ np.linalg.solve(normal, known.T @ wanted)
    return answers


def _with_one(features: np.ndarray) -> np.ndarray:
    """Return features with a constant beside them, in double precision."""
    return np.column_stack([features, np.ones(len(features))])


def _of(task: Task, units: int, episodes: int, batch_size: int = 32):
    """Return the experiment of an application."""
    return Experiment(
        task,
        units=(units,),
        readout="dense",
        learning_rate=1e-2,
        schedule="cosine",
        episodes=episodes,
        batch_size=batch_size,
    )


GUESS: dict[str, Features] = {"guess": nothing}
LAST: dict[str, Features] = {"linear, last step": last_step}
ALL: dict[str, Features] = {"linear, all steps": all_steps}
APPLICATIONS: dict[str, Application] = {
    "translation": Application(_of(DateTranslation(), 64, 3000), GUESS | ALL),
    "music": Application(_of(Melody(), 32, 1000), GUESS | LAST | ALL),
    "handwriting": Application(_of(PenStrokes(), 24, 500), GUESS | LAST | ALL),
    "speech": Application(_of(SpokenDigits(), 24, 500), GUESS | LAST | ALL),
    "questions": Application(_of(TwoFacts(), 32, 5000), GUESS | ALL),
    "captions": Application(_of(Captions(), 32, 1500), GUESS | ALL),
    "video": Application(
        _of(MovingShapes(), 48, 3000),
        GUESS | {"linear, last frame": last_frame} | ALL,
    ),
}


def table(
    names: Sequence[str] | None = None, seeds: Sequence[int] = SEEDS
) -> pd.DataFrame:
    """Train and test all players of applications.

    Args:
        names: The applications. Default: `None`, all of them.
        seeds: Integers of at least 0. Default: 0 to 4.

    Returns:
        A table with the columns of `memnets.records.applications.COLUMNS`, a
        row for each application, player and seed.

    Raises:
        ValueError: If there is no application of a name.
    """
    names = list(APPLICATIONS if names is None else names)
    for name in names:
        if name not in APPLICATIONS:
            raise ValueError(
                f"application must be one of {', '.join(APPLICATIONS)}, got "
                f"{name!r}"
            )
    rows = []
    for name in names:
        played = {seed: [*APPLICATIONS[name].play(seed)] for seed in seeds}
        for own in zip(*played.values()):
            rows += [
                (name, player, seed, round(scored, 5))
                for seed, (player, scored) in zip(played, own)
            ]
    return pd.DataFrame(rows, columns=COLUMNS)


def main(arguments: list[str] | None = None) -> int:
    """Write the table of all applications; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m memnets.experiments.applications",
        description="Train applications over seeds and write a table.",
    )
    parser.add_argument("names", nargs="*", help="applications; default: all")
    parser.add_argument("--out", required=True, help="the .csv file")
    parser.add_argument(
        "--seeds", type=int, default=len(SEEDS), help="how many"
    )
    chosen = parser.parse_args(arguments)
    try:
        check_integer("--seeds", chosen.seeds, 1)
        if not os.path.isdir(os.path.dirname(chosen.out) or "."):
            raise ValueError(
                f"--out must be in a folder that exists, got {chosen.out}"
            )
        frame = table(chosen.names or None, range(chosen.seeds))
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    with replacing(chosen.out) as temporary:
        frame.to_csv(temporary, index=False)
    print(as_text(frame))
    return 0


if __name__ == "__main__":
    sys.exit(main())
