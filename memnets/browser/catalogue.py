"""The networks of the standard page."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from memnets.browser.networks import Network, flat, trained
from memnets.experiments.catalogue import find
from memnets.experiments.experiment import Experiment
from memnets.experiments.recordings import TYPICAL_SEEDS
from memnets.tasks import Batch, Countdown, EmbeddedReber, Recall, Task

# Of 8 seeds, the one whose episode of mastery is the lower median.
REBER = Experiment(
    EmbeddedReber(), "lstm", (10,), "dense", 1e-2, episodes=2000, seed=6
)


def _from_catalogue(full_name: str, name: str, title: str, about: str):
    """Train an experiment of the catalogue with its typical seed."""

    def make() -> Network:
        experiment = find(full_name)[full_name]
        seed = TYPICAL_SEEDS[full_name]
        experiment = dataclasses.replace(experiment, seed=seed)
        example = experiment.task.example()
        return trained(experiment, name, title, about, example)

    return make


def _reber(name: str, title: str, about: str) -> Callable[[], Network]:
    def make() -> Network:
        string = EmbeddedReber().sequence("BTBPTTVPSETE")
        # Its weights are half of the page.
        return trained(REBER, name, title, about, string, checkpoints=56)

    return make


def _by_hand(
    task: Task, batch: Batch, units: tuple[int, ...], *texts: str
) -> Callable[[], Network]:
    """Set a memory by hand; there is no training to watch."""

    def make() -> Network:
        from memnets.networks.by_hand import by_hand

        weights = flat(by_hand(task).get_weights())
        name, title, about = texts
        return Network(
            name, title, about, task, units, True, (0,), weights[None], batch
        )

    return make


NETWORKS: tuple[Callable[[], Network], ...] = (
    _from_catalogue(
        "recall-mastered/5-2",
        "recall",
        "Recall, mastered",
        "The network is told a number and must recall it when asked. This one "
        "learned it: layers of 5 and 2 LSTM units, 4,000 episodes with Adam "
        "0.05. First it is silent, then it learns when to answer, then what.",
    ),
    _from_catalogue(
        "recall-lecture/5-2",
        "recall-lecture",
        "Recall, the lecture's 300 episodes",
        "The lecture's own training: 300 episodes with Adam 0.001. The "
        "network learns when to answer, but not yet what.",
    ),
    _from_catalogue(
        "countdown-mastered/2-2",
        "countdown",
        "Countdown, mastered",
        "The network is told a count n and must signal n steps later. Layers "
        "of 2 and 2 LSTM units, 5,000 episodes with Adam 0.01, decaying.",
    ),
    _reber(
        "reber",
        "Embedded Reber grammar",
        "The network reads a string and says which letters may come next. It "
        "must remember the second letter, T or P, up to the last but one. 10 "
        "LSTM units and a linear readout, 2,000 episodes with Adam 0.01.",
    ),
    _by_hand(
        Recall(),
        Recall().sequence({1: 0.3, 13: 0.8}, asked=[7, 19]),
        (1,),
        "recall-by-hand",
        "Recall, weights set by hand",
        "One LSTM unit that remembers perfectly. A tell opens the input gate "
        "and shuts the forget gate, an ask opens the output gate.",
    ),
    _by_hand(
        Countdown(),
        Countdown().example(),
        (1, 1),
        "countdown-by-hand",
        "Countdown, weights set by hand",
        "The first unit counts down by one a step, the second opens only "
        "where the count is zero.",
    ),
)


def standard() -> list[Network]:
    """Train the networks of the standard page, in seconds, and return them."""
    return [make() for make in NETWORKS]
