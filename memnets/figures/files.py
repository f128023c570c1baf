"""Write figures to files: the same bytes every time, with their origin."""

from __future__ import annotations

import os
from collections.abc import Sequence

import matplotlib as mpl
from matplotlib import animation
from matplotlib.figure import Figure

import memnets
from memnets.plots import animations
from memnets.records.ensemble import Ensemble
from memnets.records.run import Run

STILLS = ("png", "svg", "pdf")
FILMS = ("gif", "mp4")
FILM_WIDTH = 1280
# The package of the styles.
STYLE_PACKAGE = "memnets.plots.styles"
# Each style and its suffix in the name of a file.
STYLES = {"slides": "", "slides_dark": "_dark", "notebook": "_notebook"}


def check_formats(
    name: str, film: bool, formats: Sequence[str] | None
) -> tuple[str, ...]:
    """Return the formats of a figure; refuse those it cannot have.

    Args:
        name: String, the figure's name.
        film: Boolean, whether it is an animation.
        formats: Strings, or `None` for the default formats.

    Returns:
        A tuple of strings.

    Raises:
        ValueError: If a format is unknown or impossible for the figure.
    """
    if formats is None:
        mp4 = ("mp4",) if film and animations.find_ffmpeg() else ()
        return ("png", "gif", *mp4) if film else STILLS
    formats = (formats,) if isinstance(formats, str) else tuple(formats)
    for form in formats:
        if form not in STILLS + FILMS:
            raise ValueError(
                f"formats must be among {', '.join(STILLS + FILMS)}, "
                f"got {form!r}"
            )
        if form in FILMS and not film:
            raise ValueError(
                f"formats must be among {', '.join(STILLS)} for {name}, which "
                f"is not animated, got {form!r}"
            )
        if form == "mp4" and animations.find_ffmpeg() is None:
            raise ValueError(
                "formats must not have 'mp4' without ffmpeg; install it by "
                "`pip install imageio-ffmpeg`, or choose 'gif'"
            )
    return formats


def write(
    figure: Figure,
    path: str | os.PathLike,
    form: str,
    title: str,
    origin: str,
) -> None:
    """Write a figure to one file.

    Args:
        figure: The figure.
        path: Where to write.
        form: String, one of `STILLS`.
        title: String, stored in the metadata.
        origin: String, the origin of the figure; stored in the metadata.
    """
    # Dates and the writer's version would change the bytes.
    metadata = {
        "png": {"Title": title, "Description": origin, "Software": None},
        "svg": {"Title": title, "Description": origin, "Date": None},
        "pdf": {"Title": title, "Subject": origin, "CreationDate": None},
    }
    figure.savefig(path, format=form, metadata=metadata[form])


def write_film(
    film: animation.FuncAnimation,
    path: str | os.PathLike,
    form: str,
    title: str,
    origin: str,
) -> None:
    """Write an animation of 1280 x 720 pixels to one file.

    Args:
        film: The animation, made in the active style.
        path: Where to write.
        form: String, one of `FILMS`.
        title: String, stored in the metadata of an mp4.
        origin: String, the origin of the film; stored in the metadata.
    """
    dpi = round(FILM_WIDTH / mpl.rcParams["figure.figsize"][0])
    fps = 1000 / film.event_source.interval
    if form == "gif":
        film.save(path, animations.GIFWriter(fps, origin), dpi=dpi)
        return
    with mpl.rc_context({"animation.ffmpeg_path": animations.find_ffmpeg()}):
        writer = animation.FFMpegWriter(
            fps=fps,
            metadata={"title": title, "comment": origin},
            extra_args="-crf 18 -threads 1 -fflags +bitexact".split(),
        )
        film.save(path, writer, dpi=dpi)


def origin(name: str, recordings: dict[str, Run | Ensemble]) -> str:
    """Return one line on the recordings and versions behind a figure.

    Args:
        name: String, the figure's name.
        recordings: Dictionary of the loaded recordings by name.

    Returns:
        A string.
    """
    parts = [f"figure {name} of memnets {memnets.__version__}"]
    for recording, data in recordings.items():
        seed = data.settings.get("seed")
        if seed is None:
            seed = f"{data.seeds.min()} to {data.seeds.max()}"
        versions = data.settings.get("versions", {})
        parts.append(
            f"recording {recording}: experiment "
            f"{data.settings.get('experiment', 'unnamed')}, seed {seed}, "
            + ", ".join(f"{k} {v}" for k, v in versions.items())
        )
    return "; ".join([*parts, f"drawn by matplotlib {mpl.__version__}"])
