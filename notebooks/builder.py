"""Build, run and address the notebooks: `python notebooks/builder.py`."""

import argparse
import base64
import hashlib
import io
import pathlib
import re
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
# No notebook may take longer than this on two cores, in seconds.
LIMIT = 60
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
METADATA = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
COLAB = "https://colab.research.google.com"
SOLUTION = re.compile(
    r"<summary>Solution</summary>.*?```python\n(.*?)```", re.DOTALL
)
# TensorFlow's notices when it starts, progress bars, and the notice of the
# first training. They would differ from build to build. Other warnings stay in
# the notebook, where a test finds them.
NOTICES = re.compile(
    r"WARNING: All log messages before absl|[IWE]\d{4} \d|WARNING:tensorflow:|"
    r"To enable the following instructions|.*(episodes|runs)/s|"
    r"memnets compiles its training kernel"
)


class Failed(RuntimeError):
    """A cell of a notebook raised an error."""


def sources(root, names=None) -> list[pathlib.Path]:
    """Return the source files of all notebooks, or of some by name."""
    folder = pathlib.Path(root) / "notebooks" / "source"
    known = {path.stem: path for path in sorted(folder.glob("*.py"))}
    for name in names or known:
        if name not in known:
            raise ValueError(
                f"notebook must be one of {', '.join(known)}, got {name!r}"
            )
    return [known[name] for name in names or known]


def target(source: pathlib.Path) -> pathlib.Path:
    """Return the notebook that is made from a source file."""
    return source.parent.parent / f"{source.stem}.ipynb"


def read_source(source: pathlib.Path):
    """Read a source as a notebook without outputs, with badge and address."""
    import jupytext

    notebook = jupytext.read(source, fmt="py:percent")
    notebook.metadata = METADATA
    address = repository(source.parents[2])
    texts: list[str] = []
    for cell in notebook.cells:
        # An id from the text alone: unchanged cells keep theirs.
        texts.append(cell.cell_type + cell.source)
        text = f"{texts[-1]}{texts.count(texts[-1])}"
        cell.id = hashlib.sha256(text.encode()).hexdigest()[:8]
        if "setup" in cell.metadata.get("tags", []):
            cell.source = set_address(cell.source, address)
    title = notebook.cells[0]
    title.source = badge(address, target(source).name) + title.source
    return notebook


def set_address(code: str, address: str) -> str:
    """Write the repository's address into the setup cell."""
    line = f'ADDRESS = "{address}"'
    return re.sub(r'^ADDRESS = ".*"$', line, code, flags=re.MULTILINE)


def badge(address: str, name: str) -> str:
    """Return a badge in Markdown; Colab opens only what lies on GitHub."""
    place = address.removeprefix("https://github.com/")
    if place == address:
        return ""
    image = f"[![Open In Colab]({COLAB}/assets/colab-badge.svg)]"
    return f"{image}({COLAB}/github/{place}/blob/main/notebooks/{name})\n\n"


def repository(root) -> str:
    """Return the public address that pyproject.toml sets, or an empty one."""
    text = (pathlib.Path(root) / "pyproject.toml").read_text("utf-8")
    # A line of TOML: Python 3.10 has no tomllib.
    given = re.search(r'^repository = "(.*)"', text, re.MULTILINE)[1]
    address = given.removesuffix("/").removesuffix(".git")
    if re.fullmatch(r"[\w.-]+/[\w.-]+", address):
        address = f"https://github.com/{address}"
    if address and not re.fullmatch(r"https://[\w.-]+(/[\w.~-]+)+", address):
        raise ValueError(
            f"repository in pyproject.toml must be empty, OWNER/NAME or an "
            f"https address, got {given!r}"
        )
    return address


def write_badges(root) -> list[pathlib.Path]:
    """Write badge and address into the notebooks; return those that change."""
    import nbformat

    changed = []
    for source in sources(root):
        path = target(source)
        notebook = nbformat.read(path, as_version=4)
        before = nbformat.writes(notebook)
        fresh = {cell.id: cell.source for cell in read_source(source).cells}
        for cell in notebook.cells:
            cell.source = fresh.get(cell.id, cell.source)
        if nbformat.writes(notebook) != before:
            nbformat.write(notebook, path)
            changed.append(path)
    return changed


def build(root, names=None) -> None:
    """Execute sources and write the notebooks with their outputs."""
    import nbformat

    for source in sources(root, names):
        notebook = read_source(source)
        seconds = execute(notebook, source.parent.parent)[-1]
        tidy(notebook)
        nbformat.write(notebook, target(source))
        print(f"{target(source).name}: {seconds:.0f} s", flush=True)


def run(path, solutions=False) -> float:
    """Execute a written notebook and change nothing; return the seconds.

    Solutions of its exercises can run after the last cell; they do not count.
    """
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    count = len(notebook.cells)
    if solutions:
        solved = find_solutions(notebook)
        notebook.cells += map(nbformat.v4.new_code_cell, solved)
    return execute(notebook, pathlib.Path(path).resolve().parent)[count - 1]


def execute(notebook, folder) -> list[float]:
    """Execute a notebook in a fresh kernel, its outputs put in place.

    Returns the seconds from the start to the end of each cell. Raises `Failed`
    if a cell raises an error.
    """
    import nbclient

    client = nbclient.NotebookClient(
        notebook,
        timeout=10 * LIMIT,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        record_timing=False,
        coalesce_streams=True,
    )
    errors = nbclient.exceptions
    start, seconds = time.monotonic(), []
    try:
        with client.setup_kernel():
            for number, cell in enumerate(notebook.cells):
                client.execute_cell(cell, number)
                seconds.append(time.monotonic() - start)
    except (errors.CellControlSignal, errors.DeadKernelError) as error:
        # Without the colours that a traceback has in a terminal.
        raise Failed(re.sub(r"\x1b\[[0-9;]*m", "", str(error))) from None
    return seconds


def find_solutions(notebook) -> list[str]:
    """Return the code of the exercises' solutions, in order."""
    cells = (c for c in notebook["cells"] if c["cell_type"] == "markdown")
    texts = ("".join(cell["source"]) for cell in cells)
    return [code for text in texts for code in SOLUTION.findall(text)]


def tidy(notebook) -> None:
    """Take out what differs from one build to the next."""
    notebook.metadata = METADATA
    for cell in notebook.cells:
        tags = cell.metadata.get("tags")
        cell.metadata = {"tags": tags} if tags else {}
        for output in cell.get("outputs", [])[:]:
            if output.output_type == "stream":
                lines = output.text.splitlines(keepends=True)
                lines = [line for line in lines if not NOTICES.match(line)]
                output.text = "".join(lines)
                if not output.text.strip():
                    cell.outputs.remove(output)
            elif "image/png" in output.get("data", {}):
                output.data["image/png"] = shrink(output.data["image/png"])


def shrink(picture: str) -> str:
    """Store a picture in 256 colours: a third of the bytes, as good to see."""
    from PIL import Image

    full = Image.open(io.BytesIO(base64.b64decode(picture))).convert("RGB")
    small = io.BytesIO()
    # Spread the colours over all that occur, however rare: a colour bar is a
    # small part of a dark picture.
    method, dither = Image.Quantize.MAXCOVERAGE, Image.Dither.NONE
    full.quantize(256, method, dither=dither).save(small, "png", optimize=1)
    return base64.b64encode(small.getvalue()).decode()


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="notebooks/builder.py")
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("build", help="execute and write notebooks")
    command.add_argument("names", nargs="*", help="such as 01_recall")
    command = commands.add_parser("run", help="execute; write nothing")
    command.add_argument("paths", nargs="+", help=".ipynb files")
    command.add_argument("--solutions", action="store_true")
    commands.add_parser("badges", help="write the repository's address")
    options = parser.parse_args(arguments)
    try:
        if options.command == "build":
            build(ROOT, options.names)
        elif options.command == "badges":
            print(*write_badges(ROOT), sep="\n")
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
