"""The results of the benchmarks as Markdown."""

import pathlib
import statistics

from cases import COMMAND, IMPLEMENTATIONS, SEEDS, SHORT_RUN, Setting
from tabulate import tabulate


def page(result: dict) -> str:
    """Return the tables, and the conditions of the measurement."""
    by_case = _grouped(result["runs"], lambda run: run["case"])
    parts = [TABLES[case](runs) for case, runs in by_case.items()]
    return "\n\n".join([*parts, _conditions(result)])


def write(text: str, name: str = "results") -> None:
    """Put text between the markers of that name in README.md."""
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    path = pathlib.Path(__file__).with_name("README.md")
    head, found, rest = path.read_text().partition(begin)
    _, ended, tail = rest.partition(end)
    assert found and ended, f"README.md has no markers of {name}"
    path.write_text(f"{head}{begin}\n{text}\n{end}{tail}")


def missing(name: str) -> str:
    """Name an implementation that cannot run, and what it needs."""
    left_out = IMPLEMENTATIONS[name]
    return f"{left_out.title} (needs {left_out.needs})"


def _pace(runs) -> str:
    groups = _by_implementation(runs)
    rates = {name: _rates(group) for name, group in groups.items()}
    rows = [
        (
            IMPLEMENTATIONS[name].title,
            spread(rate, 0),
            ratio(rate, rates.get("loop"), 2),
            ratio(rates.get("train"), rate, 2),
            spread([run["loss"] * 1e3 for run in groups[name]], 3),
        )
        for name, rate in rates.items()
    ]
    heading = (
        "implementation",
        "episodes per CPU second",
        "speed / the lecture's loop",
        "memnets / this speed",
        "final loss in thousandths",
    )
    return table(_title(runs, "after start-up"), heading, rows)


def _process(runs) -> str:
    times = {
        name: [run["process_cpu"] for run in group]
        for name, group in _by_implementation(runs).items()
    }
    rows = [
        (
            IMPLEMENTATIONS[name].title,
            spread(time, 2),
            ratio(times.get("train"), time, 2),
        )
        for name, time in times.items()
    ]
    heading = "implementation", "CPU seconds", "memnets / this time"
    title = _title(runs, f"a whole fresh process of {SHORT_RUN} episodes")
    return table(title, heading, rows)


def _shapes(runs) -> str:
    rows = []
    by_setting = _grouped(runs, lambda run: str(Setting(**run["setting"])))
    for network, group in by_setting.items():
        groups = _by_implementation(group)
        times = {
            name: [1e3 * run["cpu"] / run["episodes"] for run in own]
            for name, own in groups.items()
        }
        rows += [
            (
                network,
                IMPLEMENTATIONS[name].title,
                spread(time, 2),
                ratio(times.get("train"), time, 2),
                spread([run["memory"] / 1e6 for run in groups[name]], 0),
            )
            for name, time in times.items()
        ]
    heading = (
        "network",
        "implementation",
        "CPU milliseconds per episode",
        "memnets / this time",
        "peak memory, MB",
    )
    return table("Longer sequences and larger networks", heading, rows)


def _seeds(runs) -> str:
    rows = [
        (IMPLEMENTATIONS[name].title, spread(_rates(group), 0))
        for name, group in _by_implementation(runs).items()
    ]
    heading = "implementation", "episodes of all seeds per CPU second"
    return table(_title(runs, f"`repeat` over {SEEDS} seeds"), heading, rows)


def _command(runs) -> str:
    row = (
        spread([run["wall"] for run in runs], 1),
        spread([run["cpu"] for run in runs], 1),
        spread([run["memory"] / 1e6 for run in runs], 0),
    )
    heading = (
        "wall-clock seconds",
        "CPU seconds",
        "peak memory of all its processes, MB",
    )
    return table(f"`python -m memnets {COMMAND}`", heading, [row])


TABLES = {
    "pace": _pace,
    "process": _process,
    "shapes": _shapes,
    "seeds": _seeds,
    "command": _command,
}


def _conditions(result) -> str:
    machine = result["machine"]
    lines = [
        conditions(
            result["date"],
            f"{result['repetitions']} repetitions, each with its own weights "
            f"and sequences",
            {**result["versions"], **machine},
            result["minutes"],
        )
    ]
    if machine["AVX-512"] != "yes":
        lines.append(
            "Without AVX-512 a vector holds fewer numbers. memnets, JAX and C "
            "are compiled for the processor, so they are slower than with it."
        )
    if result["left_out"]:
        names = ", ".join(map(missing, result["left_out"]))
        lines.append(f"Left out: {names}.")
    return "\n".join(lines)


def conditions(
    date: str, repetitions: str, versions: dict[str, str], minutes: float
) -> str:
    """Say when, how often and on what a table was measured."""
    return (
        f"{date}; median (minimum to maximum) of {repetitions}; "
        f"{facts(versions)}; {minutes:.1f} minutes in all."
    )


def facts(found: dict[str, str]) -> str:
    """Return names and values as one line."""
    return ", ".join(f"{name} {value}" for name, value in found.items())


def _title(runs, text: str) -> str:
    name = str(Setting(**runs[0]["setting"]))
    return f"{name[0].upper()}{name[1:]}: {text}"


def _by_implementation(runs) -> dict[str, list[dict]]:
    return _grouped(runs, lambda run: run["implementation"])


def _grouped(runs, key) -> dict[str, list[dict]]:
    """Return the runs of each key, in the order of the repetitions."""
    groups = {}
    for run in runs:
        groups.setdefault(key(run), []).append(run)
    return groups


def _rates(runs) -> list[float]:
    """Return the episodes per CPU second of each run."""
    return [run["episodes"] / run["cpu"] for run in runs]


def ratio(over, under, digits: int) -> str:
    """Compare within each repetition, where the load was the same."""
    if not over or not under:
        return ""
    return spread([a / b for a, b in zip(over, under)], digits)


def spread(values: list[float], digits: int) -> str:
    """Return the median, and the minimum and the maximum, as text."""
    numbers = statistics.median(values), min(values), max(values)
    return "{} ({} to {})".format(*(f"{n:,.{digits}f}" for n in numbers))


def table(title: str, heading, rows) -> str:
    """Return a table as Markdown, under its title."""
    # The cells are text with chosen digits: they stay as they are.
    plain = {"disable_numparse": True, "stralign": None}
    return f"**{title}**\n\n{tabulate(rows, heading, 'github', **plain)}"
