"""Coupled oscillators: see the heavy particle, infer the light one."""

from __future__ import annotations

import dataclasses
import functools
from typing import ClassVar, NamedTuple

import numpy as np

from memnets.tasks.base import (
    Batch,
    Task,
    check_answers,
    check_draw,
    check_flag,
    check_integer,
)

# The time from one step to the next.
TIME_STEP = 0.5
# The variance of rounding a position to float32: the only noise there is.
ROUNDING = 1e-14
# Springs to the wall, springs to particle 0, and masses, particle by particle.
SYSTEMS = {
    2: ((0.1, 0.0), (0.0, 0.2), (2.0, 1.0)),
    3: ((0.1, 0.0, 0.3), (0.0, 0.1, 1.0), (2.0, 1.0, 1.0)),
}


class Oscillators(NamedTuple):
    """Particles on springs; particle 0 is heavy and pulls all others.

    A state holds all positions, then all velocities.

    Args:
        springs: Tuple of floats, what holds each particle at 0.
        couplings: Tuple of floats, what couples each particle to particle 0.
        masses: Tuple of floats.

    Example:

    >>> from memnets.tasks.particle import Oscillators
    >>> Oscillators.of(2).equations()
    array([[ 0.  ,  0.  ,  1.  ,  0.  ],
           [ 0.  ,  0.  ,  0.  ,  1.  ],
           [-0.15,  0.1 ,  0.  ,  0.  ],
           [ 0.2 , -0.2 ,  0.  ,  0.  ]])
    """

    springs: tuple[float, ...]
    couplings: tuple[float, ...]
    masses: tuple[float, ...]

    @classmethod
    def of(cls, particles: int) -> Oscillators:
        """Return the lecture's 2 particles, or the 3 of its exercise."""
        return cls(*SYSTEMS[particles])

    def equations(self) -> np.ndarray:
        """Return the matrix that gives a state's change per unit of time."""
        count = len(self.masses)
        forces = -np.diag(np.add(self.springs, self.couplings))
        forces[0, :] += self.couplings
        forces[:, 0] += self.couplings
        forces[0, 0] -= sum(self.couplings)
        matrix = np.zeros((2 * count, 2 * count))
        matrix[:count, count:] = np.eye(count)
        matrix[count:, :count] = forces / np.array(self.masses)[:, None]
        return matrix

    def step(self) -> np.ndarray:
        """Return the matrix that takes a state one time step further.

        It is the matrix exponential, by its power series at a 16th of the
        step and four squarings.
        """
        small = self.equations() * TIME_STEP / 16
        term = total = np.eye(len(small))
        for power in range(1, 12):
            term = _product(term, small) / power
            total = total + term
        for _ in range(4):
            total = _product(total, total)
        return total

    def positions(self, steps: int) -> np.ndarray:
        """Return what every initial value adds to every position.

        Args:
            steps: Positive integer, the number of time steps.

        Returns:
            Array of shape `(time, particle, state)`, of the times `TIME_STEP`,
            `2 * TIME_STEP` and so on.
        """
        once, moved, found = self.step(), np.eye(2 * len(self.masses)), []
        for _ in range(steps):
            moved = _product(once, moved)
            found.append(moved[: len(self.masses)])
        return np.array(found)

    def driven(self, path: np.ndarray, particle: int = 1) -> np.ndarray:
        """Return how a particle at rest follows a forced path of particle 0.

        Particle 0 jumps to a position of its path at each time step and stays
        there until the next. Each jump makes the particle oscillate; the
        responses add up.

        Args:
            path: Array of shape `(batch, time)`, positions of particle 0.
            particle: Positive integer, the particle. Default: 1.

        Returns:
            Array of shape `(batch, time)`.
        """
        path = np.asarray(path, float)
        stiff = self.springs[particle] + self.couplings[particle]
        swing = np.sqrt(stiff / self.masses[particle]) * TIME_STEP
        time = np.arange(path.shape[1])
        since = np.maximum(time - time[:, None], 0)
        response = (
            self.couplings[particle] / stiff * (1 - np.cos(swing * since))
        )
        return np.diff(path, axis=1, prepend=0) @ response


class Filter(NamedTuple):
    """The best guess of a position from the heavy particle's past.

    Args:
        weights: Array of shape `(time of input, time of answer)`; a guess is
            the sum of the inputs times its column.
        variance: Array of shape `(time,)`, the mean squared error of each
            guess.
    """

    weights: np.ndarray
    variance: np.ndarray


@functools.cache
def best_guess(
    particles: int, steps: int, particle: int = 1, seen: int | None = None
) -> Filter:
    """Return the exact Bayes optimum: a Kalman filter, written as weights.

    Initial positions and velocities are normal and the motion is linear, so no
    other guess, linear or not, has a smaller mean squared error.

    Source: R. E. Kalman, A new approach to linear filtering and prediction
    problems, Journal of Basic Engineering 82, 35 (1960).

    Args:
        particles: Integer, 2 or 3.
        steps: Positive integer, the number of time steps.
        particle: Integer, the particle to guess. Default: 1.
        seen: Integer, the time steps for which particle 0 is seen. Default:
            `None`, all.

    Returns:
        A `Filter`.
    """
    once = Oscillators.of(particles).step()
    spread, guess = np.eye(2 * particles), np.zeros((2 * particles, steps))
    weights, variance = np.zeros((steps, steps)), np.zeros(steps)
    for t in range(steps):
        spread, guess = once @ spread @ once.T, once @ guess
        if seen is None or t < seen:
            gain = spread[:, 0] / (spread[0, 0] + ROUNDING)
            guess -= np.outer(gain, guess[0])
            guess[:, t] += gain
            keep = np.eye(2 * particles)
            keep[:, 0] -= gain
            # In this form rounding cannot make a variance negative.
            spread = keep @ spread @ keep.T + ROUNDING * np.outer(gain, gain)
        weights[:, t], variance[t] = guess[particle], spread[particle, particle]
    return Filter(weights, variance)


def from_acceleration(inputs: np.ndarray) -> np.ndarray:
    """Answer by Newton's second law, from the last three positions.

    The second difference of the heavy particle's positions is about its
    acceleration, and the light particle of 2 is where this needs it to be.

    Args:
        inputs: array of shape `(batch, time, 1)`, as of `HiddenParticle`.

    Returns:
        Array of the same shape; 0 in the first two steps.
    """
    inputs = np.asarray(inputs, float)
    own, other = Oscillators.of(2).equations()[2, :2]
    acceleration = np.diff(inputs, 2, axis=1) / TIME_STEP**2
    answers = np.zeros(inputs.shape)
    answers[:, 2:] = (acceleration - own * inputs[:, 2:]) / other
    return answers


class _Particles(Task):
    """What the tasks share: they draw positions of moving particles."""

    particles: int
    reminder: bool

    def _check(self):
        check_integer("timesteps", self.timesteps, 12)
        check_integer("particles", self.particles, 2)
        if self.particles not in SYSTEMS:
            raise ValueError(f"particles must be 2 or 3, got {self.particles}")
        check_flag("reminder", self.reminder)

    @property
    def oscillators(self) -> Oscillators:
        """The particles and their springs."""
        return Oscillators.of(self.particles)

    def draw_positions(
        self, batch_size: int, rng: np.random.Generator
    ) -> np.ndarray:
        """Draw initial states; return the positions of particles 0 and 1.

        Initial positions and velocities are normal with variance 1.

        Args:
            batch_size: Positive integer, the number of sequences.
            rng: `numpy.random.Generator`.

        Returns:
            float32 array of shape `(2, batch, time)`.
        """
        check_draw(batch_size, rng)
        matrix = _positions(self.particles, self.timesteps)
        start = rng.standard_normal((2 * self.particles, 1, batch_size, 1))
        found = np.zeros((2, batch_size, self.timesteps))
        # Term by term: products by BLAS differ from processor to processor.
        for initial, share in zip(start, matrix):
            found += initial * share
        return found.astype(np.float32)

    def exam(self, rng: np.random.Generator) -> Batch:
        """Draw 1,000 test sequences."""
        return self.sample(1000, rng)

    def _second_moments(self) -> np.ndarray:
        """Return the mean of all products of x0 and x1, averaged over time."""
        matrix = _positions(self.particles, self.timesteps)[:, :, 0]
        return np.einsum("ipt,iqt->pq", matrix, matrix) / self.timesteps


@dataclasses.dataclass(frozen=True)
class HiddenParticle(_Particles):
    """The network SEES a heavy particle and must say where a light one is.

    >>> import numpy as np
    >>> from memnets.tasks import HiddenParticle, draw
    >>> task = HiddenParticle(timesteps=20)
    >>> print(draw(task, task.sample(1, np.random.default_rng(3))))
    time step  0              5             10             15
    heavy      2  2  2  2  1 .8 .3-.1-.6 -1 -1 -1 -1 -1 -1-.6-.2 .2 .7  1
    light     -3 -3 -2 -2 -1-.2 .6  1  2  3  3  4  4  3  3  2  1 .2-.6 -1

    The particles are coupled by springs. Initial positions and velocities are
    drawn from a normal distribution of variance 1; a time step is 0.5. The
    input is the position of the heavy particle, and the target that of the
    light one, at the same time. Nothing is said about the light particle: where
    it is must be inferred from how it has pulled the heavy one. Every step is
    scored, and even the best player errs at the first steps, when too little
    has been seen: 3 steps for 2 particles, 5 for 3.

    The defaults are the tutorial of F. Marquardt, Machine Learning for
    Physicists, with 3 particles its exercise. There the motion is integrated
    by the Runge-Kutta method; here it is exact.

    Args:
        timesteps: Integer of at least 12, the length in time steps. Default:
            60.
        particles: Integer, 2 or 3. The third particle is also hidden and also
            pulls the heavy one. Default: 2.
        reminder: Boolean, whether the acceleration of the heavy particle is an
            input too, so that no memory is needed; only for 2 particles.
            Default: `False`.
    """

    timesteps: int = 60
    particles: int = 2
    reminder: bool = False

    name: ClassVar[str] = "hidden-particle"
    # A sequence is correct if every step from `settled` on is within
    # `tolerance`; the light particle's standard deviation is 3.7.
    settled: ClassVar[int] = 10
    tolerance: ClassVar[float] = 0.5

    def __post_init__(self):
        self._check()
        if self.reminder and self.particles != 2:
            raise ValueError(
                f"reminder must be False for {self.particles} particles, whose "
                f"acceleration does not tell which of them pulls"
            )

    @property
    def inputs(self) -> tuple[str, ...]:  # type: ignore[override]
        """The names of the input channels."""
        return ("heavy", "acceleration") if self.reminder else ("heavy",)

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of the output channels."""
        return ("light",)

    @property
    def landmarks(self) -> dict[str, float]:
        """The mean squared error of some simple players.

        `silent` always answers 0. `memoryless` answers the current input times
        the best constant. `perfect` is the Bayes optimum, which knows the laws
        of motion and all inputs so far.
        """
        (heavy, both), (_, light) = self._second_moments().tolist()
        if self.reminder:
            perfect = ROUNDING * np.sum(np.square(self._balance()))
            return {"silent": light, "perfect": float(perfect)}
        guess = best_guess(self.particles, self.timesteps)
        return {
            "silent": light,
            "memoryless": light - both**2 / heavy,
            "perfect": float(guess.variance.mean()),
        }

    def _balance(self) -> np.ndarray:
        """Return the factors of x0 and its acceleration that give x1."""
        change = self.oscillators.equations()[2]
        return np.array([-change[0], 1]) / change[1]

    def sample(self, batch_size: int, rng: np.random.Generator) -> Batch:
        """Draw fresh sequences.

        Args:
            batch_size: Positive integer, the number of sequences.
            rng: `numpy.random.Generator`.

        Returns:
            A `Batch` with arrays of shape `(batch_size, timesteps, channel)`.
        """
        seen, hidden = self.draw_positions(batch_size, rng)[..., None]
        weights = np.ones(seen.shape[:2], np.float32)
        if self.reminder:
            own, other = self.oscillators.equations()[2, :2]
            pull = (own * seen + other * hidden).astype(np.float32)
            return Batch(np.concatenate([seen, pull], 2), hidden, weights)
        return Batch(seen, hidden, weights)

    def solve(self, inputs: np.ndarray) -> np.ndarray:
        """Answer with the Bayes optimum; see `best_guess`.

        With a reminder, Newton's second law gives the answer at once.

        Args:
            inputs: array of shape `(batch, time, input channel)`.

        Returns:
            float32 array of shape `(batch, time, 1)`.
        """
        inputs = np.asarray(inputs, float)
        if self.reminder:
            answers = (inputs @ self._balance()).astype(np.float32)
            return answers[..., None]
        seen = inputs[:, :, 0]
        weights = best_guess(self.particles, seen.shape[1]).weights
        return (seen @ weights).astype(np.float32)[..., None]

    def correct(self, outputs: np.ndarray, batch: Batch) -> np.ndarray:
        """Mark a sequence: within 0.5 of the particle from step 10 on.

        Args:
            outputs: array of shape `(batch, time, 1)`.
            batch: The `Batch` that was answered.

        Returns:
            bool array of shape `(batch,)`.
        """
        error = np.abs(check_answers(outputs, batch) - batch.targets)
        return np.all(error[:, self.settled :] < self.tolerance, axis=(1, 2))


@dataclasses.dataclass(frozen=True)
class ParticleForecast(_Particles):
    """The network SEES half of a motion and must predict the other half.

    >>> import numpy as np
    >>> from memnets.tasks import ParticleForecast, draw
    >>> task = ParticleForecast(timesteps=20)
    >>> print(draw(task, task.sample(1, np.random.default_rng(3))))
    time step  0              5             10             15
    seen       2  2  2  2  1 .8 .3-.1-.6 -1  .  .  .  .  .  .  .  .  .  .
    heavy      2  2  2  2  1 .8 .3-.1-.6 -1 -1 -1 -1 -1 -1-.6-.2 .2 .7  1

    The particles are those of `HiddenParticle`. Input and target are both the
    heavy particle's position, but in the second half the input is 0. The first
    half is to be repeated. It determines the second half, so the best player
    makes no error other than rounding. This is the homework of F. Marquardt,
    Machine Learning for Physicists.

    Args:
        timesteps: Integer of at least 12, the length in time steps; for an
            odd one the first half is the shorter. Default: 60.
        particles: Integer, 2 or 3. Default: 2.
        reminder: Boolean, whether the input goes on in the second half, so
            that no memory is needed. Default: `False`.
    """

    timesteps: int = 60
    particles: int = 2
    reminder: bool = False

    name: ClassVar[str] = "particle-forecast"
    inputs: ClassVar[tuple[str, ...]] = ("seen",)
    # A sequence is correct if every step is within `tolerance`; the heavy
    # particle's standard deviation is 3.
    tolerance: ClassVar[float] = 0.5

    def __post_init__(self):
        self._check()

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of the output channels."""
        return ("heavy",)

    @property
    def seen(self) -> int:
        """How many time steps are seen."""
        return self.timesteps // 2

    @property
    def landmarks(self) -> dict[str, float]:
        """The mean squared error of some simple players.

        `silent` always answers 0. `memoryless` repeats the current input.
        `perfect` knows the laws of motion: only the rounding of what it has
        seen is left.
        """
        matrix = _positions(self.particles, self.timesteps)[:, 0, 0]
        squares = np.sum(np.square(matrix), axis=0)
        if self.reminder:
            return {"silent": float(squares.mean()), "perfect": 0.0}
        left = best_guess(self.particles, self.timesteps, 0, self.seen).variance
        later = slice(self.seen, None)
        return {
            "silent": float(squares.mean()),
            "memoryless": float(squares[later].sum()) / self.timesteps,
            "perfect": float(left[later].sum()) / self.timesteps,
        }

    def sample(self, batch_size: int, rng: np.random.Generator) -> Batch:
        """Draw fresh sequences.

        Args:
            batch_size: Positive integer, the number of sequences.
            rng: `numpy.random.Generator`.

        Returns:
            A `Batch` with arrays of shape `(batch_size, timesteps, 1)`.
        """
        targets = self.draw_positions(batch_size, rng)[0, :, :, None]
        inputs = targets.copy()
        if not self.reminder:
            inputs[:, self.seen :] = 0
        return Batch(inputs, targets, np.ones(targets.shape[:2], np.float32))

    def solve(self, inputs: np.ndarray) -> np.ndarray:
        """Repeat the first half and predict the second; see `best_guess`.

        Args:
            inputs: array of shape `(batch, time, 1)`.

        Returns:
            float32 array of shape `(batch, time, 1)`.
        """
        answers = np.array(inputs, np.float32)
        if not self.reminder:
            steps, seen = answers.shape[1], answers.shape[1] // 2
            weights = best_guess(self.particles, steps, 0, seen).weights
            later = np.asarray(inputs, float)[:, :, 0] @ weights[:, seen:]
            answers[:, seen:, 0] = later
        return answers

    def correct(self, outputs: np.ndarray, batch: Batch) -> np.ndarray:
        """Mark a sequence: every step is within 0.5 of the particle.

        Args:
            outputs: array of shape `(batch, time, 1)`.
            batch: The `Batch` that was answered.

        Returns:
            bool array of shape `(batch,)`.
        """
        error = np.abs(check_answers(outputs, batch) - batch.targets)
        return np.all(error < self.tolerance, axis=(1, 2))

    def events(self, inputs: np.ndarray) -> dict[str, np.ndarray]:
        """Return the first time step that must be predicted."""
        return {"predict": np.array([len(inputs) // 2])}


def _product(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Multiply small matrices, with the same bits on every processor."""
    return np.sum(left[:, :, None] * right[None], axis=1)


@functools.cache
def _positions(particles: int, steps: int) -> np.ndarray:
    """Return what initial values add to x0 and x1: `(state, 2, 1, time)`."""
    found = Oscillators.of(particles).positions(steps)[:, :2]
    return np.ascontiguousarray(found.transpose(2, 1, 0)[:, :, None])
