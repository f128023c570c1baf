"""Build, run and address the notebooks: `python notebooks/builder.py`."""

from __future__ import annotations

import argparse
import base64
import hashlib
import io
import json
import os
import pathlib
import re
import sys
import time

# No notebook may take longer than this on two cores, in seconds.
LIMIT = 60
METADATA = {
    "kernelspec": {
        "display_name": "Python 3",
        "language": "python",
        "name": "python3",
    },
    "language_info": {"name": "python"},
}
BADGE = "[![Open In Colab](https://colab.research.google.com/assets/"
SOLUTION = re.compile(
    r"<summary>Solution</summary>.*?```python\n(.*?)```", re.DOTALL
)

# The colours of a terminal, which the traceback of a cell brings along.
COLOR = re.compile(r"\x1b\[[0-9;]*m")


class Failed(RuntimeError):
    """A cell of a notebook raised an error."""


def sources(root: str | os.PathLike, names=None) -> list[pathlib.Path]:
    """Return the notebooks' source files.

    Args:
        root: The folder of the clone.
        names: Iterable of strings such as `"01_recall"`. Default: `None`, all.

    Returns:
        A sorted list of paths.

    Raises:
        ValueError: If there is no notebook of a name.
    """
    folder = pathlib.Path(root) / "notebooks" / "source"
    known = {path.stem: path for path in sorted(folder.glob("*.py"))}
    names = list(known) if names is None else list(names)
    for name in names:
        if name not in known:
            raise ValueError(
                f"notebook must be one of {', '.join(known)}, got {name!r}"
            )
    return [known[name] for name in names]


def target(source: pathlib.Path) -> pathlib.Path:
    """Return the notebook that is made from a source file."""
    return source.parent.parent / f"{source.stem}.ipynb"


def build(root: str | os.PathLike, names=None) -> list[pathlib.Path]:
    """Execute the sources and write the notebooks with their outputs.

    Args:
        root: The folder of the clone.
        names: As in `sources`.

    Returns:
        The paths that were written.

    Raises:
        Failed: If a cell raises an error; nothing is written then.
        ValueError: If there is no notebook of a name.
    """
    write_badges(root)
    written = []
    for source in sources(root, names):
        notebook = read_source(source)
        seconds = execute(notebook, source.parent.parent)
        _tidy(notebook)
        _write_json(target(source), notebook)
        print(f"{target(source).name}: {seconds:.0f} s")
        written.append(target(source))
    return written


def read_source(source: str | os.PathLike):
    """Read a source file as a notebook without outputs."""
    import jupytext

    notebook = jupytext.read(source, fmt="py:percent")
    notebook.metadata = METADATA
    seen: dict[str, int] = {}
    for cell in notebook.cells:
        # An id of the text alone: unchanged cells keep theirs, and the
        # repository's address is not part of it.
        text = f"{cell.cell_type} {_unbadged(_readdress(cell.source, ''))}"
        name = hashlib.sha256(text.encode()).hexdigest()[:8]
        seen[name] = seen.get(name, 0) + 1
        cell.id = name if seen[name] == 1 else f"{name}-{seen[name]}"
    return notebook


def execute(
    notebook, folder: str | os.PathLike, solutions: bool = False
) -> float:
    """Execute a notebook on a fresh kernel, its outputs in place.

    Args:
        notebook: An `nbformat` notebook.
        folder: The folder to run in.
        solutions: Boolean, whether to run the exercises' solutions
            afterwards, in the notebook's namespace. Default: `False`.

    Returns:
        The seconds it took from the start of the kernel to the last cell,
        without the solutions.

    Raises:
        Failed: If a cell raises an error.
    """
    import nbclient

    client = nbclient.NotebookClient(
        notebook,
        timeout=10 * LIMIT,
        kernel_name="python3",
        resources={"metadata": {"path": os.fspath(folder)}},
        record_timing=False,
    )
    try:
        return _execute(client, find_solutions(notebook) if solutions else [])
    except (
        nbclient.exceptions.CellExecutionError,
        nbclient.exceptions.CellTimeoutError,
        nbclient.exceptions.DeadKernelError,
    ) as error:
        raise Failed(COLOR.sub("", str(error))) from None


def _execute(client, extra: list[str]) -> float:
    """Execute the client's notebook, then the extra code; see `execute`."""
    import nbformat

    start = time.monotonic()
    cells = client.nb.cells
    count = len(cells)
    with client.setup_kernel(env=_environment()):
        for number in range(count):
            client.execute_cell(cells[number], number)
        seconds = time.monotonic() - start
        try:
            for code in extra:
                cells.append(nbformat.v4.new_code_cell(code))
                client.execute_cell(cells[-1], len(cells) - 1)
        finally:
            del cells[count:]
    return seconds


def find_solutions(notebook) -> list[str]:
    """Return the code of the exercises' solutions, in order."""
    return [
        code
        for cell in notebook["cells"]
        if cell["cell_type"] == "markdown"
        for code in SOLUTION.findall("".join(cell["source"]))
    ]


def run(path: str | os.PathLike, solutions: bool = False) -> float:
    """Execute a written notebook on a fresh kernel and change nothing.

    Args:
        path: The `.ipynb` file.
        solutions: As in `execute`.

    Returns:
        The seconds it took.

    Raises:
        Failed: If a cell raises an error.
    """
    import nbformat

    path = pathlib.Path(path)
    notebook = nbformat.read(path, as_version=4)
    return execute(notebook, path.resolve().parent, solutions)


def repository(root: str | os.PathLike) -> str:
    """Return the public address that pyproject.toml sets, or `""`.

    Raises:
        ValueError: If it is neither empty nor `OWNER/NAME` nor an https
            address.
    """
    text = (pathlib.Path(root) / "pyproject.toml").read_text("utf-8")
    # One line of TOML: Python 3.10 has no tomllib.
    found = re.search(
        r"^\[tool\.memnets\]$(?:\n(?!\[).*)*?"
        r"\nrepository *= *([\"'])(.*?)\1 *(?:#.*)?$",
        text,
        re.MULTILINE,
    )
    given = found[2].strip() if found else ""
    address = given.removesuffix("/").removesuffix(".git")
    if re.fullmatch(r"[\w.-]+/[\w.-]+", address):
        address = f"https://github.com/{address}"
    if address and not re.fullmatch(r"https://[\w.-]+(/[\w.~-]+)+", address):
        raise ValueError(
            f"repository in pyproject.toml must be empty, OWNER/NAME or an "
            f"https address, got {given!r}"
        )
    return address


def write_badges(root: str | os.PathLike) -> list[pathlib.Path]:
    """Write the repository's address into all sources and notebooks.

    The first cell installs from it where memnets is not found; a repository
    on GitHub also gets a badge that opens the notebook in Colab. With an empty
    address both are taken out again.

    Args:
        root: The folder of the clone.

    Returns:
        The paths of the files that changed.
    """
    address = repository(root)
    changed = []
    for source in sources(root):
        badge = _badge(address, target(source).name)
        text = source.read_text("utf-8")
        new = _readdress(text, address)
        # The first cell of a source is the title, commented line by line.
        new = re.sub(rf"^# {re.escape(BADGE)}.*\n#\n", "", new, flags=re.M)
        if badge:
            title = f"# {badge}\n#\n# # "
            new = re.sub(r"^# # ", title, new, count=1, flags=re.M)
        if new != text:
            _replace(source, new)
            changed.append(source)
        if target(source).exists() and _address_notebook(
            target(source), address, badge
        ):
            changed.append(target(source))
    return changed


def _address_notebook(path, address, badge) -> bool:
    """Write address and badge into one notebook; say if it changed."""
    notebook = json.loads(path.read_text("utf-8"))
    before = json.dumps(notebook)
    title = notebook["cells"][0]
    text = _unbadged("".join(title["source"]))
    title["source"] = _lines(f"{badge}\n\n{text}" if badge else text)
    for cell in notebook["cells"]:
        if "setup" in cell["metadata"].get("tags", ()):
            code = _readdress("".join(cell["source"]), address)
            cell["source"] = _lines(code)
    if json.dumps(notebook) == before:
        return False
    _write_json(path, notebook)
    return True


def _readdress(text: str, address: str) -> str:
    line = f'ADDRESS = "{address}"'
    return re.sub(r'^ADDRESS = ".*"$', line, text, count=1, flags=re.M)


def _unbadged(text: str) -> str:
    return re.sub(rf"^{re.escape(BADGE)}.*\n\n", "", text)


def _badge(address: str, name: str) -> str:
    """Return a badge's markdown; Colab opens what lies on GitHub only."""
    github = "https://github.com/"
    if not address.startswith(github):
        return ""
    colab = "https://colab.research.google.com"
    place = f"{address.removeprefix(github)}/blob/main/notebooks/{name}"
    return f"{BADGE}colab-badge.svg)]({colab}/github/{place})"


def _environment() -> dict[str, str]:
    """Return a kernel's environment: this memnets, and no greetings."""
    package = os.fspath(pathlib.Path(__file__).resolve().parent.parent)
    path = os.pathsep.join(filter(None, [package, os.getenv("PYTHONPATH")]))
    return {
        **os.environ,
        "PYTHONPATH": path,
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }


def _tidy(notebook) -> None:
    """Take out what would differ from one build to the next."""
    notebook.metadata = METADATA
    for cell in notebook.cells:
        tags = cell.metadata.get("tags")
        cell.metadata = {"tags": tags} if tags else {}
        if cell.cell_type == "code":
            cell.outputs = _joined(cell.outputs)
            for output in cell.outputs:
                _shrink(output.get("data", {}))


def _joined(outputs: list) -> list:
    """Drop what went to stderr; join text that came in several pieces."""
    kept = []
    for output in outputs:
        if output.get("name") == "stderr":
            continue
        if kept and output.get("name") == kept[-1].get("name", "") == "stdout":
            kept[-1]["text"] += output["text"]
        else:
            kept.append(output)
    return kept


def _shrink(data: dict) -> None:
    """Store a picture in 256 colours: a third of the bytes, as good to see."""
    from PIL import Image

    if "image/png" in data:
        picture = io.BytesIO(base64.b64decode(data["image/png"]))
        small = io.BytesIO()
        # Spread the colours over all that occur, however rare: a colour bar
        # is a small part of a dark picture.
        full = Image.open(picture).convert("RGB")
        method, dither = Image.Quantize.MAXCOVERAGE, Image.Dither.NONE
        full.quantize(256, method, dither=dither).save(small, "png", optimize=1)
        data["image/png"] = base64.b64encode(small.getvalue()).decode()


def _replace(path: pathlib.Path, text: str) -> None:
    """Write a file completely or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(text, "utf-8")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def _write_json(path: pathlib.Path, notebook) -> None:
    """Write a notebook as nbformat does, completely or not at all."""
    if hasattr(notebook, "cells"):
        import nbformat

        text = nbformat.writes(notebook).rstrip("\n") + "\n"
    else:
        text = json.dumps(notebook, ensure_ascii=False, indent=1) + "\n"
    _replace(path, text)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="notebooks/builder.py", description=__doc__.split(":")[0]
    )
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("build", help="execute and write notebooks")
    command.add_argument("names", nargs="*", help="such as 01_recall")
    command = commands.add_parser("run", help="execute; write nothing")
    command.add_argument("paths", nargs="+", help=".ipynb files")
    command.add_argument("--solutions", action="store_true")
    commands.add_parser("badges", help="write the repository's address")
    options = parser.parse_args(arguments)
    root = pathlib.Path(__file__).resolve().parent.parent
    try:
        if options.command == "build":
            build(root, options.names or None)
        elif options.command == "badges":
            for path in write_badges(root):
                print(path.relative_to(root))
        else:
            for path in options.paths:
                seconds = run(path, options.solutions)
                print(f"{path}: {seconds:.0f} s", flush=True)
    except (Failed, OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
