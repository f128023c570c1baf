"""Train the LSTM of 1997 as in 1997, many trials side by side.

S. Hochreiter and J. Schmidhuber, Long Short-Term Memory, Neural Computation
9 (8), 1735 (1997): online, by plain gradient descent with the truncated
gradient; weights, gate biases and learning rates are those of sections 5.1
to 5.6 and of Table 10.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Iterator

import numpy as np

from memnets.reproduction.rules import Rule, Trial, score
from memnets.tasks import Batch, Task
from memnets.tasks.final import FinalTask
from memnets.training.batches import generator
from memnets.training.kernels import online
from memnets.training.kernels.lanes import cached

WEIGHTS = 13  # the purpose of a trial's initial weights
# The bias of an input gate that is shut: it lets in less than 1e-7.
SHUT = -1e4
LANES = 16  # among which the sequences of a test are divided
# The most sequences, and inputs of them, in a block of one network.
BLOCK, BLOCK_FLOATS = 512, 2**20


class Online:
    """The base class of methods that learn from one sequence after another.

    Networks of several trials are trained side by side.
    """

    end_only = False
    added_after = 0

    def network(self, task: Task):
        """Return the network for a task."""
        raise NotImplementedError

    def draw(self, network, rng: np.random.Generator) -> np.ndarray:
        """Draw the initial weights."""
        raise NotImplementedError

    def learn(self, network, weights, inputs, targets, lengths):
        """Train networks, in place; return their answers."""
        raise NotImplementedError

    def answer(self, network, weights, inputs, lengths, count):
        """Return the answers of networks at the last `count` steps."""
        raise NotImplementedError

    def count_weights(self, task: Task) -> int:
        """Return the number of weights."""
        return self.network(task).count

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
        group = _Group(self, task, rule, seeds)
        while group.seeds and group.sequences < cap:
            if stop():
                return
            yield from group.advance()
        for seed in group.seeds:
            yield Trial(seed, None, group.sequences, group.seconds)


@dataclasses.dataclass(frozen=True)
class Original(Online):
    """A network of 1997 and how it is trained.

    Args:
        blocks: Positive integer, the number of memory blocks.
        cells: Positive integer, the number of cells of a block.
        rate: Positive float, the learning rate.
        width: Float; weights are drawn from [-width, width).
        input_gates: Tuple of floats, the initial biases of the input gates.
            Default: `None`, drawn like the weights.
        output_gates: The same for output gates.
        options: Dictionary of further options of
            `memnets.training.kernels.online.Network`. Default: none.
        each_step: Boolean, whether the weights are updated at each step with
            a target instead of after each sequence. Default: `False`.
        end_only: Boolean, whether only the last step of a sequence has a
            target, though the task has one at every step. Default: `False`.
        added_after: Integer, the number of sequences after which the memory
            cells are added; before, the input gates are shut. Default: 0.
    """

    blocks: int
    cells: int
    rate: float
    width: float = 0.1
    input_gates: tuple[float, ...] | None = None
    output_gates: tuple[float, ...] | None = None
    options: dict = dataclasses.field(default_factory=dict)
    each_step: bool = False
    end_only: bool = False
    added_after: int = 0

    def network(self, task: Task) -> online.Network:
        """Return the network for a task."""
        return online.Network(
            self.blocks,
            self.cells,
            len(task.inputs),
            len(task.outputs),
            symbols=task.symbolic,
            **self.options,
        )

    def draw(self, network, rng: np.random.Generator) -> np.ndarray:
        """Draw the initial weights."""
        gates = self.input_gates
        if self.added_after:
            gates = [SHUT] * self.blocks
        given = network, self.width, rng, gates, self.output_gates
        return online.draw(*given)

    def learn(self, network, weights, inputs, targets, lengths):
        """Train networks, in place; return their answers."""
        given = weights, inputs, targets, self.rate, lengths, self.each_step
        return online.learn(network, *given)

    def answer(self, network, weights, inputs, lengths, count):
        """Return the answers of networks at the last `count` steps."""
        return online.answer(network, weights, inputs, lengths, count)

    def settings(self) -> dict[str, object]:
        """Return the settings as plain values, without defaults."""
        found = {"learning": "online, truncated gradient"}
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.name == "options":
                found.update(value)
            elif field.default is dataclasses.MISSING or value != field.default:
                found[field.name] = value
        return found


class _Group:
    """Networks that are trained side by side, each on its own sequences."""

    def __init__(self, method: Online, task: Task, rule: Rule, seeds):
        self.method, self.task, self.seeds = method, task, list(seeds)
        self.network = method.network(task)
        self.judges = [rule.judge(task, seed) for seed in seeds]
        self.streams = [rule.stream(task, seed) for seed in seeds]
        self.weights = np.stack([self._draw(seed) for seed in seeds])
        self.sequences = self.number = 0
        self.seconds = 0.0  # of each network that is still trained
        columns = 1 if task.symbolic else len(task.inputs)
        size = BLOCK_FLOATS // (task.timesteps * columns)
        self.size = next(BLOCK >> k for k in range(9) if BLOCK >> k <= size)

    def _draw(self, seed):
        return self.method.draw(self.network, generator(seed, WEIGHTS))

    def advance(self) -> Iterator[Trial]:
        """Train all networks on a block; give the trials that end in it."""
        began, count = time.thread_time(), len(self.seeds)
        ended = list(self._advance())
        self.seconds += (time.thread_time() - began) / count
        for trial in ended:
            yield trial._replace(seconds=self.seconds)

    def _advance(self) -> Iterator[Trial]:
        blocks = [
            _Block(stream(self.number, self.size), self._scored)
            for stream in self.streams
        ]
        before = self.weights.copy()
        answers = self._learn(self.weights, blocks)
        ended = []
        for n, (judge, block) in enumerate(zip(self.judges, blocks)):
            trial = self._judge(n, judge, block, answers[n], before[n])
            if trial is not None:
                ended.append(n)
                yield trial
        self.number += 1
        self.sequences += self.size
        if ended:
            left = [n for n in range(len(self.seeds)) if n not in ended]
            self.weights = self.weights[left]
            for name in ("seeds", "judges", "streams"):
                kept = getattr(self, name)
                setattr(self, name, [kept[n] for n in left])
        self._add_cells()

    def _judge(self, n, judge, block, answers, before) -> Trial | None:
        """Examine a network whenever its judge asks for it."""
        correct, errors = score(self.task, answers, block.scored)
        done = 0
        while done < self.size:
            due = judge.due(correct[done:], errors[done:])
            if due is None:
                return None
            done += due
            weights = self.weights[n : n + 1]
            if done < self.size:
                # The block went on; take the same steps again up to here.
                weights = before[None].copy()
                self._learn(weights, [block.first(done)])
            sequences = self.sequences + done
            verdict = judge.examine(self._answer(weights), sequences)
            if verdict is not None:
                return Trial(self.seeds[n], verdict, sequences, 0.0)
        return None

    def _add_cells(self) -> None:
        """Open the input gates, if it is time to add the memory cells."""
        after = self.method.added_after
        if self.sequences - self.size < after <= self.sequences:
            gates = self.method.input_gates
            for weights in self.weights:
                biases = self.network.split(weights)[2][0]
                biases[: self.method.blocks] = 0.0 if gates is None else gates

    def _learn(self, weights, blocks):
        """Train on a block each; return the answers before each update."""
        columns = blocks[0].batch.inputs.shape
        inputs = np.zeros((len(blocks), *columns), blocks[0].batch.inputs.dtype)
        for block, own in zip(blocks, inputs):
            block.put_inputs(own)
        outputs = self.method.learn(
            self.network,
            weights,
            inputs,
            np.stack([block.targets() for block in blocks]),
            np.stack([block.lengths for block in blocks]),
        )
        return [b.from_the_end(own) for b, own in zip(blocks, outputs)]

    def _answer(self, weights):
        """Return the function by which a network answers a batch."""

        def answer(batch):
            block, size = _Block(batch, self._scored), len(batch.inputs)
            # Each lane has the same network and a part of the sequences.
            part = -(-size // LANES)
            shape = LANES * part, *batch.inputs.shape[1:]
            inputs = np.zeros(shape, batch.inputs.dtype)
            lengths = np.zeros(LANES * part, int)
            block.put_inputs(inputs[:size])
            lengths[:size] = block.lengths
            outputs = self.method.answer(
                self.network,
                np.repeat(weights, LANES, axis=0),
                inputs.reshape(LANES, part, *shape[1:]),
                lengths.reshape(LANES, part),
                block.count,
            )
            return block.in_batch(np.concatenate(outputs)[:size])

        return answer

    @property
    def _scored(self) -> int:
        """How many last steps have answers."""
        last = self.method.end_only or isinstance(self.task, FinalTask)
        return 1 if last else self.task.timesteps


class _Block:
    """Sequences whose last scored steps are moved to the same place.

    Args:
        batch: The `Batch`; its sequences begin at step 0.
        count: Positive integer, how many last steps have answers.
    """

    def __init__(self, batch: Batch, count: int):
        self.batch, self.count = batch, count
        self.steps = batch.weights.shape[1]
        backwards = batch.weights[:, ::-1] > 0
        self.lengths = self.steps - np.argmax(backwards, axis=1)

    def first(self, count: int) -> _Block:
        """Return the first sequences."""
        return _Block(Batch(*(a[:count] for a in self.batch)), self.count)

    def put_inputs(self, out: np.ndarray) -> None:
        """Copy the inputs so that all sequences end at the last step."""
        columns = math.prod(out.shape[2:])
        flat = (a.reshape(len(a), -1) for a in (self.batch.inputs, out))
        _end_together(*flat, self.lengths * columns)

    @property
    def scored(self) -> Batch:
        """The batch, or only its last scored steps if these alone count."""
        if self.count > 1:
            return self.batch
        last = np.arange(len(self.lengths)), self.lengths - 1
        targets = self.batch.targets[last][:, None]
        weights = np.ones((len(targets), 1), np.float32)
        return Batch(self.batch.inputs, targets, weights)

    def targets(self) -> np.ndarray:
        """Return the targets of the last steps."""
        if self.count == 1:
            return self.scored.targets
        out = np.zeros_like(self.batch.targets)
        for n, length in enumerate(self.lengths.tolist()):
            out[n, self.steps - length :] = self.batch.targets[n, :length]
        return out

    def from_the_end(self, outputs: np.ndarray) -> np.ndarray:
        """Return answers at the last steps as answers to `scored`."""
        return outputs if self.count == 1 else self.in_batch(outputs)

    def in_batch(self, outputs: np.ndarray) -> np.ndarray:
        """Return answers at the last steps as answers to the batch.

        Those at other steps are 0.
        """
        moved = np.zeros_like(self.batch.targets)
        if self.count == 1:
            last = np.arange(len(self.lengths)), self.lengths - 1
            moved[last] = outputs[:, 0]
            return moved
        for n, length in enumerate(self.lengths.tolist()):
            moved[n, :length] = outputs[n, self.steps - length :]
        return moved


@cached
def _end_together(inputs, out, lengths):
    """Copy the beginning of each row to the end of a row of `out`."""
    for n in range(len(inputs)):
        shift = inputs.shape[1] - lengths[n]
        for k in range(lengths[n]):
            out[n, shift + k] = inputs[n, k]
