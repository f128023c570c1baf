"""The command line: `memnets`, or `python -m memnets`."""

from __future__ import annotations

import argparse
import dataclasses
import inspect
import pathlib
import sys
from collections.abc import Iterator

import numpy as np

from memnets import __version__
from memnets.browser import command as playground
from memnets.cells.catalogue import CELLS
from memnets.experiments import catalogue, pool, recordings
from memnets.experiments.compare import (
    USUAL,
    count_parameters,
    field_of,
    side_by_side,
    title_of,
)
from memnets.experiments.experiment import Experiment
from memnets.experiments.fields import fields_of
from memnets.experiments.flags import (
    DASK,
    METAVARS,
    REDO,
    WORKERS,
    add_flags,
    check_writable,
    kept_results,
    workers_of,
)
from memnets.experiments.table import repeat_into
from memnets.records.files import replacing
from memnets.records.outcomes import outcomes, table
from memnets.records.run import Run, loss_landmarks
from memnets.records.tables import merge, summary
from memnets.reproduction import command as reproduction
from memnets.series import command as series
from memnets.tasks import TASKS, Batch, Task
from memnets.tasks.base import check_integer
from memnets.training.recording import Recording

EXAMPLES = """\
examples:
  memnets list
  memnets train recall --units 5 2 --episodes 300 --seed 1 --out run.npz
  memnets train recall --resume run.npz --episodes 3000 --out longer.npz
  memnets figures recall_learning --format svg --style slides --out slides
  memnets experiments recall-lecture recall-mastered --seeds 32
  memnets compare recall --cells lstm gru simple_rnn --seeds 32
  memnets compare recall --cells lstm gru --vary timesteps=20,50,100
  memnets results merge a.csv b.csv --out all.csv
  memnets reproduce 6a 4-1000 --trials 4
  memnets series nile digits --seeds 4
  memnets playground --out playground.html
"""

RUN_FLAGS = (
    ("--record-every", int, "episodes from record to record (default: 1)"),
    (
        "--tell",
        str,
        "where and what the recorded sequence is told, such as 4=0.9",
    ),
    ("--ask", int, "the time steps at which it is asked"),
    ("--sequences", int, "record so many random sequences instead of one"),
    ("--watch", str, "a layer to record too, such as lstm_1"),
    ("--out", pathlib.Path, "the .npz file to keep the run in"),
    ("--save", pathlib.Path, "the .keras file to keep the network in"),
    ("--force", bool, "overwrite files that exist"),
    (
        "--resume",
        pathlib.Path,
        "a run to go on with, to --episodes in all; its network and training "
        "stay what they are",
    ),
)
SEEDS = (
    "--seeds",
    str,
    "how many of each, or a range such as 100-131 (default: 32)",
)
FIGURES_FLAGS = (
    ("names", str, "figures to draw (default: all)"),
    (
        "--run",
        pathlib.Path,
        "a run of one's own to draw; several for answers and loss",
    ),
    ("--title", str, "the title (default: what the figure or the run is)"),
    ("--text", bool, "keep letters in an svg as letters, to be edited"),
    ("--format", str, "png, svg, pdf, and gif, mp4 for films (default: all)"),
    ("--style", str, "slides, slides_dark, notebook (default: the first two)"),
    ("--out", pathlib.Path, "the folder to write to (default: figures)"),
)
EXPERIMENTS_FLAGS = (
    ("names", str, "experiments, or groups of them; see memnets list"),
    SEEDS,
    WORKERS,
    DASK,
    REDO,
    ("--out", pathlib.Path, "the .csv file (default: results.csv)"),
)
COMPARE_FLAGS = (
    (
        "--cells",
        str,
        f"cells to compare (default: {' '.join(USUAL)}); see memnets list",
    ),
    (
        "--vary",
        str,
        "a field and its values, such as timesteps=20,50,100; may be given "
        "again for another field",
    ),
    SEEDS,
    WORKERS,
    DASK,
    REDO,
    ("--out", pathlib.Path, "the .csv file (default: compare.csv)"),
    (
        "--figure",
        pathlib.Path,
        "the .png, .svg or .pdf file of the picture (default: beside the .csv)",
    ),
    ("--style", str, "slides, slides_dark or notebook (default: slides)"),
)
RECORD_FLAGS = (
    ("names", str, "recordings to make (default: all)"),
    ("--out", pathlib.Path, "the folder to write to (default: data/runs)"),
)
# The seconds of training that need no word beforehand.
PATIENCE = 120


class Parser(argparse.ArgumentParser):
    """A parser whose complaints are one line."""

    def error(self, message: str):
        """Print the complaint and leave with exit code 2."""
        self.exit(2, f"{self.prog}: {message}\n")


def main(arguments: list[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: The words after the program's name. Default: `None`, those
            of the process.

    Returns:
        The exit code: 0, or 1 where a training or a worker failed, 2 for bad
        input, 130 where it was interrupted.
    """
    parser = _parser()
    chosen, strange = parser.parse_known_args(arguments)
    if strange:
        chosen.parser.error(
            f"unknown argument {' '.join(strange)}; {chosen.parser.prog} "
            f"--help shows those there are"
        )
    code, complaint = 0, None
    try:
        chosen.command(chosen)
    except (FloatingPointError, RuntimeError) as error:
        code, complaint = 1, str(error)
    except (ValueError, OSError) as error:
        code, complaint = 2, " ".join(str(error).split())
    except KeyboardInterrupt as interrupt:
        code, complaint = 130, f"interrupted; {interrupt}".removesuffix("; ")
    if complaint:
        print(f"{parser.prog}: {complaint}", file=sys.stderr)
    return code


def _parser() -> Parser:
    parser = Parser(
        prog="memnets",
        description="How does a network remember? Train memory tasks, repeat "
        "experiments over seeds, and draw the figures.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(
        title="commands", metavar="COMMAND", required=True
    )
    _add(commands, "list", list_all)
    for own in _add_for_tasks(commands, "train", train):
        _field_flags(own.add_argument_group("the experiment"), Experiment)
        add_flags(own.add_argument_group("the run"), RUN_FLAGS)
    command = _add(commands, "figures", save_figures)
    add_flags(command, FIGURES_FLAGS, lists=("--format", "--style", "--run"))
    add_flags(
        _add(commands, "experiments", repeat_experiments), EXPERIMENTS_FLAGS
    )
    for own in _add_for_tasks(commands, "compare", compare):
        group = own.add_argument_group("the experiments")
        _field_flags(group, Experiment, without=("cell", "seed"))
        add_flags(own.add_argument_group("the comparison"), COMPARE_FLAGS)
    add_flags(_add(commands, "record", record), RECORD_FLAGS)
    command = _add(commands, "reproduce", reproduction.reproduce)
    add_flags(command, reproduction.FLAGS, lists=("--methods",))
    add_flags(_add(commands, "series", series.forecast_series), series.FLAGS)
    command = _add(commands, "playground", playground.save_playground)
    add_flags(command, playground.FLAGS, lists=("--run",))
    about = "work with tables of results"
    tables = commands.add_parser("results", help=about, description=about)
    kinds = tables.add_subparsers(metavar="COMMAND", required=True)
    command = _add(kinds, "merge", merge_results)
    command.add_argument("names", nargs="+", metavar="FILE", help="tables")
    where = {"type": pathlib.Path, "metavar": "PATH", "required": True}
    command.add_argument("--out", help="the .csv file to add to", **where)
    return parser


def _add(commands, name: str, command) -> Parser:
    """Add a command, described by its docstring."""
    first, _, rest = inspect.getdoc(command).partition("\n")
    added = commands.add_parser(
        name,
        help=first[0].lower() + first[1:-1],
        description=f"{first} {rest.strip()}",
        # One letter lies between --seed and --seeds.
        allow_abbrev=False,
    )
    added.set_defaults(command=command, parser=added)
    return added


def _add_for_tasks(commands, name: str, command) -> Iterator[Parser]:
    """Add a command of a task; yield the parser of each task.

    A task's flags are the fields of its class.
    """
    added = _add(commands, name, command)
    tasks = added.add_subparsers(
        title="tasks", metavar="TASK", dest="task", required=True
    )
    for kind in TASKS.values():
        about = inspect.getdoc(kind).splitlines()[0]
        own = tasks.add_parser(
            kind.name,
            help=about,
            description=f"{about} {inspect.getdoc(command)}",
            allow_abbrev=False,
        )
        own.set_defaults(parser=own)
        _field_flags(own.add_argument_group("the task"), kind)
        yield own


def _field_flags(parser, kind: type, without: tuple[str, ...] = ()) -> None:
    """Add a flag for each field, typed and described as its class has it."""
    for field in fields_of(kind).values():
        if field.name in without:
            continue
        options = {
            "help": field.about.replace("%", "%%"),
            "default": argparse.SUPPRESS,
        }
        if field.kind is bool:
            parser.add_argument(field.flag, action="store_true", **options)
            continue
        parser.add_argument(
            field.flag,
            type=field.kind,
            nargs="+" if field.several else None,
            metavar=METAVARS[field.kind],
            **options,
        )


def list_all(chosen) -> None:
    """List the tasks, cells, experiments, figures and recordings."""
    from memnets.figures.catalogue import FIGURES

    found = {}
    for group, members in catalogue.CATALOGUE.items():
        one, first = next(iter(members.items()))
        if list(members) == list(CELLS):
            alike = str(first).removeprefix(one)
            found[f"{group}/CELL"] = f"each cell{alike}"
        else:
            found.update(catalogue.find(group))
    catalogues = {
        "tasks": {k: v.__doc__.splitlines()[0] for k, v in TASKS.items()},
        "cells": {k: v.about for k, v in CELLS.items()},
        "experiments": {k: str(v) for k, v in found.items()},
        "figures": {k: v.title for k, v in FIGURES.items()},
        "recordings": {
            k: f"{v.experiment}: {v.about}"
            for k, v in recordings.RECORDINGS.items()
        },
    }
    for title, lines in catalogues.items():
        print(f"{title}:")
        for name, text in lines.items():
            print(f"  {name:27} {text}")


def train(chosen) -> None:
    """Train a network on a task.

    What is not given is as in the lecture, or, of a task that is not from it,
    as in the table of cells. Ctrl-C ends the training early and keeps the run
    so far.
    """
    before = getattr(chosen, "resume", None)
    if before is not None:
        before = Run.load(before)
        experiment = _resumed(vars(chosen), before)
    else:
        experiment = _experiment(vars(chosen), "lecture", "cells")
    out, save = getattr(chosen, "out", None), getattr(chosen, "save", None)
    for path, ending, flag in (
        (out, ".npz", "--out"),
        (save, ".keras", "--save"),
    ):
        if path is not None:
            check_writable(path, ending, flag=flag)
            if path.exists() and not chosen.force:
                raise ValueError(
                    f"{flag} must be a new file, or --force given to overwrite "
                    f"it, got {path}"
                )
    recording = Recording(
        _probe(chosen, experiment.task, before),
        every=_record_every(chosen, before),
        watch=getattr(chosen, "watch", None),
        exam_every=experiment.episodes,
    )
    experiment.check()
    _warn_if_long(experiment)
    run = experiment.run(recording, before=before)
    print(_verdict(experiment, run))
    if out is not None:
        run.save(out)
        print(f"the run is kept in {out}")
    if save is not None:
        with replacing(save) as temporary:
            run.model().save(temporary)
        print(f"the network is kept in {save}")
    if run.settings.get("interrupted"):
        kept = f"the {run.settings['episodes']} episodes so far are in {out}"
        raise KeyboardInterrupt(kept if out else "nothing is kept: no --out")


def _warn_if_long(experiment: Experiment) -> None:
    """Say how long a training takes, if it is minutes."""
    if pool.seconds(experiment) > PATIENCE:
        minutes = pool.seconds(experiment) / 60
        print(
            f"{experiment.episodes} episodes take about {minutes:,.0f} minutes",
            file=sys.stderr,
        )


def _probe(chosen, task: Task, before: Run | None) -> Batch:
    """Return the sequences to record: the same for every seed."""
    tells, asks = getattr(chosen, "tell", []), getattr(chosen, "ask", [])
    count = getattr(chosen, "sequences", None)
    if before is not None:
        given = ("tell", "ask", "sequences", "watch")
        for flag in [flag for flag in given if hasattr(chosen, flag)]:
            raise ValueError(
                f"--{flag} must be left out with --resume: the run has its own"
            )
        return before.probe
    if count is not None:
        if tells or asks:
            raise ValueError("--sequences and --tell must not both be given")
        check_integer("sequences", count, 1)
        return task.sample(count, np.random.default_rng(0))
    if not tells and not asks:
        return task.example()
    return task.by_hand(dict(map(_tell, tells)), asks)


def _tell(said: str) -> tuple[int, float]:
    """Return time step and value of a tell."""
    step, _, value = said.partition("=")
    try:
        return int(step), float(value)
    except ValueError:
        raise ValueError(
            f"--tell must be a time step and a value, such as 4=0.9, got {said}"
        ) from None


def _record_every(chosen, before: Run | None) -> int:
    """Return the distance of the records: that of a run that goes on."""
    given = getattr(chosen, "record_every", None)
    if before is None:
        return 1 if given is None else given
    kept = before.settings["record_every"]
    if given not in (None, kept):
        raise ValueError(
            f"--record-every must be {kept}, as the run has it, got {given}"
        )
    return kept


def _resumed(given: dict, before: Run) -> Experiment:
    """Return a run's experiment, with as many episodes as were asked for."""
    made = Experiment.of(before)
    if given["task"] != made.task.name:
        raise ValueError(
            f"task must be {made.task.name}, which the run learned, got "
            f"{given['task']!r}"
        )
    fields = _field_names(Experiment) | _field_names(type(made.task))
    for field in sorted(fields - {"episodes", "task"}):
        if field in given:
            raise ValueError(
                f"--{field.replace('_', '-')} must be left out with --resume: "
                f"the run has its own"
            )
    episodes = given.get("episodes", made.episodes)
    return dataclasses.replace(made, episodes=episodes)


def _experiment(given: dict, *kinds: str) -> Experiment:
    """Return a task's experiment with the flags that were given."""
    kind = TASKS[given["task"]]
    task = kind(**{k: given[k] for k in _field_names(kind) & given.keys()})
    names = _field_names(Experiment) & given.keys()
    fields = {name: given[name] for name in names}
    if fields.get("readout") == "none":
        fields["readout"] = None
    start = catalogue.starting(task, *kinds)
    return dataclasses.replace(start, **{**fields, "task": task})


def _field_names(kind: type) -> set[str]:
    return {field.name for field in dataclasses.fields(kind)}


def _verdict(experiment: Experiment, run: Run) -> str:
    """Say in a few lines what a network learned."""
    landmarks = ", ".join(
        f"{name} {value:.2g}" for name, value in loss_landmarks(run).items()
    )
    said = f" ({landmarks})" if landmarks else ""
    lines = [
        f"{run.task.name}: {experiment}, seed {experiment.seed}",
        f"loss {run.losses[0]:.2g} at first, {run.losses[-20:].mean():.2g} "
        f"over the last 20 of {len(run.losses)} episodes{said}",
    ]
    if len(run.losses) == experiment.episodes:
        passed = "" if run.mastery else "not "
        lines.append(
            f"{run.scores[-1]:.1%} of the exam's sequences correct: "
            f"{passed}mastered"
        )
    return "\n".join(lines)


def save_figures(chosen) -> None:
    """Draw figures for slides from recorded runs.

    A film in the format of a still is its last frame.
    """
    # Matplotlib takes a while, and whoever trains needs none.
    from memnets.figures import catalogue as figures

    runs = getattr(chosen, "run", None)
    formats = getattr(chosen, "format", None)
    styles = getattr(chosen, "style", ("slides", "slides_dark"))
    title = getattr(chosen, "title", None)
    for flag, given in (("--run", runs), ("--title", title)):
        if given is not None and not chosen.names:
            raise ValueError(f"{flag} needs the NAME of the figure to draw")
    every = figures.FIGURES.items()
    names = chosen.names or [k for k, v in every if not v.needs_run]
    for name in names:
        figures.check(name, formats, styles)
    out = getattr(chosen, "out", pathlib.Path("figures"))
    for name in names:
        written = figures.save_figure(
            name, out, formats, styles, runs, title=title, text=chosen.text
        )
        print(*written, sep="\n")


def repeat_experiments(chosen) -> None:
    """Repeat experiments over seeds and write a table.

    A row is written as soon as its run ends; the same command goes on where
    it was stopped.
    """
    if not chosen.names:
        raise ValueError("experiments needs the NAME of one; see memnets list")
    out = getattr(chosen, "out", pathlib.Path("results.csv"))
    check_writable(out, ".csv")
    found = catalogue.find(*chosen.names)
    frame = _repeat_into(chosen, out, found, _seeds(chosen))
    print(summary(frame))
    print(f"a row for each run is in {out}")


def compare(chosen) -> None:
    """Compare cells on a task: which learns it, how fast, how surely.

    With --vary, the same for each value of a field of the task or the
    experiment. A row is written as soon as its run ends; the same command goes
    on where it was stopped, and draws the picture when all is done.
    """
    start = _experiment(vars(chosen), "cells")
    cells = getattr(chosen, "cells", USUAL)
    vary = dict(_varied(start, said) for said in getattr(chosen, "vary", ()))
    compared = side_by_side(start, cells, vary)
    out = getattr(chosen, "out", pathlib.Path("compare.csv"))
    figure = getattr(chosen, "figure", out.with_suffix(".png"))
    check_writable(out, ".csv")
    check_writable(figure, ".png", ".svg", ".pdf", flag="--figure")
    seeds = _seeds(chosen)
    # Matplotlib takes a while, and whoever trains needs none.
    from memnets.figures.comparison import check_style, save_comparison

    style = check_style(getattr(chosen, "style", "slides"))
    frame = _repeat_into(chosen, out, compared, seeds)
    found = outcomes(frame)
    print(table(found, count_parameters(compared)))
    title = title_of(start, len(seeds), vary)
    save_comparison(found, title, figure, style, vary)
    print(f"a row for each run is in {out}, the picture in {figure}")


def _repeat_into(chosen, out, experiments, seeds):
    """Repeat experiments into a table, as the flags say."""
    with workers_of(chosen) as workers, kept_results(out, "runs"):
        return repeat_into(out, experiments, seeds, redo=chosen.redo, **workers)


def _seeds(chosen) -> range:
    """Return the seeds: so many from 0, or a range with both ends."""
    said = getattr(chosen, "seeds", "32")
    first, dash, last = said.partition("-")
    try:
        seeds = range(int(first), int(last) + 1) if dash else range(int(said))
    except ValueError:
        seeds = range(0)
    if not seeds:
        raise ValueError(
            f"--seeds must be a number of at least 1 or a range such as "
            f"100-131, got {said}"
        )
    return seeds


def _varied(start: Experiment, said: str) -> tuple[str, list[object]]:
    """Return a field and its values from what --vary says."""
    name, sign, values = said.partition("=")
    name = name.replace("-", "_")
    if not sign or not all(values.split(",")):
        raise ValueError(
            f"--vary must be a field and its values, such as "
            f"timesteps=20,50, got {said!r}"
        )
    field = field_of(start, name)
    return name, [field.parse(value) for value in values.split(",")]


def merge_results(chosen) -> None:
    """Add the rows of several tables to one; a run counts once."""
    check_writable(chosen.out, ".csv")
    frame = merge(chosen.names, chosen.out)
    print(f"{len(frame)} rows are in {chosen.out}")


def record(chosen) -> None:
    """Train again what the figures are drawn from.

    From the same seed, versions and kind of processor come the same arrays.
    """
    for name in chosen.names:
        recordings.check(name)
    for name in chosen.names or recordings.RECORDINGS:
        print(recordings.record(name, getattr(chosen, "out", None)))


if __name__ == "__main__":
    sys.exit(main())
