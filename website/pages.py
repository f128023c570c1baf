"""Pages that are written from the package: its names and its figures."""

import html
import inspect
import re

from sphinx.util.inspect import stringify_signature

import memnets
from memnets.figures.catalogue import FIGURES
from memnets.figures.files import FILMS

CONTENTS = "\n```{{toctree}}\n:hidden:\n:titlesonly:\n\n{}\n```\n"


def groups():
    """Return the public names by purpose, as the package's docstring does.

    Returns:
        A dictionary from headings to lists of names.
    """
    public = {
        name
        for name in memnets.__all__
        if not inspect.ismodule(getattr(memnets, name))
    }
    listing = memnets.__doc__.split("\n\n", 3)[3]
    blocks = re.findall(r"(?m)^(\S.*)\n((?: {4}.*\n?)+)", listing)
    found = {heading: _names(text) for heading, text in blocks}
    placed = {name for names in found.values() for name in names}
    for heading, text in blocks:
        # Layers stand in the description of the cells.
        words = dict.fromkeys(re.findall(r"\w+", text))
        found[heading] += [
            word for word in words if word in public and word not in placed
        ]
    return found


def _names(text):
    # Names stand to the left, what they are to the right of a gap.
    left = [re.split(r" {2,}|$", line[4:])[0] for line in text.splitlines()]
    return [n for names in left for n in re.split(", ?", names) if n]


def reference():
    """Return the pages of the reference, from their paths to their texts.

    A group is a folder, for to Windows `Trace` and `trace` are one file.
    """
    pages, parts = {}, ["# Reference", "All public names, by purpose."]
    folders = []
    for heading, names in groups().items():
        folder = heading.lower().replace(" ", "-")
        rows = [f"| [`{n}`]({n}.rst) | {about(n)} |" for n in names]
        table = ["| name | what it is |", "| --- | --- |", *rows]
        pages[f"api/{folder}/index.md"] = "\n".join(
            [f"# {heading}", "", *table, CONTENTS.format("\n".join(names))]
        )
        pages |= {f"api/{folder}/{n}.rst": page(n) for n in names}
        links = ", ".join(f"[`{n}`]({folder}/{n}.rst)" for n in names)
        parts.append(f"**[{heading}]({folder}/index.md)**: {links}")
        folders.append(f"{folder}/index")
    parts.append(CONTENTS.format("\n".join(folders)))
    return pages | {"api/index.md": "\n\n".join(parts)}


def about(name):
    """Return a line on a public name."""
    catalogues = {"TASKS": "tasks", "CELLS": "cells", "FIGURES": "figures"}
    if name in catalogues:
        return f"All {catalogues[name]}, by name."
    return inspect.getdoc(getattr(memnets, name)).split("\n")[0]


def page(name):
    """Return the page of a public name, in reStructuredText."""
    thing = getattr(memnets, name)
    parts = [f"{name}\n{'=' * len(name)}", ".. currentmodule:: memnets"]
    if isinstance(thing, dict):
        parts += _catalogue(name, thing)
    elif inspect.isclass(thing):
        parts.append(f".. autoclass:: memnets.{name}\n   :members:")
        cell = getattr(thing, "cell_class", None)
        if cell:
            parts.append("Its arguments are those of its cell:")
            parts.append(f".. autoclass:: {_place(cell)}{_arguments(cell)}")
            parts.append("Options of all layers: :py:obj:`~memnets.CELLS`.")
    else:
        parts.append(f".. autofunction:: memnets.{name}")
    return "\n\n".join([*parts, ""])


def _catalogue(name, entries):
    """Return a description of a dictionary and a table of what it holds."""
    if name == "FIGURES":
        rows = [(f"``{key}``", entry.title) for key, entry in entries.items()]
    elif name == "TASKS":
        rows = [
            (f"``{key}``", f":py:obj:`~memnets.{task.__name__}`")
            for key, task in entries.items()
        ]
    else:
        rows = [(f"``{key}``", entry.about) for key, entry in entries.items()]
    table = [".. list-table::", "   :widths: auto", ""]
    for key, text in rows:
        table += [f"   * - {key}", f"     - {text}"]
    parts = [f".. py:data:: {name}\n\n   {about(name)}"]
    parts.append("\n".join(table))
    if name == "CELLS":
        from memnets.cells import base, minimal

        shared = [base.CellLayer, base.RecurrentCell]
        shared += [minimal.MinimalLayer, minimal.MinimalCell]
        parts += [f".. autoclass:: {_place(base)}()" for base in shared]
    return parts


def _arguments(cell):
    """Return the arguments of a cell, which Keras hides from Sphinx."""
    signature = inspect.signature(cell.__init__)
    given = list(signature.parameters.values())[1:]
    return stringify_signature(signature.replace(parameters=given))


def _place(thing):
    return f"{thing.__module__}.{thing.__qualname__}"


def figures(folder):
    """Return the page of all figures that lie in a folder, in Markdown."""
    shown = [n for n, entry in FIGURES.items() if not entry.needs_run]
    parts = [
        "# Figures",
        "Every figure of the slides, to download, in light and dark. The "
        "command under a figure draws it again; "
        "`memnets figures --help` names formats and styles.",
        '<div class="slides">',
        *(_figure(name, FIGURES[name], folder) for name in shown),
        "</div>",
        "## Figures of your own run",
        "These are drawn from the file of a run, as is every figure above "
        "that fits it: [recipes](docs/recipes.md).",
        "| command | what it draws | the run must be |\n| --- | --- | --- |\n"
        + "\n".join(
            f"| `memnets figures {name} --run RUN.npz` | {entry.title} "
            f"| {entry.own.needs} |"
            for name, entry in FIGURES.items()
            if entry.needs_run
        ),
    ]
    return {"figures.md": "\n\n".join(parts)}


def _figure(name, entry, folder):
    """Return a figure with its downloads, light and dark, as HTML."""
    title = html.escape(entry.title)
    pictures, downloads = [], []
    for suffix, shade in (("", "light"), ("_dark", "dark")):
        form = "gif" if entry.film else "png"
        source = f"figures/{name}{suffix}"
        pictures.append(_picture(source, form, title, shade))
        files = sorted(folder.glob(f"{name}{suffix}.*"), key=lambda f: f.suffix)
        if not files:
            raise FileNotFoundError(
                f"{source}.png must be there: memnets figures {name}"
            )
        links = " ".join(
            f'<a href="figures/{file.name}" download>'
            f"{file.suffix[1:].upper()}</a>"
            for file in files
        )
        downloads.append(f"<p>{shade}: {links}</p>")
    return "\n".join(
        [
            f'<div class="slide" id="{name.replace("_", "-")}">',
            *pictures,
            f"<p>{title}</p>",
            f"<p><code>memnets figures {name}</code></p>",
            *downloads,
            "</div>",
        ]
    )


def _picture(source, form, text, shade):
    """Return a picture for one shade; a film stands still if asked to."""
    still = '<source media="(prefers-reduced-motion: reduce)" srcset="{}.png">'
    return (
        f'<picture class="only-{shade}">'
        f"{still.format(source) if form in FILMS else ''}"
        f'<img class="dark-light" src="{source}.{form}" alt="{text}" '
        'loading="lazy" width="1600" height="900"></picture>'
    )
