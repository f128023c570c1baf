"""The figures that have files of their own: name -> arguments of an entry."""

from memnets.figures import (
    applications,
    classics,
    particle,
    rhythms,
    series,
    words,
)

DRAWN: dict[str, tuple] = (
    particle.DRAWN
    | classics.DRAWN
    | rhythms.DRAWN
    | words.DRAWN
    | series.DRAWN
    | applications.DRAWN
)
