"""Writing figures to files: the same bytes every time, with their origin."""

from __future__ import annotations

import os
from collections.abc import Sequence

import matplotlib as mpl
from matplotlib import animation
from matplotlib.figure import Figure

import memnets
from memnets import animations
from memnets.runs import Ensemble, Run

STILLS = ("png", "svg", "pdf")
FILMS = ("gif", "mp4")
FILM_WIDTH = 1280
# Each style, and what it adds to the name of a file.
STYLES = {"slides": "", "slides_dark": "_dark", "notebook": "_notebook"}


def check_formats(
    name: str, film: bool, formats: Sequence[str] | None
) -> tuple[str, ...]:
    """Check the formats of a figure before any work, or choose them.

    Args:
        name: String, the figure's name.
        film: Boolean, whether it moves.
        formats: Strings, or `None` for all that fit.

    Returns:
        A tuple of strings.

    Raises:
        ValueError: If a format is unknown or does not fit.
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
                f"stands still, got {form!r}"
            )
        if form == "mp4" and animations.find_ffmpeg() is None:
            raise ValueError(
                "formats can have 'mp4' only where ffmpeg is installed; `pip "
                "install imageio-ffmpeg` brings one, and 'gif' needs none"
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
        title: String, kept in the metadata.
        origin: String, what it was made from; kept in the metadata.
    """
    # Without dates and version of the writer, two runs give the same bytes.
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
        film: The animation, made in the style that is active.
        path: Where to write.
        form: String, one of `FILMS`.
        title: String, kept in the metadata of an mp4.
        origin: String, what it was made from; kept in the metadata.
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
    """Say in one line what a figure was made from, and by which versions.

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
