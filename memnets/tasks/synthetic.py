"""Synthetic series: nothing here was measured.

A random walk is the series of which nobody can say more than that the next
value is near the last. The river is as simple as one can be in which both the
rain and the wetness of the soil decide how high a flood becomes.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from memnets.tasks.base import check_draw, check_integer


def random_walk(steps: int, rng: np.random.Generator) -> np.ndarray:
    """Draw a walk whose steps are standard normal.

    The best forecast of every later value is the last one.

    Args:
        steps: Positive integer.
        rng: A `numpy.random.Generator`.

    Returns:
        A float array of shape `(steps,)`.
    """
    check_integer("steps", steps, 1)
    check_draw(steps, rng)
    return np.cumsum(rng.standard_normal(steps))


@dataclasses.dataclass(frozen=True)
class River:
    """A synthetic river at one gauge, hour by hour.

    Storms begin at random, on average one in four days. A storm lasts some
    hours and its rain varies. The wetter the soil, the larger the share of the
    rain that runs off; the soil dries within ten days. What runs off passes
    through two reservoirs, each of which empties by a fixed share an hour, and
    flows down the valley to the gauge. A third, slow reservoir is the ground.

    Args:
        storm_every: Positive integer, the mean hours between the beginnings of
            storms. Default: 96.
        delay: Positive integer, the mean hours in each of the two reservoirs.
            Default: 6.
        travel: Integer of at least 0, the hours that the water flows down the
            valley. Default: 6.
        noise: Float of at least 0, the standard deviation of the measured
            level in metres. Default: 0.01.
    """

    storm_every: int = 96
    delay: int = 6
    travel: int = 6
    noise: float = 0.01

    def __post_init__(self):
        check_integer("storm_every", self.storm_every, 1)
        check_integer("delay", self.delay, 1)
        check_integer("travel", self.travel, 0)
        if not 0 <= self.noise < np.inf:
            raise ValueError(f"noise must be at least 0, got {self.noise}")

    def sample(
        self, hours: int, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draw rain and level.

        Args:
            hours: Positive integer.
            rng: A `numpy.random.Generator`.

        Returns:
            Two float arrays of shape `(hours,)`: the rain in mm an hour, and
            the level in metres.
        """
        check_integer("hours", hours, 1)
        check_draw(hours, rng)
        warm = 1000  # Until the state no longer depends on the beginning.
        rain = self._rain(warm + hours, rng)
        level = self._level(rain) + self.noise * rng.standard_normal(len(rain))
        return rain[warm:], level[warm:]

    def _rain(self, hours, rng):
        rain = np.zeros(hours)
        begins = np.flatnonzero(rng.random(hours) < 1 / self.storm_every)
        for begin in begins:
            length = 2 + rng.geometric(1 / 6)
            amounts = rng.gamma(1.5, 2.0, length)
            rain[begin : begin + length] += amounts[: hours - begin]
        return rain

    def _level(self, rain):
        soil = first = second = ground = 0.0
        flow = np.empty(len(rain))
        for t, fallen in enumerate(rain):
            share = min(1.0, 0.05 + (soil / 60) ** 2)
            soil += (1 - share) * fallen - soil / 240
            ground += 0.001 * soil - ground / 480
            first += share * fallen - first / self.delay
            second += (first - second) / self.delay
            flow[t] = second / self.delay + 0.01 * ground
        # A rating curve: the river is wider where it is higher.
        passed = np.pad(flow, (self.travel, 0))[: len(flow)]
        return 0.5 + 2 * passed**0.6
