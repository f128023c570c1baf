"""Pictures of tasks, records and cells, drawn by matplotlib.

Each `plot_*` draws in the axes `ax`, or in those of a new figure if `ax` is
`None`, and returns them. `annotations` holds shared parts of the pictures,
`styles` matplotlib styles. Plots may import only `tasks` and `records`, so
that records are drawn without Keras.
"""

from memnets.plots.animations import animate_cell, animate_learning
from memnets.plots.cell import plot_cell
from memnets.plots.comparison import plot_comparison, plot_matrix
from memnets.plots.counters import plot_counters
from memnets.plots.diagrams import plot_cell_diagram, plot_family
from memnets.plots.gates import plot_gates
from memnets.plots.gradients import (
    plot_gradient,
    plot_gradient_study,
    plot_scores_by_gradient,
)
from memnets.plots.grammar import plot_grammar
from memnets.plots.learning import (
    plot_learning,
    plot_losses,
    plot_recalled_values,
    plot_sequence,
    plot_sequences,
    plot_task,
    plot_units,
)
from memnets.plots.particle import (
    plot_errors,
    plot_motion,
    plot_response_matrix,
    plot_responses,
)
from memnets.plots.rhythms import plot_counting, plot_timing

__all__ = [
    "animate_cell",
    "animate_learning",
    "plot_cell",
    "plot_cell_diagram",
    "plot_comparison",
    "plot_counters",
    "plot_counting",
    "plot_errors",
    "plot_family",
    "plot_gates",
    "plot_gradient",
    "plot_gradient_study",
    "plot_grammar",
    "plot_learning",
    "plot_losses",
    "plot_matrix",
    "plot_motion",
    "plot_recalled_values",
    "plot_response_matrix",
    "plot_responses",
    "plot_scores_by_gradient",
    "plot_sequence",
    "plot_sequences",
    "plot_task",
    "plot_timing",
    "plot_units",
]
