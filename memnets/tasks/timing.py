"""Timing: measure delays, or act at the right time, without end."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np

from memnets.tasks.base import (
    Batch,
    Task,
    check_answers,
    check_draw,
    check_flag,
    check_integer,
)

SHAPES = ("cosine", "triangle", "rectangle")


class TimingTask(Task):
    """The base class of the timing tasks: one output, scored at every step."""

    reminder: bool
    tolerance: ClassVar[float] = 0.49
    outputs: ClassVar[tuple[str, ...]] = ("answer",)  # type: ignore[misc]

    def correct(self, outputs: np.ndarray, batch: Batch) -> np.ndarray:
        """Mark whether the error is below the tolerance at every step.

        Args:
            outputs: array of shape `(batch, time, 1)`.
            batch: The `Batch` that was answered.

        Returns:
            bool array of shape `(batch,)`.
        """
        error = np.abs(check_answers(outputs, batch) - batch.targets)
        # The comparison is false for NaN, so NaN is never correct.
        return np.all(error < self.tolerance, axis=(1, 2))

    def _batch(self, inputs: np.ndarray, targets: np.ndarray) -> Batch:
        """Return a batch from arrays of shape `(batch, time)`."""
        channels = [inputs, targets] if self.reminder else [inputs]
        return Batch(
            np.stack(channels, axis=-1, dtype=np.float32),
            targets[..., None].astype(np.float32),
            np.ones(targets.shape, np.float32),
        )


@dataclasses.dataclass(frozen=True)
class SpikeTask(TimingTask):
    """The base class of tasks about spikes with varying delays."""

    timesteps: int = 100
    interval: int = 10
    delays: int = 2
    reminder: bool = False

    channel: ClassVar[str]  # what the first input shows

    def __post_init__(self):
        check_integer("timesteps", self.timesteps, 1)
        check_integer("interval", self.interval, 1)
        check_integer("delays", self.delays, 2)
        check_flag("reminder", self.reminder)
        if self.timesteps < self.interval + self.delays:
            raise ValueError(
                f"timesteps must be at least {self.interval + self.delays}, "
                f"for interval = {self.interval} and delays = {self.delays}, "
                f"got {self.timesteps}"
            )

    @property
    def inputs(self) -> tuple[str, ...]:  # type: ignore[override]
        """The names of the input channels."""
        return (self.channel, "reminder")[: 1 + self.reminder]

    def _draw(self, batch_size, rng):
        """Draw the delay and the step of each spike, and if it is inside.

        Returns:
            Three arrays of shape `(batch_size, spike)`; the step of a spike
            after the end is 0.
        """
        check_draw(batch_size, rng)
        most = self.timesteps // self.interval
        delays = rng.integers(0, self.delays, (batch_size, most))
        steps = np.cumsum(self.interval + delays, axis=1)
        inside = steps < self.timesteps
        return delays, np.where(inside, steps, 0), inside

    def _moments(self):
        """Return the mean number of spikes, by step and by delay."""
        # The probability of a spike at each step; the start counts as one.
        spikes = np.zeros(self.timesteps)
        spikes[0] = 1
        found = np.zeros((self.timesteps, self.delays))
        for step in range(self.interval, self.timesteps):
            for delay in range(self.delays):
                before = step - self.interval - delay
                if before >= 0:
                    found[step, delay] = spikes[before] / self.delays
            spikes[step] = found[step].sum()
        return found


@dataclasses.dataclass(frozen=True)
class MeasureSpikeDelays(SpikeTask):
    """At each spike SAY how long it has been since the last one.

    >>> import numpy as np
    >>> from memnets.tasks import MeasureSpikeDelays, draw
    >>> task = MeasureSpikeDelays(timesteps=40, delays=3)
    >>> print(draw(task, task.sample(1, np.random.default_rng(3))))
    time step  0              5             10             15
    spike      .  .  .  .  .  .  .  .  .  .  .  .  1  .  .  .  .  .  .  .
    answer     .  .  .  .  .  .  .  .  .  .  .  .  2  .  .  .  .  .  .  .
    <BLANKLINE>
    time step 20             25             30             35
    spike      .  .  1  .  .  .  .  .  .  .  .  .  1  .  .  .  .  .  .  .
    answer     .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .

    The nth spike comes `interval` + I(n) steps after the one before it, the
    first one so many steps after step 0, which is no spike itself. I(n) is an
    integer below `delays`, all equally likely. At each spike the answer is
    I(n), at all other steps 0. A stream is right if every error is below 0.49.

    Source: F. A. Gers, N. N. Schraudolph and J. Schmidhuber, Learning Precise
    Timing with LSTM Recurrent Networks, Journal of Machine Learning Research
    3, 115 (2002). There streams last 1,000 spikes in tests; here they have
    `timesteps` steps.

    Args:
        timesteps: Integer of at least `interval + delays`, the length of a
            stream. Default: 100.
        interval: Positive integer, the smallest distance of two spikes in time
            steps. Default: 10.
        delays: Integer of at least 2, the number of possible delays I(n), from
            0 on. Default: 2.
        reminder: Boolean. If true, the task needs no memory: a second input
            shows the target. Default: `False`.
    """

    name: ClassVar[str] = "measure-spike-delays"
    channel: ClassVar[str] = "spike"

    @property
    def landmarks(self) -> dict[str, float]:
        """The mean squared error of some simple players.

        `constant` answers the mean over all steps, `memoryless` the mean
        delay at every spike.
        """
        count = self._moments().sum(axis=0)
        delay = np.arange(self.delays)
        total, square = count @ delay, count @ delay**2
        known = 0.0 if self.reminder else square - total**2 / count.sum()
        return {
            "silent": float(square / self.timesteps),
            "constant": float(
                square / self.timesteps - (total / self.timesteps) ** 2
            ),
            "memoryless": float(known / self.timesteps),
            "perfect": 0.0,
        }

    def sample(self, batch_size: int, rng: np.random.Generator) -> Batch:
        """Draw fresh streams.

        Args:
            batch_size: Positive integer, the number of streams.
            rng: `numpy.random.Generator`.

        Returns:
            A `Batch` with arrays of shape `(batch_size, timesteps, channel)`.
        """
        delays, steps, _ = self._draw(batch_size, rng)
        spikes = np.zeros((batch_size, self.timesteps), np.float32)
        targets = np.zeros_like(spikes)
        row = np.arange(batch_size)[:, None]
        spikes[row, steps] = 1
        targets[row, steps] = delays
        # Spikes after the end were put here.
        spikes[:, 0] = targets[:, 0] = 0
        return self._batch(spikes, targets)

    def solve(self, inputs: np.ndarray) -> np.ndarray:
        """Answer by rule: count the steps since the last spike.

        Args:
            inputs: array of shape `(batch, time, channel)`.

        Returns:
            float32 array of shape `(batch, time, 1)`.
        """
        spikes = np.asarray(inputs)[..., 0] > 0
        steps = np.arange(spikes.shape[1])
        last = np.maximum.accumulate(np.where(spikes, steps, 0), axis=1)
        waited = steps - np.pad(last, ((0, 0), (1, 0)))[:, :-1]
        answers = np.where(spikes, waited - self.interval, 0)
        return answers[..., None].astype(np.float32)

    def events(self, inputs: np.ndarray) -> dict[str, np.ndarray]:
        """Return the steps of the spikes of one stream."""
        return {"spike": np.flatnonzero(inputs[:, 0])}


@dataclasses.dataclass(frozen=True)
class GenerateSpikes(SpikeTask):
    """Told each delay, SPIKE when the time has come.

    >>> import numpy as np
    >>> from memnets.tasks import GenerateSpikes, draw
    >>> task = GenerateSpikes(timesteps=40)
    >>> print(draw(task, task.sample(1, np.random.default_rng(3))))
    time step  0              5             10             15
    delay      1  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .
    answer     .  .  .  .  .  .  .  .  .  .  .  1  .  .  .  .  .  .  .  .
    <BLANKLINE>
    time step 20             25             30             35
    delay      .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .
    answer     .  1  .  .  .  .  .  .  .  .  .  1  .  .  .  .  .  .  .  .

    This is `MeasureSpikeDelays` with inputs and targets exchanged. The network
    must spike `interval` + I(n) steps after its last spike, the first time so
    many steps after step 0. I(n) is an integer below `delays`, all equally
    likely. A stream is right if every error is below 0.49.

    The paper's layout of inputs is not known to us. Here I(n) is the input at
    the step of the spike before, or at step 0, and all other inputs are 0. So
    a delay of 0 looks as if nothing was told, and the network must keep the
    time alone.

    Source: F. A. Gers, N. N. Schraudolph and J. Schmidhuber, Learning Precise
    Timing with LSTM Recurrent Networks, Journal of Machine Learning Research
    3, 115 (2002).

    Args:
        timesteps: Integer of at least `interval + delays`, the length of a
            stream. Default: 100.
        interval: Positive integer, the smallest distance of two spikes in time
            steps. Default: 10.
        delays: Integer of at least 2, the number of possible delays I(n), from
            0 on. Default: 2.
        reminder: Boolean. If true, the task needs no memory: a second input
            shows the target. Default: `False`.
    """

    name: ClassVar[str] = "generate-timed-spikes"
    channel: ClassVar[str] = "delay"

    @property
    def landmarks(self) -> dict[str, float]:
        """The mean squared error of some simple players.

        `constant` answers the mean over all steps. `memoryless` answers the
        mean over all steps with the same input: a delay above 0 is told at a
        spike, except at step 0.
        """
        found = self._moments()
        rate = found.sum() / self.timesteps
        # At a spike a delay of 0 is told as often as any other.
        share = found.sum() / self.delays
        other = self.timesteps - (found.sum() + 1) * (1 - 1 / self.delays)
        loud = (
            (self.delays - 1) * share * (1 - share / (share + 1 / self.delays))
        )
        known = loud + share * (1 - share / other)
        return {
            "silent": float(rate),
            "constant": float(rate * (1 - rate)),
            "memoryless": 0.0
            if self.reminder
            else float(known / self.timesteps),
            "perfect": 0.0,
        }

    def sample(self, batch_size: int, rng: np.random.Generator) -> Batch:
        """Draw fresh streams.

        Args:
            batch_size: Positive integer, the number of streams.
            rng: `numpy.random.Generator`.

        Returns:
            A `Batch` with arrays of shape `(batch_size, timesteps, channel)`.
        """
        delays, steps, inside = self._draw(batch_size, rng)
        told = np.zeros((batch_size, self.timesteps), np.float32)
        spikes = np.zeros_like(told)
        row = np.arange(batch_size)[:, None]
        spikes[row, steps] = 1
        spikes[:, 0] = 0
        told[:, 0] = delays[:, 0]
        # Each spike tells the next delay; the last one's is drawn here.
        after = rng.integers(0, self.delays, batch_size)
        delays = np.concatenate([delays[:, 1:], after[:, None]], axis=1)
        streams, spike = np.nonzero(inside)
        told[streams, steps[streams, spike]] = delays[streams, spike]
        return self._batch(told, spikes)

    def solve(self, inputs: np.ndarray) -> np.ndarray:
        """Answer by rule: count down from what was told at the last spike.

        Args:
            inputs: array of shape `(batch, time, channel)`.

        Returns:
            float32 array of shape `(batch, time, 1)`.
        """
        told = np.asarray(inputs)[..., 0]
        answers = np.zeros((*told.shape, 1), np.float32)
        due = self.interval + told[:, 0]
        for step in range(1, told.shape[1]):
            now = due == step
            answers[:, step, 0] = now
            due = np.where(now, step + self.interval + told[:, step], due)
        return answers

    def events(self, inputs: np.ndarray) -> dict[str, np.ndarray]:
        """Return the steps of the told delays and of the spikes.

        Args:
            inputs: array of shape `(time, channel)`.
        """
        spikes = np.flatnonzero(self.solve(np.asarray(inputs)[None])[0])
        return {"tell": np.append(0, spikes), "spike": spikes}


@dataclasses.dataclass(frozen=True)
class PeriodicFunction(TimingTask):
    """Without any input, DRAW a periodic function, period after period.

    >>> import numpy as np
    >>> from memnets.tasks import PeriodicFunction, draw
    >>> task = PeriodicFunction(timesteps=20)
    >>> print(draw(task, task.sample(1, np.random.default_rng(0))))
    time step  0              5             10             15
    nothing    .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .
    answer     . .0 .3 .6 .9  1 .9 .6 .3 .0  . .0 .3 .6 .9  1 .9 .6 .3 .0

    The only input is 0 at every step. So there is one stream only, and the
    network must make its own clock. Functions go from 0 to 1 and have the
    period F: the cosine is (1 - cos(2 pi t / F)) / 2; the triangle rises and
    falls along straight lines; the rectangle is 0 in the first half of each
    period and 1 in the second. The phase of the triangle and the rectangle is
    not known to us from the paper; here both begin with 0, like the cosine. A
    stream is right if every error is below 0.3.

    Source: F. A. Gers, N. N. Schraudolph and J. Schmidhuber, Learning Precise
    Timing with LSTM Recurrent Networks, Journal of Machine Learning Research
    3, 115 (2002). There F is 10 or 25, and streams last 1,000 periods in tests.

    Args:
        timesteps: Integer of at least `period`, the length of a stream.
            Default: 100.
        period: Integer of at least 2, the period in time steps. Default: 10.
        shape: `"cosine"`, `"triangle"` or `"rectangle"`. Default: `"cosine"`.
        reminder: Boolean. If true, the task needs no memory: a second input
            shows the target. Default: `False`.
    """

    timesteps: int = 100
    period: int = 10
    shape: str = "cosine"
    reminder: bool = False

    name: ClassVar[str] = "periodic-function"
    tolerance: ClassVar[float] = 0.3

    def __post_init__(self):
        check_integer("period", self.period, 2)
        check_integer("timesteps", self.timesteps, self.period)
        check_flag("reminder", self.reminder)
        if self.shape not in SHAPES:
            raise ValueError(
                f"shape must be one of {', '.join(SHAPES)}, got {self.shape!r}"
            )

    @property
    def inputs(self) -> tuple[str, ...]:  # type: ignore[override]
        """The names of the input channels."""
        return ("nothing", "reminder")[: 1 + self.reminder]

    @property
    def landmarks(self) -> dict[str, float]:
        """The mean squared error of some simple players.

        `constant` answers the mean. `memoryless` can do no better, for all
        inputs are equal.
        """
        values = self.values(self.timesteps)
        return {
            "silent": float(np.mean(values**2)),
            "constant": float(np.var(values)),
            "memoryless": 0.0 if self.reminder else float(np.var(values)),
            "perfect": 0.0,
        }

    def values(self, timesteps: int) -> np.ndarray:
        """Return the function at any number of steps, from step 0 on."""
        phase = np.arange(timesteps) % self.period / self.period
        if self.shape == "cosine":
            return (1 - np.cos(2 * np.pi * phase)) / 2
        if self.shape == "triangle":
            return 1 - np.abs(1 - 2 * phase)
        return (phase >= 0.5).astype(float)

    def sample(self, batch_size: int, rng: np.random.Generator) -> Batch:
        """Return the stream, `batch_size` times.

        Args:
            batch_size: Positive integer, the number of streams.
            rng: `numpy.random.Generator`; nothing is drawn from it.

        Returns:
            A `Batch` with arrays of shape `(batch_size, timesteps, channel)`.
        """
        check_draw(batch_size, rng)
        targets = np.tile(self.values(self.timesteps), (batch_size, 1))
        return self._batch(np.zeros_like(targets), targets)

    def exam(self, rng: np.random.Generator) -> Batch:
        """Return the one stream."""
        return self.sample(1, rng)

    def solve(self, inputs: np.ndarray) -> np.ndarray:
        """Answer by rule: the function itself.

        Args:
            inputs: array of shape `(batch, time, channel)`.

        Returns:
            float32 array of shape `(batch, time, 1)`.
        """
        values = self.values(inputs.shape[1]).astype(np.float32)
        return np.tile(values[:, None], (len(inputs), 1, 1))

    def events(self, inputs: np.ndarray) -> dict[str, np.ndarray]:
        """Return the steps at which a period begins."""
        return {"period": np.arange(0, len(inputs), self.period)}
