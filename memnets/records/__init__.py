"""Records: what experiments leave behind, as plain arrays that save to files.

`run` holds one training, `ensemble` the losses of many, `trace` what was
inside a network, `gradients` how far the error came back, `tables` and
`outcomes` the rows of many seeds. `files` writes and reads; `data` finds what
is recorded. Everything here works without Keras; it may import `tasks` alone.
"""

from memnets.records.data import load, recorded
from memnets.records.ensemble import Ensemble
from memnets.records.gradients import GradientFlow, GradientStudy
from memnets.records.run import Diverged, FinalExam, Run
from memnets.records.trace import NetworkTrace, Trace

__all__ = [
    "Diverged",
    "Ensemble",
    "FinalExam",
    "GradientFlow",
    "GradientStudy",
    "NetworkTrace",
    "Run",
    "Trace",
    "load",
    "recorded",
]
