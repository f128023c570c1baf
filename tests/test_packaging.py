"""What is installed, named and promised is there, and nothing else is."""

import ast
import importlib.metadata
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

import memnets
from memnets import recordings
from memnets.recordings import RECORDINGS

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "memnets"
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())
# What works from recorded runs alone, in a second and without Keras. Of the
# last three that holds until they are asked to train.
NUMPY_HALF = [
    *sorted((PACKAGE / "tasks").glob("*.py")),
    *(
        path
        for path in sorted((PACKAGE / "kernels").glob("*.py"))
        if path.stem != "keras_models"
    ),
    *(
        PACKAGE / f"{name}.py"
        for name in "__init__ runs insides flows paths plots marks "
        "cell_drawing cell_plots cell_figures family family_drawing flow_plots "
        "numpy_lstm figures animations experiments recordings registry "
        "batches checks draws training results pool "
        "comparison comparison_plots __main__".split()
    ),
]
KERAS_HALF = {
    "memnets.by_hand",
    "memnets.cells",
    "memnets.highways",
    "memnets.inspection",
    "memnets.networks",
    "memnets.compiled",
    "memnets.engines",
    "memnets.initializers",
    "memnets.kernels.keras_models",
    "tensorflow",
    "keras",
}
PAGES = ["README.md", "CONTRIBUTING.md", "data/README.md", "docs/layers.md"]


def run(*command, cwd=ROOT, **environment):
    """Run a command; fail with all it said if it fails."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def tracked() -> list[str]:
    """Return the names of the files of the repository."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a clone: there is no list of its files")
    listed = run(
        "git", "ls-files", "-z", "--cached", "--others", "-X", ".gitignore"
    )
    return [n for n in listed.split("\0") if n and (ROOT / n).is_file()]


def imports_at_once(body) -> set[str]:
    """Return the modules that are imported when a module is."""
    found = set()
    for node in body:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(
            node.test
        ):
            found |= imports_at_once(node.orelse)
        else:
            found |= imports_at_once(ast.iter_child_nodes(node))
    return found


@pytest.mark.parametrize(
    "path", NUMPY_HALF, ids=lambda path: str(path.relative_to(ROOT))
)
def test_the_numpy_half_imports_no_keras(path):
    found = imports_at_once(ast.parse(path.read_text()).body)
    heads = found | {name.split(".")[0] for name in found}
    assert not heads & KERAS_HALF


def test_figures_and_the_command_line_come_without_tensorflow():
    said = run(
        sys.executable,
        "-c",
        "import sys, memnets.figures, memnets.__main__, memnets.recordings\n"
        "print({'keras', 'tensorflow'} & set(sys.modules))",
    )
    assert said.split("\n")[-2] == "set()"


def lines_of_code(path):
    """Count the lines that are neither empty, comment nor docstring."""
    text = path.read_text()
    said = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
            if ast.get_docstring(node):
                first = node.body[0]
                said.update(range(first.lineno, first.end_lineno + 1))
    return sum(
        bool(line.strip())
        and not line.strip().startswith("#")
        and number not in said
        for number, line in enumerate(text.splitlines(), start=1)
    )


def test_the_package_stays_small():
    assert sum(map(lines_of_code, PACKAGE.rglob("*.py"))) < 8500


def test_functions_stay_short():
    long = []
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                length = node.end_lineno - node.lineno + 1
                if ast.get_docstring(node):
                    text = node.body[0]
                    length -= text.end_lineno - text.lineno + 1
                if length > 40:
                    long.append(f"{path.name}: {node.name}, {length} lines")
    assert not long


def test_versions_and_requirements_agree():
    assert re.fullmatch(r"\d+\.\d+\.\d+", memnets.__version__)
    try:
        installed = importlib.metadata.version("memnets")
    except importlib.metadata.PackageNotFoundError:
        installed = memnets.__version__
    assert installed == memnets.__version__
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    needed = [line for line in lines if not line.startswith("#")]
    assert needed == SETTINGS["project"]["dependencies"]


def test_every_folder_of_the_package_is_installed():
    folders = {
        ".".join(path.parent.relative_to(ROOT).parts)
        for path in PACKAGE.rglob("__init__.py")
    }
    listed = SETTINGS["tool"]["setuptools"]["packages"]
    assert set(listed) == folders | {"memnets.data"}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Build wheel and source package from a copy, so as to leave no traces."""
    pytest.importorskip("setuptools", "77.0")
    folder = tmp_path_factory.mktemp("build")
    source = folder / "source"
    keep_out = shutil.ignore_patterns(".*", "build", "*.egg-info", "figures")
    shutil.copytree(ROOT, source, ignore=keep_out)
    for kind in ("wheel", "sdist"):
        code = (
            "from setuptools import build_meta\n"
            f"build_meta.build_{kind}({str(folder)!r})"
        )
        run(sys.executable, "-c", code, cwd=source)
    return folder


@pytest.mark.parametrize("kind", ["*.whl", "*.tar.gz"])
def test_installed_elsewhere_it_draws_from_its_own_data(built, kind, tmp_path):
    (package,) = built.glob(kind)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
    pip += ["--no-build-isolation", "--disable-pip-version-check"]
    target = tmp_path / "site"
    run(*pip, "--target", target, package)
    code = (
        "import memnets.figures, memnets.paths\n"
        "memnets.figures.save_figure('recall_learning', 'out', ['png'])\n"
        "print(memnets.paths.data())"
    )
    said = run(sys.executable, "-c", code, cwd=tmp_path, PYTHONPATH=str(target))
    assert pathlib.Path(said.splitlines()[-1]) == target / "memnets" / "data"
    assert (tmp_path / "out" / "recall_learning.png").stat().st_size > 10_000
    recorded = {f"{name}.npz" for name in RECORDINGS}
    assert recorded == {f.name for f in target.glob("memnets/data/runs/*")}


def origin(name):
    """Return what a recorded file says of the experiment and its seeds."""
    kept = recordings.load(name)
    if RECORDINGS[name].seeds == 1:
        seeds = f"{kept.settings['seed']}"
    else:
        seeds = f"{kept.seeds.min()} to {kept.seeds.max()}"
    assert kept.settings["experiment"] == RECORDINGS[name].experiment
    return name, kept.settings["experiment"], seeds


def test_every_recording_is_there_with_its_origin():
    rows = re.findall(
        r"^\| `(\w+)\.npz` \| `(.*?)` \| (.*?) \|$",
        (ROOT / "data" / "README.md").read_text(),
        re.MULTILINE,
    )
    assert rows == [origin(name) for name in RECORDINGS]
    files = {path.stem for path in (ROOT / "data" / "runs").glob("*.npz")}
    assert files == set(RECORDINGS)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_names_what_there_is(page):
    text = (ROOT / page).read_text()
    folder = (ROOT / page).parent
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", text)
    files = re.findall(
        r"`((?:[\w.-]+/)+[\w.-]*\.\w+|[\w-]+\.(?:py|toml))`", text
    )
    named = [name for name in links + files if "://" not in name]
    made_up = ("NN_", "NAME", "run.npz")
    missing = [
        name
        for name in named
        if not any(word in name for word in made_up)
        and not any((at / name).exists() for at in (folder, ROOT, PACKAGE))
    ]
    assert not missing


@pytest.mark.parametrize("page", PAGES)
def test_a_page_names_targets_and_commands_there_are(page):
    text = (ROOT / page).read_text()
    # In code only: a sentence may make things, too.
    spans = re.findall(r"```\w*\n(.*?)```|`([^`\n]+)`", text, re.DOTALL)
    code = "\n".join(block or word for block, word in spans)
    targets = set(re.findall(r"^make ([a-z]+)", code, re.MULTILINE))
    makefile = (ROOT / "Makefile").read_text()
    known = set(re.search(r"^\.PHONY: (.*)$", makefile, re.M)[1].split())
    assert targets <= known
    commands = set(
        re.findall(r"^(?:\S*/|python3? -m )?memnets ([a-z]+)", code, re.M)
    )
    said = run(sys.executable, "-m", "memnets", "--help")
    known = set(re.findall(r"^ {4}([a-z]+)(?: |$)", said, re.MULTILINE))
    assert commands <= known


def test_no_file_names_a_private_path_or_a_registry():
    private = re.compile(
        r"/(?:home|Users|root|work)/\w|/tmp/\w"
        r"|\bpypi[.]org|\bpythonhosted[.]org"
    )
    guilty = []
    for name in tracked():
        try:
            text = (ROOT / name).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        guilty += [f"{name}: {hit}" for hit in private.findall(text)]
    assert not guilty


def test_the_licence_is_mit():
    text = (ROOT / "LICENSE").read_text()
    assert text.startswith("MIT License\n")
    assert "memnets contributors" in text
    assert SETTINGS["project"]["license"] == "MIT"


def test_types_agree_where_they_help():
    pytest.importorskip("mypy")
    run(sys.executable, "-m", "mypy", "--no-error-summary", cwd=ROOT)
