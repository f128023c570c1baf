"""Tables of results: a row a run, which any number of processes may write."""

from __future__ import annotations

import csv
import io
import os
import pathlib
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from filelock import FileLock

from memnets.records.files import replacing

# What was run; together with the seed it is the key of a row.
SETTINGS = {
    "task": str,
    "timesteps": int,
    "cell": str,
    "units": str,
    "readout": str,
    "learning_rate": float,
    "schedule": str,
    "batch_size": int,
    "episodes": int,
    "seed": int,
}
COLUMNS: dict[str, type | str] = {
    "experiment": str,
    **SETTINGS,
    "mastered": bool,
    "correct": float,
    "deviation": float,
    # Missing where no exam was passed.
    "mastered_after": "Int64",
    "keras": str,
    "tensorflow": str,
}
Key = tuple[str, ...]


class Schema(NamedTuple):
    """The columns of a kind of table.

    Args:
        columns: Dictionary from the name of each column to its type: `str`,
            `int`, `float`, `bool`, or `"Int64"` or `"Float64"` for numbers
            that may be missing.
        key: The columns that say what was run; no two rows agree in all.
    """

    columns: Mapping[str, type | str]
    key: tuple[str, ...]

    def key_of(self, row: Mapping[str, object]) -> Key:
        """Return what was run in a row, as text."""
        return tuple(str(row[name]) for name in self.key)

    def text(self, rows: Iterable[Mapping[str, object]]) -> bytes:
        """Return rows as lines of a file."""
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, list(self.columns), lineterminator="\n")
        writer.writerows(rows)
        return text.getvalue().encode("utf-8")

    @property
    def heading(self) -> dict[str, str]:
        """The first line of a file, as a row."""
        return {name: name for name in self.columns}


RUNS = Schema(COLUMNS, tuple(SETTINGS))


class Table:
    """A `.csv` file of results, shared by any number of processes.

    Rows are appended under a lock, each by one write, and none is ever
    removed but by `remove`. Whoever is killed leaves at most the beginning of
    a line behind, which the next one to write cuts off.

    Args:
        path: The file; it need not exist.
        schema: The `Schema` of its rows. Default: that of runs.

    Raises:
        ValueError: If the file is damaged or holds something else.
    """

    def __init__(self, path: str | os.PathLike, schema: Schema = RUNS):
        self.path, self.schema = pathlib.Path(path), schema
        # Hidden beside the table; an empty file that stays.
        self._lock = FileLock(self.path.parent / f".{self.path.name}.lock")
        self._forget()
        self.rows()

    def _forget(self) -> None:
        """Read the file from its beginning next time."""
        self._end = 0
        self._file: int | None = None
        self._rows: dict[Key, dict[str, str]] = {}

    def rows(self) -> dict[Key, dict[str, str]]:
        """Return the rows as text, by their keys."""
        return dict(self._read_on())

    def _read_on(self) -> dict[Key, dict[str, str]]:
        """Read what others have written since; return all rows."""
        if not self.path.exists():
            self._forget()
            return self._rows
        now = self.path.stat()
        if now.st_ino != self._file:  # it was written anew
            self._forget()
            self._file = now.st_ino
        if now.st_size > self._end:
            with open(self.path, "rb") as file:
                file.seek(self._end)
                data = file.read()
            if self._end:
                whole = data[: data.rfind(b"\n") + 1]
                rows = _read(whole, self.path, self.schema, heading=False)
                self._end += len(whole)
            else:
                rows, torn = _whole_rows(data, self.path, self.schema)
                self._end = len(data) - len(torn)
            for row in rows:
                self._rows.setdefault(self.schema.key_of(row), row)
        return self._rows

    def append(self, row: Mapping[str, object]) -> bool:
        """Add a row, unless there is one of its key; say whether it was added.

        Raises:
            OSError: If it cannot be written; the table stays as it was.
        """
        with self._lock:
            if self.schema.key_of(row) in self._read_on():
                return False
            rows = [row] if self._end else [self.schema.heading, row]
            with open(
                self.path, "r+b" if self.path.exists() else "w+b"
            ) as file:
                file.truncate(self._end)
                file.seek(self._end)
                try:
                    file.write(self.schema.text(rows))
                    file.flush()
                    os.fsync(file.fileno())
                except OSError:
                    file.truncate(self._end)
                    raise
            self._read_on()
        return True

    def remove(self, keys: Iterable[Key]) -> None:
        """Remove the rows of some keys, if there are any."""
        keys = set(keys)
        if keys & self.rows().keys():
            self._rewrite(lambda row: self.schema.key_of(row) not in keys)

    def arrange(self, names: Sequence[str]) -> None:
        """Sort the rows by their first column, in the order of some names.

        Others come after them, by name; rows of one name stand in the order
        of their seeds.
        """
        order = {name: number for number, name in enumerate(names)}
        first = next(iter(self.schema.columns))

        def place(row):
            name, key = row[first], self.schema.key_of(row)
            return order.get(name, len(order)), name, int(row["seed"]), key

        self._rewrite(lambda row: True, place)

    def _rewrite(self, keep: Callable, place: Callable | None = None) -> None:
        """Write the rows that stay, in an order, completely or not at all."""
        with self._lock:
            rows = [row for row in self.rows().values() if keep(row)]
            rows = sorted(rows, key=place) if place else rows
            text = self.schema.text([self.schema.heading, *rows])
            if self.path.exists() and text == self.path.read_bytes():
                return
            with replacing(self.path) as temporary:
                pathlib.Path(temporary).write_bytes(text)
            self._forget()
            self.rows()

    def frame(self, keys: Iterable[Key] | None = None) -> pd.DataFrame:
        """Return the rows with their types, those of some keys if given."""
        rows = self.rows()
        wanted = rows if keys is None else [key for key in keys if key in rows]
        return _typed([rows[key] for key in wanted], self.schema)


def results(path: str | os.PathLike, schema: Schema = RUNS) -> pd.DataFrame:
    """Read a table of results.

    Args:
        path: The `.csv` file that `memnets compare` or `memnets experiments`
            wrote, whole or still growing. A last line that was cut short is
            left out, with a warning.
        schema: The `Schema` of its rows. Default: that of runs.

    Returns:
        A pandas `DataFrame`, a row for each run. `mastered`, `correct` and
        `deviation` are those of the final exam; `mastered_after` is the
        episode of the first exam that was passed, missing if none was.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is damaged or holds something else.
    """
    data = pathlib.Path(path).read_bytes()
    rows, torn = _whole_rows(data, path, schema)
    if torn:
        warnings.warn(
            f"{os.fspath(path)}: the last line was cut short and is left out",
            RuntimeWarning,
            stacklevel=2,
        )
    return _typed(rows, schema)


def merge(
    paths: Iterable[str | os.PathLike], out: str | os.PathLike
) -> pd.DataFrame:
    """Add the rows of several tables to one; a run counts once.

    Args:
        paths: The `.csv` files to read.
        out: The `.csv` file to add to; it need not exist.

    Raises:
        FileNotFoundError: If one of the files is missing.
        ValueError: If one of them is damaged, or two of them hold different
            results of the same run.
    """
    found: dict[Key, dict[str, str]] = {}
    tables = [(path, results_as_text(path)) for path in paths]
    target = Table(out)
    for path, rows in [(out, target.rows().values()), *tables]:
        for row in rows:
            known = found.setdefault(key_of(row), row)
            for name in ("mastered", "correct", "deviation", "mastered_after"):
                if known[name] != row[name]:
                    raise ValueError(
                        f"{os.fspath(path)} must agree with the others about "
                        f"{row['experiment']}, seed {row['seed']}: its {name} "
                        f"is {row[name]}, elsewhere {known[name]}"
                    )
    for row in found.values():
        target.append(row)
    return target.frame()


def results_as_text(path: str | os.PathLike) -> list[dict[str, str]]:
    """Read the whole lines of a table, as text."""
    return _whole_rows(pathlib.Path(path).read_bytes(), path, RUNS)[0]


def key_of(row: Mapping[str, object]) -> Key:
    """Return what was run in a row, as text: all settings and the seed."""
    return RUNS.key_of(row)


def _whole_rows(
    data: bytes, path, schema: Schema
) -> tuple[list[dict[str, str]], bytes]:
    """Return the rows of the whole lines of a file, and what is left."""
    whole, newline, torn = data.rpartition(b"\n")
    # A file that was cut in its first line has the beginning of the heading.
    heading = schema.text([schema.heading])
    if not newline and not heading.startswith(torn):
        torn, whole, newline = b"", torn, b"\n"
    return _read(whole + newline, path, schema, heading=True), torn


def _read(
    data: bytes, path, schema: Schema, heading: bool
) -> list[dict[str, str]]:
    """Return the rows of whole lines, refusing any but a table's."""
    try:
        lines = list(csv.reader(io.StringIO(data.decode("utf-8")), strict=True))
        if heading and lines and lines.pop(0) != list(schema.columns):
            raise ValueError("it has other columns")
        rows = [dict(zip(schema.columns, line, strict=True)) for line in lines]
        _typed(rows, schema)
    except (csv.Error, UnicodeDecodeError, ValueError, TypeError) as error:
        raise ValueError(
            f"{os.fspath(path)} is not a table of results that memnets wrote, "
            f"or it is damaged"
        ) from error
    return rows


def _typed(rows: Sequence[Mapping[str, str]], schema: Schema) -> pd.DataFrame:
    """Return rows of text with the types of their columns."""
    frame = pd.DataFrame(rows, columns=list(schema.columns), dtype=str)
    for name, kind in schema.columns.items():
        if kind is bool:
            if not frame[name].isin(["True", "False"]).all():
                raise ValueError(f"{name} must be True or False")
            frame[name] = frame[name] == "True"
        elif kind in ("Int64", "Float64"):
            numbers = pd.to_numeric(frame[name].replace("", None))
            frame[name] = numbers.astype(kind)
        elif kind is not str:
            frame[name] = frame[name].astype(kind)
    return frame


def summary(frame: pd.DataFrame) -> str:
    """Return a table as text: a line for each experiment, over its seeds.

    Episodes to mastery are counted to the first exam passed, over the seeds
    that passed one; an exam is held every 25 episodes. Brackets hold the 10 %
    and 90 % quantiles.
    """
    lines = [
        f"{'experiment':26}{'mastered':>10}{'ever':>8}"
        f"{'episodes to mastery':>22}{'deviation':>30}"
    ]
    for name, own in frame.groupby("experiment", sort=False):
        when, count = own["mastered_after"].dropna(), len(own)
        lines.append(
            f"{name:26}{own['mastered'].sum():>7}/{count}"
            f"{len(when):>5}/{count}{_spread(when, '.0f'):>22}"
            f"{_spread(own['deviation'], '.2g'):>30}"
        )
    return "\n".join(lines)


def _spread(values: pd.Series, form: str) -> str:
    if not len(values):
        return "-"
    low, middle, high = quantiles(values.to_numpy(float))
    return f"{middle:{form}} [{low:{form}} to {high:{form}}]"


def quantiles(values: Sequence[float] | np.ndarray) -> np.ndarray:
    """Return the 10 %, 50 % and 90 % quantiles; values may be infinite."""
    with np.errstate(invalid="ignore"):
        found = np.quantile(values, [0.1, 0.5, 0.9])
    return np.where(np.isnan(found), np.inf, found)
