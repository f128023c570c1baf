"""The command `memnets series`."""

from __future__ import annotations

import pathlib
import sys
from collections.abc import Iterator

import pandas as pd

from memnets.experiments.flags import check_writable
from memnets.records import series as records
from memnets.records.files import replacing
from memnets.records.series import interval
from memnets.records.tables import Schema, results
from memnets.series.preparation import needs
from memnets.tasks.base import check_integer

NAMES = (*records.SERIES, "random-walk", "river", "digits")
FLAGS = (
    ("names", str, f"what to test, of {', '.join(NAMES)} (default: all)"),
    ("--seeds", int, "how many networks of each (default: 10)"),
    ("--out", pathlib.Path, "the folder of the tables (default: this one)"),
)
TABLES = {
    "series.csv": records.ERRORS,
    "series_forecasts.csv": records.FORECASTS,
    "digits.csv": records.DIGITS,
}


def forecast_series(chosen) -> None:
    """Forecast measured series, and read images row by row.

    Small LSTMs are compared with simple and classical forecasters, step by
    step through the last fifth of each series. The tables are series.csv,
    series_forecasts.csv and digits.csv; what is tested replaces its own rows.
    """
    for name in chosen.names:
        if name not in NAMES:
            raise ValueError(
                f"names must be out of {', '.join(NAMES)}, got {name!r}"
            )
    out = getattr(chosen, "out", pathlib.Path("."))
    count = getattr(chosen, "seeds", 10)
    check_integer("--seeds", count, 1)
    if not out.is_dir():
        raise ValueError(f"--out must be a folder that exists, got {out}")
    for file in TABLES:
        check_writable(out / file, ".csv")
    _check_installed()
    for name in chosen.names or NAMES:
        print(f"testing {name}", file=sys.stderr)
        for file, rows in _tested(name, range(count)).items():
            frame = _replace(out / file, TABLES[file], name, rows)
        print(summary(frame if name == "digits" else errors_of(out), name))
    print(f"the tables are in {out}")


def _check_installed() -> None:
    """Refuse to begin without the packages of the extra."""
    try:
        needs("sklearn", "memnets series")
        needs("statsmodels", "memnets series")
    except ModuleNotFoundError as error:
        raise ValueError(str(error)) from error


def _tested(name: str, seeds: range) -> dict[str, list]:
    """Return the new rows of each table."""
    from memnets.series import digits, study

    if name == "digits":
        return {"digits.csv": list(digits.study_digits(seeds))}
    synthetic = {"river": study.study_river, "random-walk": study.study_walk}
    if name in synthetic:
        found = synthetic[name](seeds)
    else:
        found = study.study(name, seeds)
    return dict(zip(TABLES, found))


def _replace(path, schema: Schema, name: str, rows: list) -> pd.DataFrame:
    """Replace the rows of one series in a table, whole or not at all."""
    kept = []
    if path.exists() and "series" in schema.columns:
        old = results(path, schema)
        old = old[old["series"] != name].astype(object)
        kept = old.where(old.notna(), "").to_dict("records")
    whole = [*kept, *rows]
    if "series" in schema.columns:
        order = {known: number for number, known in enumerate(NAMES)}
        whole.sort(key=lambda row: order.get(row["series"], -1))
    with replacing(path) as temporary:
        text = schema.text([schema.heading, *whole])
        pathlib.Path(temporary).write_bytes(text)
    return results(path, schema)


def errors_of(folder: pathlib.Path) -> pd.DataFrame:
    """Read a table of errors in a folder."""
    return results(folder / "series.csv", records.ERRORS)


def summary(frame: pd.DataFrame, name: str) -> str:
    """Return what came out for one series, or for the digits, as text.

    Args:
        frame: A table of errors, or one of digits.
        name: String, the name of the series, or `"digits"`.
    """
    if name == "digits":
        own, value = frame[frame["rows"] == 8], "correct"
        title, column = "digits: share of test images correct", "model"
    else:
        own, value = frame[frame["series"] == name], "rmse"
        least = own["steps"].min()
        own = own[(own["steps"] == least) & (own["step"] == least)]
        ahead = "one step" if least == 1 else f"{least} steps"
        title = f"{name}: root mean squared error, {ahead} ahead"
        column = "forecaster"
    return "\n".join([title, *_lines(own, column, value)])


def _lines(frame: pd.DataFrame, column: str, value: str) -> Iterator[str]:
    for name, own in frame.groupby(column, sort=False):
        numbers = own[value].to_numpy()
        mean, low, high = interval(numbers)
        line = f"  {name:28} {mean:8.4g}"
        if len(numbers) > 1:
            line += (
                f"  95 % interval {low:.4g} to {high:.4g}, "
                f"{len(numbers)} seeds from {numbers.min():.4g} to "
                f"{numbers.max():.4g}"
            )
        yield line
