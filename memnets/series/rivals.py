"""Simple and classical forecasters, to be beaten.

Each is a frozen dataclass with `fit(train)`, which returns something with
`forecast(values, origins)`, as `memnets.series.network.Forecaster` has. The
forecast from origin `n` reads only the first `n` values.
"""

from __future__ import annotations

import dataclasses
import warnings
from typing import Any

import numpy as np

from memnets.records.series import check_origins, check_values
from memnets.series.preparation import needs
from memnets.tasks.base import check_integer

ANALYSIS = "statsmodels.tsa"


@dataclasses.dataclass(frozen=True)
class Mean:
    """Forecasts the mean of the training part, whatever comes.

    Args:
        steps: Positive integer, how many steps ahead. Default: 1.
    """

    steps: int = 1

    def fit(self, train: Any) -> Simple:
        """Return the fitted forecaster."""
        mean = check_values("train", train).mean()
        return Simple(0, lambda past: np.full(self.steps, mean))


@dataclasses.dataclass(frozen=True)
class Persistence:
    """Forecasts the last value, for all steps ahead.

    Args:
        steps: Positive integer, how many steps ahead. Default: 1.
    """

    steps: int = 1

    def fit(self, train: Any) -> Simple:
        """Return the fitted forecaster."""
        check_values("train", train)
        return Simple(1, lambda past: np.full(self.steps, past[-1]))


@dataclasses.dataclass(frozen=True)
class SeasonalNaive:
    """Forecasts the value one period before, or that and the last change.

    Args:
        season: Positive integer, the values of a period.
        steps: Positive integer, how many steps ahead. Default: 1.
        drift: Boolean, whether to add the change over the last period, from
            its end to the last value, once for each period ahead. Default:
            `False`.
    """

    season: int
    steps: int = 1
    drift: bool = False

    def fit(self, train: Any) -> Simple:
        """Return the fitted forecaster."""
        check_integer("season", self.season, 1)
        check_values("train", train, self.season + 1)
        ahead, place = np.divmod(np.arange(self.steps), self.season)

        def say(past):
            change = self.drift * (past[-1] - past[-1 - self.season])
            return past[-self.season :][place] + change * (1 + ahead)

        return Simple(self.season + 1, say)


@dataclasses.dataclass(frozen=True)
class Autoregression:
    """A linear autoregression, AR(p), as statsmodels fits it.

    The order p is the one of least AIC on the training part.

    Args:
        steps: Positive integer, how many steps ahead. Default: 1.
        longest: Positive integer, the largest order. Default: 26.
        trend: `"c"` for a constant, `"ct"` for a trend as well. Default:
            `"c"`.
    """

    steps: int = 1
    longest: int = 26
    trend: str = "c"

    def fit(self, train: Any) -> Classical:
        """Return the fitted forecaster."""
        analysis = needs(f"{ANALYSIS}.ar_model", "an autoregression")
        train = check_values("train", train, 10)
        # No more than the training part can tell.
        longest = min(self.longest, len(train) // 4)
        options = {"ic": "aic", "trend": self.trend}
        chosen = analysis.ar_select_order(train, longest, **options)
        return Classical(chosen.model.fit(), len(train), self.steps)


@dataclasses.dataclass(frozen=True)
class Smoothing:
    """Exponential smoothing in its state space form, as statsmodels fits it.

    Args:
        steps: Positive integer, how many steps ahead. Default: 1.
        season: Integer, the values of a period; 1 for none. Default: 1.
        trend: Boolean, whether there is a trend. Default: `False`.
    """

    steps: int = 1
    season: int = 1
    trend: bool = False

    def fit(self, train: Any) -> Classical:
        """Return the fitted forecaster."""
        analysis = needs(
            f"{ANALYSIS}.statespace.exponential_smoothing",
            "exponential smoothing",
        )
        train = check_values("train", train, 2 * self.season + 10)
        season = self.season if self.season > 1 else None
        model = analysis.ExponentialSmoothing(
            train, trend=self.trend, seasonal=season
        )
        with warnings.catch_warnings():
            # On its way it tries parameters that fail.
            warnings.simplefilter("ignore")
            fitted = model.fit(disp=False, maxiter=200)
        return Classical(fitted, len(train), self.steps)


@dataclasses.dataclass(frozen=True, eq=False)
class Simple:
    """A forecaster that is a function of the past.

    Args:
        least: Integer, how many values it needs.
        say: Function from the past to the forecast of all steps.
    """

    least: int
    say: Any

    def forecast(self, values: Any, origins: Any) -> np.ndarray:
        """Return forecasts of shape `(origin, step)`."""
        values = check_values("values", values, varying=False)
        origins = check_origins(origins, self.least, len(values))
        return np.array([self.say(values[:n]) for n in origins])


@dataclasses.dataclass(frozen=True, eq=False)
class Classical:
    """A fitted model of statsmodels; its parameters stay what they are.

    Args:
        fitted: The results of statsmodels.
        trained: Integer, the length of the training part.
        steps: Integer, how many steps ahead it forecasts.
    """

    fitted: Any
    trained: int
    steps: int

    def forecast(self, values: Any, origins: Any) -> np.ndarray:
        """Return forecasts of shape `(origin, step)`.

        Args:
            values: Numbers that begin with the training part.
            origins: Integers, rising, none within the training part.
        """
        values = check_values("values", values, varying=False)
        origins = check_origins(origins, self.trained, len(values))
        fitted, known, said = self.fitted, self.trained, []
        for n in origins:
            if n > known:
                fitted = fitted.append(values[known:n], refit=False)
                known = n
            elif n < known:
                raise ValueError(f"origins must rise, got {n} after {known}")
            said.append(fitted.forecast(self.steps))
        return np.array(said)
