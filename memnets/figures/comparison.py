"""Write the figure of a comparison to a file."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from memnets.figures.files import STYLE_PACKAGE, STYLES, origin, write
from memnets.plots.comparison import draw_comparison
from memnets.plots.sweep import draw_sweep
from memnets.records.files import replacing
from memnets.records.outcomes import Outcome


def save_comparison(
    outcomes: Sequence[Outcome],
    title: str,
    path: str | os.PathLike,
    style: str = "slides",
    vary: Mapping[str, Sequence[object]] | None = None,
) -> None:
    """Write the figure of a comparison, the same bytes every time.

    Args:
        outcomes: The list from `memnets.records.outcomes.outcomes`.
        title: String, the title of the figure.
        path: The file; its extension sets the format: png, svg or pdf.
        style: String, one of `STYLES`. Default: `"slides"`.
        vary: Dictionary from fields to their values, if the outcomes are those
            of a sweep, named as by `memnets.experiments.compare`. Default:
            `None`.
    """
    form = os.path.splitext(path)[1][1:]
    with (
        plt.style.context(
            f"{STYLE_PACKAGE}.{check_style(style)}", after_reset=True
        ),
        replacing(path) as temporary,
    ):
        figure = Figure(layout="constrained")
        FigureCanvasAgg(figure)
        figure.suptitle(title)
        if vary:
            draw_sweep(figure, outcomes, vary)
        else:
            draw_comparison(figure, outcomes)
        write(figure, temporary, form, title, origin("comparison", {}))


def check_style(style: str) -> str:
    """Return a style; refuse an unknown one."""
    if style not in STYLES:
        raise ValueError(
            f"style must be one of {', '.join(STYLES)}, got {style!r}"
        )
    return style
