"""Questions about a story: two of its facts must be combined."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np

from memnets.tasks.base import Batch, check_draw, check_integer
from memnets.tasks.final import ChoiceTask
from memnets.tasks.symbols import NONE

VERBS = ("enters", "takes", "where")
ENTERS, TAKES, WHERE = range(len(VERBS))
PEOPLE = ("anna", "ben", "cleo", "dan")
PLACES = ("attic", "cellar", "garden", "kitchen", "street")
THINGS = ("key", "lamp", "book")


@dataclasses.dataclass(frozen=True)
class TwoFacts(ChoiceTask):
    """A story tells who is where and who has what: WHERE is the thing?

    >>> import numpy as np
    >>> from memnets.tasks import TwoFacts
    >>> from memnets.tasks.symbols import spell
    >>> task = TwoFacts()
    >>> batch = task.sample(1, np.random.default_rng(1))
    >>> words = spell(task, batch.inputs[0]).split()
    >>> for step in range(0, 14, 3):
    ...     print(*words[step : step + 3])
    anna enters attic
    ben enters attic
    ben takes key
    ben takes lamp
    where lamp
    >>> task.outputs[batch.targets[0, -1].argmax()]
    'attic'

    A sentence has three words. First everyone enters a place, in random order.
    In the other sentences someone enters a place, or takes a thing from where
    it is or from who has it. A thing is where its holder is. The last two words
    ask for a thing that someone has taken. So the answer needs two facts: who
    took it last, and where is this person now? At the last word the output of
    that place must be 1 and all others 0. Answers at other steps are not
    scored.

    Inputs are symbols, the numbers of the input channels, not one-hot. The
    stories are synthetic.

    Source of the idea of two supporting facts: J. Weston et al., Towards
    AI-Complete Question Answering, arXiv:1502.05698 (2015). The words and the
    rules are other ones.

    Args:
        timesteps: Integer, the number of words: 2 more than a multiple of 3,
            at least 3 for each person and 5 more. Default: 14.
        people: Integer from 1 to 4, how many people there are. Default: 2.
        places: Integer from 2 to 5, how many places there are. Default: 3.
        things: Integer from 1 to 3, how many things there are. Default: 2.
    """

    timesteps: int = 14
    people: int = 2
    places: int = 3
    things: int = 2

    name: ClassVar[str] = "two-facts"
    symbolic: ClassVar[bool] = True
    answering: ClassVar[slice] = slice(None)

    def __post_init__(self):
        check_integer("timesteps", self.timesteps, 1)
        for argument, least, most in (
            ("people", 1, len(PEOPLE)),
            ("places", 2, len(PLACES)),
            ("things", 1, len(THINGS)),
        ):
            value = getattr(self, argument)
            check_integer(argument, value, least)
            if value > most:
                raise ValueError(
                    f"{argument} must be at most {most}, got {value}"
                )
        least = 3 * self.people + 5
        if self.timesteps % 3 != 2 or self.timesteps < least:
            raise ValueError(
                f"timesteps must be {least}, {least + 3}, {least + 6} and so "
                f"on with people = {self.people}, got {self.timesteps}"
            )

    @property
    def shortest(self) -> int:
        """The length of the shortest sequence: all are equally long."""
        return self.timesteps

    @property
    def inputs(self) -> tuple[str, ...]:  # type: ignore[override]
        """The words: verbs, people, things, places."""
        people, things = PEOPLE[: self.people], THINGS[: self.things]
        return (*VERBS, *people, *things, *self.outputs)

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of the output channels, the places."""
        return PLACES[: self.places]

    @property
    def _first(self) -> tuple[int, int, int]:
        """The numbers of the first person, the first thing and place."""
        thing = len(VERBS) + self.people
        return len(VERBS), thing, thing + self.things

    @property
    def landmarks(self) -> dict[str, float]:
        """The mean squared error of silence and of perfection."""
        return {"silent": 1 / self.timesteps / self.places, "perfect": 0.0}

    def sample(self, batch_size: int, rng: np.random.Generator) -> Batch:
        """Draw fresh stories.

        Args:
            batch_size: Positive integer, the number of stories.
            rng: `numpy.random.Generator`.

        Returns:
            A `Batch`; its inputs are int32 symbols of shape `(batch_size,
            timesteps)`.
        """
        check_draw(batch_size, rng)
        person, thing, place = self._first
        shape = batch_size, (self.timesteps - 2) // 3
        each = np.arange(batch_size)
        who = rng.integers(0, self.people, shape)
        # In float64 no two are equal, so the order is everywhere the same.
        order = rng.random((batch_size, self.people)).argsort(axis=1)
        who[:, : self.people] = order
        takes = rng.integers(0, 2, shape) == 1
        takes[:, : self.people] = False
        things = rng.integers(0, self.things, shape)
        asked = rng.integers(0, self.things, batch_size)
        sure = rng.integers(self.people, shape[1], batch_size)
        takes[each, sure], things[each, sure] = True, asked
        places = rng.integers(0, self.places, shape)
        symbols = np.empty((batch_size, self.timesteps), np.int32)
        symbols[:, 0:-2:3] = person + who
        symbols[:, 1:-2:3] = np.where(takes, TAKES, ENTERS)
        symbols[:, 2:-2:3] = np.where(takes, thing + things, place + places)
        symbols[:, -2], symbols[:, -1] = WHERE, thing + asked
        answers = self.solve(symbols)[:, -1]
        lengths = np.full(batch_size, self.timesteps)
        return self.answered_at_end(symbols, lengths, answers)

    def solve(self, inputs: np.ndarray) -> np.ndarray:
        """Answer by rule: keep where everyone is and who has what.

        Args:
            inputs: Integer array of shape `(batch, time)`, symbols.

        Returns:
            float32 array of shape `(batch, time, output channel)`.
        """
        symbols = np.asarray(inputs)
        person, thing, place = self._first
        each = np.arange(len(symbols))
        where = np.full((len(symbols), self.people), NONE)
        holder = np.full((len(symbols), self.things), NONE)
        answers = np.zeros((*symbols.shape, self.places), np.float32)
        who, verb = np.zeros((2, len(symbols)), np.intp)
        for step, now in enumerate(symbols.T):
            row = each[(now >= thing) & (now < place) & (verb == WHERE)]
            holds = holder[row, now[row] - thing]
            found = where[row, holds]
            sure = (holds != NONE) & (found != NONE)
            answers[row[sure], step, found[sure]] = 1
            row = each[(now >= thing) & (now < place) & (verb == TAKES)]
            holder[row, now[row] - thing] = who[row]
            row = each[(now >= place) & (verb == ENTERS)]
            where[row, who[row]] = now[row] - place
            who = np.where((now >= person) & (now < thing), now - person, who)
            verb = np.where((now >= 0) & (now < len(VERBS)), now, verb)
        return answers

    def events(self, inputs: np.ndarray) -> dict[str, np.ndarray]:
        """Return the steps at which the asked thing is taken, and the last.

        Args:
            inputs: Integer array of shape `(time,)`, the symbols of one
                sequence.
        """
        return {
            "tell": np.flatnonzero(inputs[:-1] == inputs[-1]),
            "recall": np.array([len(inputs) - 1]),
        }
