"""The fields of tasks and experiments, as flags and in sweeps."""

from __future__ import annotations

import dataclasses
import inspect
import re
import typing

PLAIN = (bool, int, float, str)


@dataclasses.dataclass(frozen=True)
class Field:
    """A field of a dataclass that can be written as text.

    Args:
        name: String.
        kind: `bool`, `int`, `float` or `str`, the type of its value or
            values.
        several: Boolean, whether it is a tuple of them.
        about: String, what the docstring of its class says.
    """

    name: str
    kind: type
    several: bool
    about: str

    @property
    def flag(self) -> str:
        """The flag of the command line."""
        return f"--{self.name.replace('_', '-')}"

    def parse(self, text: str) -> object:
        """Return the value that a text says; `5-2` is the tuple `(5, 2)`.

        Raises:
            ValueError: If it says none.
        """
        if self.kind is bool:
            if text.lower() not in ("true", "false"):
                raise ValueError(
                    f"{self.name} must be true or false, got {text!r}"
                )
            return text.lower() == "true"
        try:
            if self.several:
                return tuple(self.kind(part) for part in text.split("-"))
            return None if text == "none" else self.kind(text)
        except ValueError:
            what = {int: "an integer", float: "a number"}[self.kind]
            raise ValueError(
                f"{self.name} must be {what}, got {text!r}"
            ) from None


def fields_of(kind: type) -> dict[str, Field]:
    """Return the fields of a dataclass that can be written as text, by name.

    >>> from memnets import Recall
    >>> fields_of(Recall)["tells"].about
    'Integer from 1 to `timesteps // 2`. Default: 1.'
    """
    said, found = _described(kind), {}
    types = typing.get_type_hints(kind)
    for field in dataclasses.fields(kind):
        inner = (types[field.name], *typing.get_args(types[field.name]))
        plain = [one for one in inner if one in PLAIN]
        if plain and field.init:
            found[field.name] = Field(
                field.name,
                plain[0],
                typing.get_origin(types[field.name]) is tuple,
                said.get(field.name, ""),
            )
    return found


def _described(kind: type) -> dict[str, str]:
    """Return what the docstrings of a class and its bases say of arguments."""
    found: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        said = inspect.cleandoc(base.__doc__ or "")
        section = re.split(r"\n(?=\S)", said.partition("\nArgs:\n")[2])[0]
        for entry in re.split(r"\n(?= {4}\w)", f"\n{section}"):
            name, _, text = entry.strip().partition(": ")
            found[name] = " ".join(text.split())
    return found
