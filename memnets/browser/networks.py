"""Networks as data for the page: weights at checkpoints of a training."""

from __future__ import annotations

import base64
import dataclasses
import warnings
import zlib

import numpy as np

from memnets.experiments.experiment import Experiment
from memnets.experiments.stages import stages
from memnets.records.files import check_record
from memnets.records.run import Run
from memnets.tasks import Batch, Countdown, EmbeddedReber, Reber, Recall, Task
from memnets.tasks.base import check_integer
from memnets.tasks.reber import letters

CHECKPOINTS = 60
# Columns and equations of more units could not be read.
MOST_UNITS = 64
# The most sequences of a run that go into its page.
MOST_SEQUENCES = 12


@dataclasses.dataclass(frozen=True)
class Network:
    """A stack of LSTM layers as the page has it.

    Args:
        name: String, its name in the address of the page.
        title: String.
        about: String, a sentence or two about it.
        task: The `Task` that it answers.
        units: Tuple of positive integers, the size of each LSTM layer.
        readout: Boolean, whether a linear readout answers.
        episodes: Tuple of integers, the episodes after which the weights were
            kept.
        weights: float32 array of shape `(checkpoint, weight)`, each row the
            weights in Keras's order.
        sequences: `Batch`, the sequences to show for a task whose inputs
            cannot be set by hand.
    """

    name: str
    title: str
    about: str
    task: Task
    units: tuple[int, ...]
    readout: bool
    episodes: tuple[int, ...]
    weights: np.ndarray
    sequences: Batch

    def data(self) -> dict[str, object]:
        """Return what the page reads, as plain values."""
        # What can be set is known of these; others show their sequences.
        kinds = {Recall: "recall", Countdown: "countdown"}
        kind = kinds.get(type(self.task), "plain")
        if isinstance(self.task, Reber):
            kind = "grammar"
        shown: dict[str, object] = {}
        if kind == "grammar":
            text = letters(self.sequences.inputs[0])
            shown = {"grammar": self.task.grammar, "start": {"text": text}}
        elif kind == "plain":
            shown = {"sequences": _plain(self.sequences)}
        else:
            shown = {"start": _tells_and_asks(self.sequences.inputs[0])}
        embedded = isinstance(self.task, EmbeddedReber)
        return {
            "id": self.name,
            "title": self.title,
            "about": self.about,
            "kind": kind,
            "steps": self.sequences.inputs.shape[1],
            "inputs": self.task.inputs,
            "outputs": self.task.outputs,
            "units": self.units,
            "readout": self.readout,
            "unit": "1.1",
            # Whether T comes back is what an embedded string asks for.
            "channel": 1 if embedded else 0,
            "episodes": [int(episode) for episode in self.episodes],
            "weights": pack(self.weights),
            **shown,
        }


def pack(weights: np.ndarray) -> str:
    """Return float32 weights as text, without loss.

    Bytes of equal significance lie together, each xor that of the checkpoint
    before: a quarter is saved.

    Args:
        weights: float32 array of shape `(checkpoint, weight)`.
    """
    bits = np.ascontiguousarray(weights, "<f4").view("<u4")
    changes = bits.copy()
    changes[1:] ^= bits[:-1]
    planes = changes.view(np.uint8).reshape(*bits.shape, 4)
    packed = zlib.compress(planes.transpose(2, 0, 1).tobytes(), 9)
    return base64.b64encode(packed).decode("ascii")


def marks(episodes: int, count: int = CHECKPOINTS) -> list[int]:
    """Return the episodes of the checkpoints, dense at the start.

    They are spaced like squares: from 0, before training, to the last.

    Args:
        episodes: Positive integer, the episodes in all.
        count: Integer of at least 1, the most checkpoints; 1 is the last
            alone. Default: 60.
    """
    check_integer("episodes", episodes, 1)
    check_integer("checkpoints", count, 1)
    places = np.linspace(0, 1, count)[::-1] if count > 1 else np.ones(1)
    return sorted({round(episodes * place**2) for place in places.tolist()})


def trained(
    experiment: Experiment,
    name: str,
    title: str,
    about: str,
    sequences: Batch,
    checkpoints: int = CHECKPOINTS,
) -> Network:
    """Train a network and keep its weights on the way.

    Args:
        experiment: The `Experiment`, seed included.
        name: As in `Network`.
        title: As there.
        about: As there.
        sequences: As there.
        checkpoints: Positive integer, how often weights are kept. Default: 60.
    """
    episodes = marks(experiment.episodes, checkpoints)
    kept = [flat(run.weights) for run in stages(experiment, episodes)]
    return Network(
        name,
        title,
        about,
        experiment.task,
        experiment.units,
        experiment.readout is not None,
        tuple(episodes),
        np.stack(kept),
        sequences,
    )


def of_run(run: Run, name: str, checkpoints: int = CHECKPOINTS) -> Network:
    """Return a run's network, with its weights while it was trained.

    A run keeps its final weights. Those before come from training again,
    which gives the same bits; where it does not, since another engine had
    trained it, the final weights are shown alone.

    Args:
        run: The `Run`.
        name: As in `Network`.
        checkpoints: Positive integer, how often weights are shown; 1 shows
            the final ones, without training. Default: 60.

    Raises:
        TypeError: If it is not a run.
        ValueError: If the page cannot show its network; says why.
    """
    check_record("run", run, Run)
    check_integer("checkpoints", checkpoints, 1)
    experiment = check_shown(run)
    done = len(run.losses)
    about = f"{experiment}, seed {experiment.seed}."
    if done < experiment.episodes:
        about = f"{about} Stopped after {done} episodes."
    episodes = marks(done, checkpoints)
    kept = [flat(run.weights)]
    if len(episodes) > 1:
        again = [flat(r.weights) for r in stages(experiment, episodes)]
        if np.array_equal(again[-1], kept[0]):
            kept = again
        else:
            warnings.warn(
                "run shows its final weights alone: training it again did not "
                "give the same bits",
                stacklevel=3,
            )
    probe = Batch(*(array[:MOST_SEQUENCES] for array in run.probe))
    return Network(
        name,
        f"{run.task.name}, {'-'.join(map(str, experiment.units))}, "
        f"seed {experiment.seed}",
        about,
        run.task,
        experiment.units,
        experiment.readout is not None,
        tuple(episodes[-len(kept) :]),
        np.stack(kept),
        probe,
    )


def check_shown(run: Run) -> Experiment:
    """Return a run's experiment; refuse one that the page cannot show."""
    if not run.weights:
        raise ValueError(
            "run must have its network's weights, got one that was recorded "
            "before runs kept them; train it again"
        )
    cell = run.settings.get("cell", "lstm")
    if cell != "lstm":
        raise ValueError(
            f"run must have cell lstm, the one that the page computes, got "
            f"{cell!r}"
        )
    experiment = Experiment.of(run)
    if max(experiment.units) > MOST_UNITS:
        raise ValueError(
            f"run must have at most {MOST_UNITS} units in each layer to be "
            f"shown, got {max(experiment.units)}"
        )
    if experiment.readout == "softmax":
        raise ValueError(
            "run must have a linear readout or none to be shown, got softmax"
        )
    if run.probe.inputs.ndim != 3:
        raise ValueError(
            f"run must have inputs of shape (batch, time, channel) to be "
            f"shown, got {run.probe.inputs.shape}"
        )
    return experiment


def flat(weights) -> np.ndarray:
    """Return all weights as one float32 array, in Keras's order."""
    return np.concatenate([np.ravel(w) for w in weights]).astype(np.float32)


def _plain(batch: Batch) -> list[dict[str, list[float]]]:
    """Return sequences as lists of numbers."""
    return [
        {
            "inputs": np.ravel(inputs).round(6).tolist(),
            "targets": np.ravel(targets).round(6).tolist(),
        }
        for inputs, targets in zip(batch.inputs, batch.targets)
    ]


def _tells_and_asks(inputs: np.ndarray) -> dict[str, list]:
    """Return the tells and asks of one sequence."""
    told = np.flatnonzero(inputs[:, 0])
    asked = np.flatnonzero(inputs[:, 2]) if inputs.shape[1] > 2 else told[:0]
    tells = [[int(t), round(float(inputs[t, 1]), 6)] for t in told]
    return {"tells": tells, "asks": asked.tolist()}
