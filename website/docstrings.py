"""Docstrings as reStructuredText: they are written as plain text."""

import re

import memnets

PUBLIC = frozenset(memnets.__all__)
# A line of an equation: a name, perhaps with its time, and what it equals.
EQUATION = re.compile(r"[\w'~]+(\([^)]*\))? += .*[^.:]")
CODE = re.compile(r"`([^`]+)`")
SPECIAL = re.compile(r"([*|\\]|_\b)")


def process(app, what, name, thing, options, lines):
    """Write a docstring as reStructuredText, in place; see `translate`."""
    lines[:] = translate("\n".join(lines)).split("\n")
    if what in ("attribute", "property"):
        # In a first line, napoleon takes what is before a colon for a type;
        # this one shows nothing.
        lines.insert(0, "\\")


def skip(app, what, name, member, skipped, options):
    """Leave out what a page says elsewhere: cells, fields of named tuples."""
    text = getattr(member, "__doc__", None) or ""
    said = name == "cell_class" or text.startswith("Alias for field number")
    return True if said else None


def translate(text):
    """Return a docstring as reStructuredText.

    Names in backticks become links to their pages, or code. Equations stay in
    their lines, and so do examples.
    """
    return "\n\n".join(map(_paragraph, re.split(r"\n{2,}", text)))


def _paragraph(text):
    lines = text.splitlines()
    if any(line.lstrip().startswith(">>>") for line in lines):
        return text
    if all(EQUATION.fullmatch(line) for line in lines):
        block = [".. code-block:: none", "", *(f"    {line}" for line in lines)]
        return "\n".join(block)
    parts = CODE.split(text)
    parts[::2] = [SPECIAL.sub(r"\\\1", part) for part in parts[::2]]
    parts[1::2] = [_code(part) for part in parts[1::2]]
    return "".join(parts)


def _code(name):
    plain = name.removeprefix("memnets.")
    if plain in PUBLIC:
        return f":py:obj:`~memnets.{plain}`"
    return f"``{name}``"
