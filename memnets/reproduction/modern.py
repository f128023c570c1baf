"""Train today's LSTM on the classic experiments, under the same rules.

The LSTM of Keras with a readout, all of the gradient, Adam on batches. One
setting serves nearly all experiments.
"""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from memnets.networks import draws
from memnets.reproduction.rules import Judge, Rule, Trial, score
from memnets.tasks import Batch, Task
from memnets.training.batches import generator
from memnets.training.kernels.engine import Kernel
from memnets.training.kernels.network import Stack
from memnets.training.kernels.optimizers import Optimizer

BIASES = 14  # the purpose of a trial's gate biases
READOUTS = {
    "mean_squared_error": "linear",
    "binary_crossentropy": "sigmoid",
    "categorical_crossentropy": "softmax",
}
# Batches that are drawn at once.
DRAWN = 32


class Course(NamedTuple):
    """The training of one network, from its first sequence to its last.

    Args:
        trial: `Trial`, its end.
        correct: bool array of shape `(sequences,)`, whether each was answered
            correctly before the network learned from it.
        errors: Float array of the same shape, the mean absolute error of each
            of these answers.
        weights: List of float32 arrays, the final weights in Keras's order.
    """

    trial: Trial
    correct: np.ndarray
    errors: np.ndarray
    weights: list[np.ndarray]


@dataclasses.dataclass(frozen=True)
class Modern:
    """An LSTM of today and how it is trained.

    Args:
        loss: String, Keras's name of the loss; the readout is linear, sigmoid
            or softmax accordingly.
        longest: Positive integer, the longest memory time, for the forget
            gates. Their biases are drawn by `memnets.networks.draws.chrono`,
            and those of the input gates are the same with the other sign.
        units: Positive integer, the units of the LSTM. Default: 16.
        batch_size: Positive integer. Default: 16.
        rate: Positive float, Adam's learning rate at first. Default: 0.01.
        beta_2: Float, Adam's. Default: 0.99.
        halved_every: Positive integer, the sequences after which the learning
            rate is halved, again and again. Default: 20,000.
        least_rate: Positive float, where that ends. Default: 2e-4.
        clip: Positive float, the largest norm of the gradient. Default: 1.
        forget_bias: Float, of all forget gates in the place of `longest`; the
            biases of the input gates are then 0. Default: `None`.
        last_weight: Positive float, the weight of the last step in the loss;
            that of the others is 1. Default: 1.
        cell: `"lstm"`, `"gru"`, `"simple_rnn"` or `"elman"`. Default: `"lstm"`.
    """

    loss: str
    longest: int
    units: int = 16
    batch_size: int = 16
    rate: float = 1e-2
    beta_2: float = 0.99
    halved_every: int = 20_000
    least_rate: float = 2e-4
    clip: float = 1.0
    forget_bias: float | None = None
    last_weight: float = 1.0
    cell: str = "lstm"

    def stack(self, task: Task) -> Stack:
        """Return the network for a task."""
        readout = READOUTS[self.loss]
        sizes = len(task.inputs), (self.cell,), (self.units,)
        return Stack(*sizes, readout, len(task.outputs))

    def count_weights(self, task: Task) -> int:
        """Return the number of weights."""
        return sum(int(np.prod(s)) for s in self.stack(task).shapes())

    def settings(self) -> dict[str, object]:
        """Return the settings as plain values."""
        return {"learning": "batches, Adam", **dataclasses.asdict(self)}

    def weights(self, task: Task, seed: int) -> list[np.ndarray]:
        """Draw the initial weights of a trial."""
        channels, outputs = len(task.inputs), len(task.outputs)
        arguments = channels, (self.units,), outputs, "dense", seed
        weights = draws.initial_weights(*arguments, self.cell)
        if self.cell != "lstm":
            return weights
        forget = np.full(self.units, self.forget_bias or 0, np.float32)
        bias = np.zeros(4 * self.units, np.float32)
        if self.forget_bias is None:
            rng = generator(seed, BIASES)
            forget = draws.chrono((self.units,), rng, self.longest)
            bias[: self.units] = -forget
        bias[self.units : 2 * self.units] = forget
        weights[2] = bias
        return weights

    def rates(self, before: np.ndarray) -> np.ndarray:
        """Return the learning rates after some numbers of updates."""
        halvings = np.asarray(before) * self.batch_size // self.halved_every
        # 2 ** -n is exact, so the bits are the same everywhere.
        return np.maximum(self.rate * 0.5**halvings, self.least_rate)

    def trials(
        self,
        task: Task,
        rule: Rule,
        cap: int,
        seeds: list[int],
        stop: Callable[[], bool] = lambda: False,
    ) -> Iterator[Trial]:
        """Train a network for each seed; give each trial as it ends.

        Args:
            task: The task.
            rule: The stopping rule and the final test.
            cap: Positive integer, the most sequences of a trial.
            seeds: List of integers, one for each trial.
            stop: Function that says whether to give up. Default: never.
        """
        for seed in seeds:
            for _, trial in self.share(task, [(rule, cap)], seed, stop):
                yield trial

    def share(
        self,
        task: Task,
        ends: Sequence[tuple[Rule, int]],
        seed: int,
        stop: Callable[[], bool] = lambda: False,
    ) -> Iterator[tuple[int, Trial]]:
        """Train one network for several trials, until the last has ended.

        They differ only in when they end, so each is as if it were alone.

        Args:
            task: The task.
            ends: The rule and the cap of each trial, as in `trials`; all rules
                draw the same sequences.
            seed: Integer, the number of the trials.
            stop: As in `trials`.

        Yields:
            The place of a trial among `ends`, and the trial, as it ends; its
            seconds are those since the one before.
        """
        began = time.thread_time()
        learning = self._learn(self._kernel(task, seed), task, ends, seed, stop)
        for n, trial in learning:
            now = time.thread_time()
            yield n, trial._replace(seconds=now - began)
            began = now

    def train(self, task: Task, rule: Rule, cap: int, seed: int) -> Course:
        """Train one network, as in `trials`, and keep its course.

        Args:
            task: The task.
            rule: The stopping rule and the final test.
            cap: Positive integer, the most sequences.
            seed: Integer, the number of the trial.

        Returns:
            The `Course`; its trial is that of `trials`.
        """
        kernel, scores = self._kernel(task, seed), []
        learn = functools.partial(self._learn, kernel, note=scores.append)
        found, seconds = timed(lambda: [*learn(task, [(rule, cap)], seed)])
        correct, errors = map(np.concatenate, zip(*scores))
        trial = found[0][1]._replace(seconds=seconds)
        return Course(trial, correct, errors, kernel.get()[0])

    def _learn(
        self,
        kernel,
        task,
        ends,
        seed,
        stop=lambda: False,
        note=lambda scores: None,
    ) -> Iterator[tuple[int, Trial]]:
        """Train a network until its trials end, or until it must stop."""
        judges = {n: end[0].judge(task, seed) for n, end in enumerate(ends)}
        sequences = 0
        for batch in self._batches(ends[0][0].stream(task, seed)):
            for n in [n for n in judges if sequences >= ends[n][1]]:
                del judges[n]
                yield n, Trial(seed, None, sequences, 0.0)
            if stop() or not judges:
                return
            kernel.run(self._weighted(batch), 0, np.zeros(1, bool))
            scores = score(task, kernel.answers(), batch)
            note(scores)
            for n in list(judges):
                verdict = _examine(judges[n], kernel, *scores, sequences)
                if verdict is not None:
                    del judges[n]
                    after = sequences + self.batch_size
                    yield n, Trial(seed, verdict, after, 0.0)
            sequences += self.batch_size

    def _kernel(self, task, seed, lanes=None):
        """Return the training kernel with the initial weights."""
        optimizer = Optimizer(
            "Adam",
            self.rates,
            self.loss,
            by_weight=True,
            beta_2=self.beta_2,
            clip="global_clipnorm",
            limit=self.clip,
        )
        probe = task.sample(1, np.random.default_rng(0)).inputs
        kernel = Kernel(
            self.stack(task),
            optimizer,
            self.batch_size,
            task.timesteps,
            probe,
            symbols=task.symbolic,
            lanes=lanes,
        )
        kernel.put(self.weights(task, seed))
        return kernel

    def _batches(self, stream) -> Iterator[Batch]:
        """Yield batches, which are drawn several at a time."""
        number = 0
        while True:
            drawn = stream(number, DRAWN * self.batch_size)
            for n in range(0, DRAWN * self.batch_size, self.batch_size):
                yield Batch(*(a[n : n + self.batch_size] for a in drawn))
            number += 1

    def _weighted(self, batch: Batch) -> Batch:
        """Return a block of one batch, with the weight of the last step."""
        weights = batch.weights
        if self.last_weight != 1:
            weights = weights.copy()
            weights[:, -1] *= np.float32(self.last_weight)
        return Batch(batch.inputs[None], batch.targets[None], weights[None])


def timed(function, *arguments):
    """Call a function; return its result and the processor time."""
    began = time.thread_time()
    result = function(*arguments)
    return result, time.thread_time() - began


def _examine(judge: Judge, kernel: Kernel, correct, errors, sequences):
    """Examine a network as often as its judge asks; return the verdict."""
    done, due = 0, judge.due(correct, errors)
    while due is not None:
        done += due
        verdict = judge.examine(_answer(kernel), sequences + done)
        if verdict is not None:
            return verdict
        due = judge.due(correct[done:], errors[done:])
    return None


def _answer(kernel: Kernel):
    """Return the function by which a network answers a batch."""
    return lambda batch: kernel.record(batch.inputs)
