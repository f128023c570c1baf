"""Tasks: sequences that only a network with a memory can answer.

A task draws sequences, answers them by rule, and marks the answers of a
network. `base.Task` defines what every task must do. To add a task to the
catalogue, import it below. Tasks may import nothing but NumPy.
"""

from memnets.tasks.base import Batch, Task, draw, join
from memnets.tasks.recall import Recall
from memnets.tasks.countdown import Countdown
from memnets.tasks.counting import AnBn, AnBnCn
from memnets.tasks.mixture import Mixture
from memnets.tasks.particle import HiddenParticle, ParticleForecast
from memnets.tasks.reber import Reber, EmbeddedReber, letters
from memnets.tasks.long_lags import LongLag, LongLagRandom, LongLagTrigger
from memnets.tasks.noise import NoisySignal, NoisyTarget, SignalThenNoise
from memnets.tasks.adding import Adding, ModernAdding, Multiplication
from memnets.tasks.temporal_order import TemporalOrder, TemporalOrder3
from memnets.tasks.copying import CopyMemory
from memnets.tasks.association import AssociativeRecall
from memnets.tasks.bsuite import MemoryLength, MemorySize
from memnets.tasks.latest_subject import LatestSubject
from memnets.tasks.words import NextWord
from memnets.tasks.handwriting import PenStrokes
from memnets.tasks.questions import TwoFacts
from memnets.tasks.pictures import Captions, MovingShapes
from memnets.tasks.music import Melody
from memnets.tasks.speech import SpokenDigits
from memnets.tasks.translation import DateTranslation
from memnets.tasks.continual import ContinualReber, ContinualOrder
from memnets.tasks.timing import (
    MeasureSpikeDelays,
    GenerateSpikes,
    PeriodicFunction,
)

# Every task by its name, except Mixture, which is made of other tasks.
TASKS: dict[str, type[Task]] = {
    kind.name: kind
    for kind in list(vars().values())
    if isinstance(kind, type) and issubclass(kind, Task)
    if kind not in (Task, Mixture)
}


def make_task(settings: dict) -> Task:
    """Make a task from the dictionary that its `settings` returned.

    Raises:
        ValueError: If no task has that name.
    """
    fields = dict(settings)
    name = fields.pop("name", None)
    if name == Mixture.name:
        return Mixture(tuple(make_task(part) for part in fields["tasks"]))
    if name not in TASKS:
        raise ValueError(
            f"task must be one of {', '.join(TASKS)}, got {name!r}"
        )
    return TASKS[name](**fields)
