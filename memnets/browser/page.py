"""The page: data, module and style in one file, or in a notebook's cell."""

from __future__ import annotations

import base64
import dataclasses
import functools
import hashlib
import html
import importlib.resources
import json
import os
import re
import string
import sys
from collections.abc import Sequence

from memnets.browser.networks import CHECKPOINTS, Network, of_run
from memnets.records.files import replacing
from memnets.records.run import Run

HEIGHT = 900  # of the frame in a notebook, in pixels
# What the styles of the plots call what the page needs.
GROUNDS = {"paper": "figure.facecolor", "ink": "text.color"}
# Where the light and the dark page differ beside those.
SHADES = {
    "light": "--soft: #5a5a5a; --faint: #ececec; --line: #c4c4c4; "
    "--grip: #004c7a; color-scheme: light;",
    "dark": "--soft: #b4b4b4; --faint: #2a2d35; --line: #555a66; "
    "--grip: #8fd0f5; color-scheme: dark;",
}


@dataclasses.dataclass(frozen=True)
class Page:
    """Networks in a page of their own; a notebook shows it under its cell.

    Args:
        networks: Tuple of `Network`, those to choose from.
        title: String. Default: `"memnets playground"`.
    """

    networks: tuple[Network, ...]
    title: str = "memnets playground"

    def __repr__(self):
        names = ", ".join(network.name for network in self.networks)
        return f"Page({names})"

    def data(self) -> dict[str, object]:
        """Return what the module reads, as plain values."""
        networks = [network.data() for network in self.networks]
        return {"title": self.title, "networks": networks}

    def html(self) -> str:
        """Return the whole page; it makes no request."""
        script = _script()
        # Only the module may run, and nothing may be fetched.
        digest = hashlib.sha256(script.encode("utf-8")).digest()
        known = base64.b64encode(digest).decode("ascii")
        policy = (
            f"default-src 'none'; script-src 'sha256-{known}'; "
            f"style-src 'unsafe-inline'; img-src data:"
        )
        return string.Template(_text("page.html")).substitute(
            policy=policy,
            title=html.escape(self.title),
            style=style(),
            body=self._body(script),
        )

    def save(self, path: str | os.PathLike) -> None:
        """Write the page to a file, whole or not at all."""
        with (
            replacing(path) as temporary,
            open(temporary, "w", encoding="utf-8", newline="\n") as file,
        ):
            file.write(self.html())

    def _body(self, script: str) -> str:
        # Without this, text could end the element that it stands in.
        data = json.dumps(self.data(), separators=(",", ":"), allow_nan=False)
        data = data.replace("<", "\\u003c").replace("&", "\\u0026")
        return (
            '<main id="memnets"></main>\n'
            "<noscript>This page needs JavaScript.</noscript>\n"
            f'<script type="application/json" id="memnets-data">{data}</script>'
            f'\n<script type="module">{script}</script>'
        )

    def _repr_html_(self) -> str:
        """Return the page for a notebook: in a frame, in Colab as it is."""
        if "google.colab" in sys.modules:
            # Colab puts each output into a frame of its own.
            return f"<style>{style()}</style>\n{self._body(_script())}"
        return (
            f'<iframe srcdoc="{html.escape(self.html())}" width="100%" '
            f'height="{HEIGHT}" allow="fullscreen" '
            f'style="border: 0" title="{html.escape(self.title)}"></iframe>'
        )

    def _repr_mimebundle_(self, include=None, exclude=None):
        """Return the page as a widget too, where anywidget is installed."""
        bundle = {"text/plain": repr(self), "text/html": self._repr_html_()}
        if "google.colab" in sys.modules:
            return bundle
        try:
            made = self.widget()
        except ImportError:
            return bundle
        shown = made._repr_mimebundle_() or {}
        # Some versions add metadata.
        shown = shown[0] if isinstance(shown, tuple) else shown
        return {**shown, **bundle}

    def widget(self):
        """Return the page as an `anywidget.AnyWidget`.

        Raises:
            ImportError: If anywidget is not installed.
        """
        try:
            import anywidget
            import traitlets
        except ImportError as error:
            raise ImportError(
                "widget needs anywidget: pip install 'memnets[widget]'"
            ) from error

        class Widget(anywidget.AnyWidget):
            _esm = _text("module.js")
            _css = style()
            data = traitlets.Dict().tag(sync=True)

        return Widget(data=self.data())


def playground(
    run: Run | Sequence[Run] | None = None, checkpoints: int = CHECKPOINTS
) -> Page:
    """Return a page in which trained networks answer in the browser.

    The last line of a cell shows it in Jupyter, VS Code and Colab; `save`
    writes it to one file that makes no request. A run keeps only its final
    weights; those before come from training it again, with the same bits.

    Args:
        run: A `Run` of an `Experiment` with LSTM layers of at most 64 units,
            or several of them. Default: `None`, the networks of the lecture,
            the memories set by hand and a network that read the embedded
            Reber grammar, which are trained for it.
        checkpoints: Positive integer, how often during a training weights
            are kept; 1 shows the final ones, without training. Default: 60.

    Returns:
        A `Page`.

    Raises:
        TypeError: If `run` is not a run.
        ValueError: If a run has no weights, or a network that the page cannot
            show.

    Example:

    >>> from memnets import Experiment, Recall, playground
    >>> run = Experiment(Recall(), episodes=20).run()
    >>> playground(run)
    Page(run)
    """
    if run is None:
        from memnets.browser.catalogue import standard

        return Page(tuple(standard()))
    several = list(run) if isinstance(run, (list, tuple)) else [run]
    if not several:
        raise ValueError("run must be a run or several, got none")
    names = ["run", *(f"run-{n}" for n in range(2, len(several) + 1))]
    networks = (of_run(r, n, checkpoints) for r, n in zip(several, names))
    return Page(tuple(networks))


@functools.cache
def style() -> str:
    """Return the style of the page, in the colours of the plots."""
    # A light one for all, and a dark one that wins where it is asked for.
    light, dark = _colours("slides"), _colours("slides_dark")
    return (
        f"{_text('page.css')}\n"
        f".memnets {{ {light} {SHADES['light']} }}\n"
        f'.memnets[data-theme="dark"] {{ {dark} {SHADES["dark"]} }}\n'
    )


def _colours(name: str) -> str:
    """Return a plot style's colours as variables of CSS."""
    text = _text(f"{name}.mplstyle", "memnets.plots.styles")
    grounds = [
        f"--{short}: #{re.search(rf'(?m)^{key}: (.{{6}})$', text)[1]};"
        for short, key in GROUNDS.items()
    ]
    cycle = re.search(r"prop_cycle: .*\[(.*)\]", text)[1]
    colours = re.findall(r"[0-9A-F]{6}", cycle)
    numbered = [f"--c{n}: #{colour};" for n, colour in enumerate(colours)]
    return " ".join(grounds + numbered)


@functools.cache
def _script() -> str:
    """Return the module and the line that starts it."""
    return (
        f"{_module()}\n"
        'const memnetsData = document.getElementById("memnets-data");\n'
        'mount(document.getElementById("memnets"), '
        "JSON.parse(memnetsData.textContent), true);\n"
    )


def _module() -> str:
    """Return the module without indentation, a sixth of its size."""
    return re.sub(r"(?m)^ +", "", _text("module.js"))


def _text(name: str, package: str = "memnets.browser") -> str:
    found = importlib.resources.files(package).joinpath(name)
    return found.read_text(encoding="utf-8")
