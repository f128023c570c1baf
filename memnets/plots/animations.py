"""Animations of a network that learns and of a cell; a writer of GIFs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import matplotlib as mpl
from matplotlib import animation
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from memnets.plots import annotations, learning
from memnets.plots.cell import check_trace, plot_cell
from memnets.records.run import Run
from memnets.tasks import Batch, Task

FRAMES_PER_SECOND = 8
STEPS_PER_SECOND = 1.5


def draw_stage(
    run: Run, sequence: int = 0, figure: Figure | None = None
) -> tuple[Figure, Callable[[int], None]]:
    """Draw target and output of one sequence at the end of the training.

    Args:
        run: The `Run`.
        sequence: Integer, which recorded sequence. Default: 0.
        figure: The empty figure to draw in. Default: `None`, a new one.

    Returns:
        The figure, and a function that redraws it for the record of a given
        index.
    """
    figure = _empty() if figure is None else figure
    ax = learning.plot_sequence(run, sequence, ax=figure.add_subplot())
    (line,) = (line for line in ax.lines if line.get_label() == "output")
    # The same scale in all frames.
    lowest = run.outputs[:, sequence, :, 0].min()
    ax.set_ylim(min(-0.1, 1.1 * lowest), 1.5)
    ax.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2)

    def show(record: int) -> None:
        line.set_ydata(run.outputs[record, sequence, :, 0])
        title = f"after {run.episodes[record]:,} learning episodes"
        ax.set_title(title, loc="left", pad=0.6 * mpl.rcParams["font.size"])

    show(-1)
    return figure, show


def animate_learning(
    run: Run,
    sequence: int = 0,
    frames: int = 60,
    figure: Figure | None = None,
) -> animation.FuncAnimation:
    """Show target and output of one sequence while the network learns.

    In a notebook, `IPython.display.HTML(animate_learning(run).to_jshtml())`
    plays it.

    Args:
        run: The `Run`.
        sequence: Integer, which recorded sequence. Default: 0.
        frames: Positive integer, the largest number of records to show; they
            are spread evenly on a log scale. Default: 60.
        figure: The empty figure to draw in. Default: `None`, a new one.

    Returns:
        A `matplotlib.animation.FuncAnimation`.
    """
    figure, show = draw_stage(run, sequence, figure)
    return _film(figure, show, learning.stages(run, frames), FRAMES_PER_SECOND)


def draw_step(
    trace: Any,
    task: Task,
    batch: Batch,
    sequence: int = 0,
    unit: int = 0,
    below: Any | None = None,
    figure: Figure | None = None,
) -> tuple[Figure, Callable[[int], None]]:
    """Draw an LSTM cell above the network's inputs, at the first time step.

    Args:
        trace: The trace of an LSTM layer.
        task: The task that drew the batch; it names the channels.
        batch: The sequences that the network read.
        sequence: Integer, which sequence of the batch. Default: 0.
        unit: Integer, which unit of the layer. Default: 0.
        below: The trace of the layer that this one reads. Default: `None`,
            the layer reads the channels of the task.
        figure: The empty figure to draw in. Default: `None`, a new one.

    Returns:
        The figure, and a function that redraws it for a given time step.
    """
    figure = _empty() if figure is None else figure
    # The cell is drawn as large as possible: it is full of numbers. It also
    # shows the time step and the inputs, so the channels need no labels.
    cell, channels = figure.subplots(2, 1, height_ratios=(6, 1))
    check_trace(trace, batch, sequence, unit)
    annotations.draw_channels(
        channels, task, batch.inputs[sequence], named=False
    )
    channels.set_xlabel("")
    channels.tick_params(labelsize="small")
    cursor = Rectangle(
        (0, 0),
        1,
        1,
        transform=channels.get_xaxis_transform(),
        color="C1",
        alpha=0.35,
        zorder=0,
    )
    channels.add_patch(cursor)

    def show(step: int) -> None:
        cell.clear()
        plot_cell(trace, task, batch, sequence, step, unit, below, cell)
        cursor.set_x(step - 0.5)

    show(0)
    return figure, show


def animate_cell(
    trace: Any,
    task: Task,
    batch: Batch,
    sequence: int = 0,
    unit: int = 0,
    below: Any | None = None,
    figure: Figure | None = None,
) -> animation.FuncAnimation:
    """Show an LSTM cell at all time steps, one after another.

    Args:
        trace: The trace of an LSTM layer.
        task: The task that drew the batch; it names the channels.
        batch: The sequences that the network read.
        sequence: Integer, which sequence of the batch. Default: 0.
        unit: Integer, which unit of the layer. Default: 0.
        below: The trace of the layer that this one reads. Default: `None`,
            the layer reads the channels of the task.
        figure: The empty figure to draw in. Default: `None`, a new one.

    Returns:
        A `matplotlib.animation.FuncAnimation`, a frame for each time step.
    """
    figure, show = draw_step(trace, task, batch, sequence, unit, below, figure)
    steps = batch.inputs.shape[1]
    return _film(figure, show, range(steps), STEPS_PER_SECOND)


def _empty() -> Figure:
    """Return a figure that pyplot does not keep open."""
    figure = Figure(layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _film(figure, show, frames, per_second) -> animation.FuncAnimation:
    # Fix the layout: it would cost time and might change between frames.
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    return animation.FuncAnimation(
        figure,
        show,
        frames=frames,
        interval=1000 / per_second,
        cache_frame_data=False,
    )


def find_ffmpeg() -> str | None:
    """Return the path of ffmpeg, which writes MP4, or `None`."""
    if animation.writers.is_available("ffmpeg"):
        return mpl.rcParams["animation.ffmpeg_path"]
    try:
        import imageio_ffmpeg

        return imageio_ffmpeg.get_ffmpeg_exe()
    except (ImportError, RuntimeError):
        return None


class GIFWriter(animation.PillowWriter):
    """Matplotlib's writer, with a comment in the file and one palette.

    Args:
        fps: Frames per second.
        comment: String, stored in the file.
    """

    def __init__(self, fps: float, comment: str):
        """Store the comment."""
        super().__init__(fps=fps)
        self.comment = comment

    def finish(self):
        """Write all frames with one palette; the last is shown longer."""
        # A common palette avoids flicker. It is computed from frames of a
        # quarter of the size, resized without new colours.
        frames = [frame.convert("RGB") for frame in self._frames]
        width, height = (max(1, side // 4) for side in self.frame_size)
        sheet = Image.new("RGB", (width, height * len(frames)))
        for number, frame in enumerate(frames):
            small = frame.resize((width, height), Image.Resampling.NEAREST)
            sheet.paste(small, (0, number * height))
        palette = sheet.quantize(128)
        first, *others = (
            frame.quantize(palette=palette, dither=Image.Dither.NONE)
            for frame in frames
        )
        first.save(
            self.outfile,
            format="GIF",
            save_all=True,
            append_images=others,
            duration=[1000 // self.fps] * len(others) + [2000],
            loop=0,
            comment=self.comment.encode("ascii", "replace"),
        )
