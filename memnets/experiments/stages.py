"""One training, looked at on the way: the same bits as without stops."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from memnets.experiments.experiment import Experiment
from memnets.records.run import Run
from memnets.tasks.base import check_integer
from memnets.training.loop import train_with
from memnets.training.recording import Recording


def stages(
    experiment: Experiment, episodes: Iterable[int], progress: bool = True
) -> Iterator[Run]:
    """Train once and yield the run as it is after some of the episodes.

    The learning rate falls as in the whole training, so the weights after all
    episodes are those of `experiment.run()`, bit for bit.

    Args:
        experiment: The `Experiment`, with a cell that a kernel trains.
        episodes: Integers from 0 to the experiment's `episodes`, in ascending
            order.
        progress: Boolean, whether to show a progress bar for each part that
            takes more than four seconds. Default: `True`.

    Yields:
        A `Run` for each of `episodes`, with the weights at that time.

    Raises:
        ValueError: If the episodes are not in ascending order or too many, or
            if no kernel trains the network.
    """
    marks = list(episodes)
    for before, mark in zip([0, *marks], marks):
        check_integer("episodes", mark, 0)
        if not before <= mark <= experiment.episodes:
            raise ValueError(
                f"episodes must ascend to at most {experiment.episodes}, got "
                f"{mark} after {before}"
            )
    if not experiment.uses_kernel():
        raise ValueError(
            f"experiment must have a cell that a kernel trains, got "
            f"{experiment.cell}"
        )
    experiment.check()
    # Answers are needed neither here nor by those who ask for weights.
    recording = Recording(every=experiment.episodes)
    recording = recording.of(experiment.task, experiment.seed)
    # The engine keeps its weights and its optimizer's state between parts.
    engine = experiment._engine(recording, "auto", None, None)
    run = None
    for mark in marks:
        run = train_with(
            engine,
            experiment.task,
            mark,
            experiment.batch_size,
            experiment.seed,
            recording,
            progress=progress,
            before=run,
        )
        yield run
