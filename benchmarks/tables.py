"""The result of a benchmark as Markdown."""

import pathlib
import statistics

from cases import COMMAND, PLAYERS, SEEDS, SHORT, Setting


def page(result: dict) -> str:
    """Return the tables and the conditions they were made in."""
    by_case = {}
    for run in result["runs"]:
        by_case.setdefault(run["case"], []).append(run)
    parts = [TABLES[case](runs) for case, runs in by_case.items()]
    return "\n\n".join([*parts, _conditions(result)])


def write(text: str, name: str = "results") -> None:
    """Put tables between the marks of their name in README.md."""
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    path = pathlib.Path(__file__).with_name("README.md")
    head, found, rest = path.read_text().partition(begin)
    _, ended, tail = rest.partition(end)
    assert found and ended, f"README.md has no marks of {name}"
    path.write_text(f"{head}{begin}\n{text}\n{end}{tail}")


def without(player: str) -> str:
    """Say which player is missing, and why."""
    name, need = PLAYERS[player]
    return f"{name} (needs {need})"


def _pace(runs) -> str:
    groups = _by_player(runs)
    rates = {
        player: [run["episodes"] / run["cpu"] for run in group]
        for player, group in groups.items()
    }
    rows = [
        (
            PLAYERS[player][0],
            spread(rate, 0),
            ratio(rate, rates.get("loop"), 2),
            ratio(rates.get("train"), rate, 2),
            spread([run["loss"] * 1e3 for run in groups[player]], 3),
        )
        for player, rate in rates.items()
    ]
    heading = (
        "player",
        "episodes per CPU-second",
        "times the lecture's loop",
        "memnets is faster by",
        "final loss, 1/1000",
    )
    return table(_title(runs, "after start-up"), heading, rows)


def _process(runs) -> str:
    groups = _by_player(runs)
    times = {
        player: [run["process_cpu"] for run in group]
        for player, group in groups.items()
    }
    rows = [
        (
            PLAYERS[player][0],
            spread(time, 2),
            ratio(times.get("train"), time, 2),
        )
        for player, time in times.items()
    ]
    heading = "player", "CPU-seconds", "memnets takes this part of it"
    title = _title(runs, f"a whole fresh process of {SHORT} episodes")
    return table(title, heading, rows)


def _shapes(runs) -> str:
    by_setting = {}
    for run in runs:
        name = str(Setting(**run["setting"]))
        by_setting.setdefault(name, []).append(run)
    rows = []
    for name, group in by_setting.items():
        players = _by_player(group)
        times = {
            player: [1e3 * run["cpu"] / run["episodes"] for run in own]
            for player, own in players.items()
        }
        for player, time in times.items():
            memory = [run["memory"] / 1e6 for run in players[player]]
            rows.append(
                (
                    name,
                    PLAYERS[player][0],
                    spread(time, 2),
                    ratio(times.get("train"), time, 2),
                    spread(memory, 0),
                )
            )
    heading = (
        "network",
        "player",
        "CPU-milliseconds an episode",
        "memnets takes this part of it",
        "peak memory, MB",
    )
    return table("Longer sequences and larger networks", heading, rows)


def _seeds(runs) -> str:
    rows = [
        (
            PLAYERS[player][0],
            spread([run["episodes"] / run["cpu"] for run in group], 0),
        )
        for player, group in _by_player(runs).items()
    ]
    heading = "player", "seed-episodes per CPU-second"
    title = _title(runs, f"`Experiment.repeat` over {SEEDS} seeds")
    return table(title, heading, rows)


def _command(runs) -> str:
    row = (
        spread([run["wall"] for run in runs], 1),
        spread([run["cpu"] for run in runs], 1),
        spread([run["memory"] / 1e6 for run in runs], 0),
    )
    heading = (
        "seconds on the clock",
        "CPU-seconds",
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
    machine, versions = result["machine"], result["versions"]
    facts = [f"{key} {value}" for key, value in versions.items()]
    facts += [f"{key} {value}" for key, value in machine.items()]
    lines = [
        f"{result['date']}; median (least to most) of {result['repetitions']} "
        f"repetitions, each with weights and sequences of its own; "
        f"{', '.join(facts)}; {result['minutes']} minutes in all."
    ]
    if machine["AVX-512"] != "yes":
        lines.append(
            "Without AVX-512 a vector holds fewer numbers: what is compiled "
            "for the processor, memnets, JAX and C, is slower than with it."
        )
    if result["left_out"]:
        names = ", ".join(map(without, result["left_out"]))
        lines.append(f"Left out: {names}.")
    return "\n".join(lines)


def _title(runs, text: str) -> str:
    name = str(Setting(**runs[0]["setting"]))
    return f"{name[0].upper()}{name[1:]}: {text}"


def _by_player(runs) -> dict[str, list[dict]]:
    """Return the runs of each player, in the order of the repetitions."""
    groups = {}
    for run in runs:
        groups.setdefault(run["player"], []).append(run)
    return groups


def ratio(over, under, digits: int) -> str:
    """Compare within each repetition, which shared the same disturbances."""
    if not over or not under:
        return ""
    return spread([a / b for a, b in zip(over, under)], digits)


def spread(values: list[float], digits: int) -> str:
    """Say the median, and the least and the most."""
    numbers = statistics.median(values), min(values), max(values)
    return "{} ({} to {})".format(*(f"{n:,.{digits}f}" for n in numbers))


def table(title: str, heading, rows) -> str:
    """Return a table as Markdown, under its title."""
    lines = [heading, ["---"] * len(heading), *rows]
    body = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    return f"**{title}**\n\n{body}"
