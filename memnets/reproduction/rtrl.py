"""Train simple recurrent networks by real-time recurrent learning."""

from __future__ import annotations

import dataclasses

import numpy as np

from memnets.reproduction.original import Online
from memnets.tasks import Task
from memnets.training.kernels import rtrl


@dataclasses.dataclass(frozen=True)
class RealTime(Online):
    """A fully recurrent network that learns online, at every step.

    Its gradient reaches back to the start of the sequence. The units are
    logistic, and the error is the squared deviation of those that answer.

    Source: R. J. Williams and D. Zipser, A Learning Algorithm for Continually
    Running Fully Recurrent Neural Networks, Neural Computation 1 (2), 270
    (1989). A. W. Smith and D. Zipser learned the embedded Reber grammar so, as
    the paper of 1997 reports in its Table 1.

    Args:
        hidden: Positive integer, the units that do not answer.
        rate: Positive float, the learning rate.
        width: Float; weights are drawn from [-width, width).
    """

    hidden: int
    rate: float
    width: float

    def network(self, task: Task) -> rtrl.Network:
        """Return the network for a task."""
        return rtrl.Network(self.hidden, len(task.inputs), len(task.outputs))

    def settings(self) -> dict[str, object]:
        """Return the settings as plain values."""
        return {"learning": "online, RTRL", **dataclasses.asdict(self)}

    def draw(self, network, rng: np.random.Generator) -> np.ndarray:
        """Draw the initial weights."""
        weights = (2 * rng.random(network.count) - 1) * self.width
        return weights.astype(np.float32)

    def learn(self, network, weights, inputs, targets, lengths):
        """Train networks, in place; return their answers."""
        given = weights, inputs, targets, self.rate, lengths
        return rtrl.learn(network, *given)

    def answer(self, network, weights, inputs, lengths, count):
        """Return the answers of networks at the last `count` steps."""
        outputs = rtrl.answer(network, weights, inputs, lengths)
        return outputs[:, :, -count:]
