"""Films of a network that learns, and a GIF writer that keeps a comment."""

from __future__ import annotations

import io
from collections.abc import Callable

import matplotlib as mpl
from matplotlib import animation
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from memnets import plots
from memnets.runs import Run

FRAMES_PER_SECOND = 8


def draw_stage(
    run: Run, sequence: int = 0, figure: Figure | None = None
) -> tuple[Figure, Callable[[int], None]]:
    """Draw target and output of one sequence at the end of the learning.

    Args:
        run: The `Run`.
        sequence: Integer, which recorded sequence. Default: 0.
        figure: The empty figure to draw in. Default: `None`, a new one.

    Returns:
        The figure, and a function from the number of a record that shows it
        in place of the last.
    """
    if figure is None:
        figure = Figure(layout="constrained")
        FigureCanvasAgg(figure)
    ax = plots.plot_sequence(run, sequence, ax=figure.add_subplot())
    (line,) = (line for line in ax.lines if line.get_label() == "output")
    # One scale for all stages.
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
        frames: Positive integer, the most recorded stages to show; they are
            spread evenly on a log scale. Default: 60.
        figure: The empty figure to draw in. Default: `None`, a new one.

    Returns:
        A `matplotlib.animation.FuncAnimation`.
    """
    figure, show = draw_stage(run, sequence, figure)
    # Settled once, the layout neither trembles nor costs time.
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    return animation.FuncAnimation(
        figure,
        show,
        frames=plots.stages(run, frames),
        interval=1000 / FRAMES_PER_SECOND,
        cache_frame_data=False,
    )


def find_ffmpeg() -> str | None:
    """Return a program that writes MP4, or `None` if there is none."""
    if animation.writers.is_available("ffmpeg"):
        return mpl.rcParams["animation.ffmpeg_path"]
    try:
        import imageio_ffmpeg

        return imageio_ffmpeg.get_ffmpeg_exe()
    except (ImportError, RuntimeError):
        return None


class GIFWriter(animation.AbstractMovieWriter):
    """Write a GIF with a comment, which matplotlib's own writer cannot.

    Args:
        fps: Frames per second.
        comment: String, kept in the file.
    """

    def __init__(self, fps: float, comment: str):
        """Remember the comment."""
        super().__init__(fps=fps)
        self.comment = comment

    def setup(self, fig, outfile, dpi=None):
        """Start with no frames."""
        super().setup(fig, outfile, dpi)
        self.frames = []

    def grab_frame(self, **savefig_kwargs):
        """Keep the figure as it is now."""
        with io.BytesIO() as buffer:
            self.fig.savefig(
                buffer, format="rgba", dpi=self.dpi, **savefig_kwargs
            )
            pixels = buffer.getvalue()
        frame = Image.frombytes("RGBA", self.frame_size, pixels)
        self.frames.append(frame.convert("RGB"))

    def finish(self):
        """Write all frames in the colours of the last, and hold that one."""
        palette = self.frames[-1].quantize(128)
        first, *others = (
            frame.quantize(palette=palette, dither=Image.Dither.NONE)
            for frame in self.frames
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
